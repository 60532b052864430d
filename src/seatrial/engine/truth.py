"""What the engine really did: when each event was due, when it was handed to the kernel, what was asked.

Bounded: the oldest requests are forgotten first, and how many is said.
"""

import json
import time
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

KINDS = ("reasoning", "content", "tool", "role", "finish", "usage", "done", "error", "comment", "head", "body")
"""What an event carried; only the first three are tokens."""
TOKEN_KINDS = 3
_KIND = {name: number for number, name in enumerate(KINDS)}
_TOKENS = len(KINDS)
"""`what` of an event is its number of tokens times this, plus its kind."""
LONGEST_US = 0xFFFF_FFFF
"""Offsets are microseconds in 32 bits: 71 minutes after the request came."""


def what(kind: str, tokens: int = 0) -> int:
    """Kind and tokens of an event as the log keeps them."""
    return tokens * _TOKENS + _KIND[kind]


def carries(code: int, *kinds: str) -> bool:
    """Whether an event is of one of these kinds."""
    return KINDS[code % _TOKENS] in kinds


@dataclass(slots=True, eq=False)
class Record:
    """One request. Times are those of `time.monotonic_ns()`, events are microseconds after `received_ns`."""

    id: str
    path: str
    received_ns: int
    streaming: bool
    prompt_tokens: int = 0
    asked_tokens: int | None = None
    due_us: "array[int]" = field(default_factory=lambda: array("I"))
    sent_us: "array[int]" = field(default_factory=lambda: array("I"))
    what: "array[int]" = field(default_factory=lambda: array("I"))
    ended_ns: int = 0
    outcome: str = ""
    """How it ended: a finish reason, `disconnected`, or what went wrong on purpose; empty while it runs."""
    misbehaviour: str = ""

    @property
    def tokens(self) -> int:
        return sum(one // _TOKENS for one in self.what if one % _TOKENS < TOKEN_KINDS)

    @property
    def all_tokens(self) -> int:
        """Tokens that were generated, those among them that showed nothing or were sent as a whole."""
        return sum(one // _TOKENS for one in self.what)

    def token_times(self) -> Iterator[tuple[int, int]]:
        """When tokens left, in microseconds after the receipt, and how many at a time."""
        for at, one in zip(self.sent_us, self.what, strict=True):
            if one >= _TOKENS:
                yield at, one // _TOKENS

    def add(self, due_ns: int, sent_ns: int, code: int) -> None:
        """Note an event that was due, and handed to the kernel, at these times."""
        start = self.received_ns
        due, sent = (due_ns - start) // 1000, (sent_ns - start) // 1000
        if due < 0 or sent < 0 or sent > LONGEST_US:
            due, sent = min(max(due, 0), LONGEST_US), min(max(sent, 0), LONGEST_US)
        self.due_us.append(due)
        self.sent_us.append(sent)
        self.what.append(code)

    def add_all(self, dues_ns: Sequence[int], sent_ns: int, code: int) -> None:
        """Note events of one kind that left together."""
        if len(dues_ns) == 1:
            self.add(dues_ns[0], sent_ns, code)
            return
        start = self.received_ns
        if not start <= dues_ns[0] <= dues_ns[-1] <= sent_ns <= start + LONGEST_US * 1000:
            for due_ns in dues_ns:
                self.add(due_ns, sent_ns, code)
            return
        count = len(dues_ns)
        self.due_us.extend([(due_ns - start) // 1000 for due_ns in dues_ns])
        self.sent_us.extend([(sent_ns - start) // 1000] * count)
        self.what.extend([code] * count)

    def end(self, outcome: str, now_ns: int) -> None:
        if not self.ended_ns:
            self.outcome, self.ended_ns = outcome, now_ns

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "path": self.path,
            "streaming": self.streaming,
            "received_ns": self.received_ns,
            "ended_ns": self.ended_ns or None,
            "outcome": self.outcome or None,
            "misbehaviour": self.misbehaviour or None,
            "prompt_tokens": self.prompt_tokens,
            "asked_tokens": self.asked_tokens,
            "due_us": list(self.due_us),
            "sent_us": list(self.sent_us),
            "tokens": [one // _TOKENS for one in self.what],
            "kinds": [KINDS[one % _TOKENS] for one in self.what],
        }


class Truth:
    """The send log: at most about `events` events; the oldest requests that have ended make room."""

    def __init__(self, events: int) -> None:
        self._bound = events
        self._held = 0
        self._records: deque[Record] = deque()
        self.forgotten = 0
        self.since_ns = time.monotonic_ns()
        self.peak_streams = 0
        self._streams = 0

    def begin(self, record: Record) -> Record:
        self._records.append(record)
        self._streams += 1
        self.peak_streams = max(self.peak_streams, self._streams)
        return record

    def ended(self, record: Record) -> None:
        """Count an ended request, and forget the oldest ones while there are too many events."""
        self._streams -= 1
        self._held += len(record.what) + 1
        while self._held > self._bound and self._records and self._records[0].ended_ns:
            self._held -= len(self._records.popleft().what) + 1
            self.forgotten += 1

    def reset(self) -> int:
        """Forget what has ended. Returns how many requests that were."""
        running = [one for one in self._records if not one.ended_ns]
        gone = len(self._records) - len(running)
        self._records = deque(running)
        self._held = self.forgotten = 0
        self.peak_streams = self._streams
        self.since_ns = time.monotonic_ns()
        return gone

    def lines(self) -> Iterator[bytes]:
        """The log as JSON lines: first what holds for all, then one line a request."""
        yield json.dumps(self.head()).encode() + b"\n"
        for record in list(self._records):
            yield json.dumps(record.as_json()).encode() + b"\n"

    def head(self) -> dict[str, object]:
        """Clocks, so that stamps of one host can be laid side by side, and how much is held."""
        return {
            "schema": 1,
            "monotonic_ns": time.monotonic_ns(),
            "wall_ns": time.time_ns(),
            "since_ns": self.since_ns,
            "requests": len(self._records),
            "running": self._streams,
            "forgotten": self.forgotten,
            "peak_streams": self.peak_streams,
        }

    def summary(self) -> dict[str, object]:
        """Quantiles of what was really sent, in milliseconds, over the requests that have ended."""
        done = [record for record in self._records if record.ended_ns]
        late: array[int] = array("I")
        first: array[int] = array("I")
        gaps: array[int] = array("I")
        for record in done:
            sent = [at for at, one in zip(record.sent_us, record.what, strict=True) if one % _TOKENS < TOKEN_KINDS]
            late.extend(max(at - due, 0) for at, due in zip(record.sent_us, record.due_us, strict=True))
            first.extend(sent[:1])
            gaps.extend(max(b - a, 0) for a, b in pairwise(sent))
        figures = {"send_lag_ms": late, "ttft_ms": first, "gap_ms": gaps}
        tokens = sum(record.tokens for record in done)
        return self.head() | {"tokens": tokens} | {name: quantiles(values) for name, values in figures.items()}


def quantiles(values_us: Sequence[int]) -> dict[str, float | int]:
    """Count and the usual quantiles (nearest rank) of microseconds, in milliseconds."""
    if not values_us:
        return {"n": 0}
    ordered = sorted(values_us)
    last = len(ordered) - 1
    named = {f"p{share:g}": ordered[round(last * share / 100)] / 1000 for share in (50, 90, 95, 99)}
    return {"n": len(ordered), **named, "max": ordered[-1] / 1000}
