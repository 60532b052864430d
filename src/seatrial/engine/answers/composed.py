"""The answer to one request: reasoning, then what is said, and how it ends."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from seatrial.engine.answers import tokens
from seatrial.engine.answers.answer import Piece
from seatrial.engine.answers.words import filler

END_OF_SENTENCE = 1
"""DeepSeek's token."""
THINK_ENDS = "</think>"
BREAK = "\n\n"
"""What R1 writes between its reasoning and its answer (sglang-server facts 4.3)."""
_END = Piece("content", "", b"")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one choice has to be. `said` is the text of an answer that is known; `limit` the most tokens allowed."""

    seed: int
    natural: int
    """Tokens that it has when nothing limits it, its end not counted."""
    limit: int
    reasoning_share: float
    said: str | None = None
    separate: bool = True
    """Whether reasoning is told apart; else it stands in the content, with the mark of its end."""
    stream_reasoning: bool = True
    """Whether reasoning is told token by token; else all at once when it has ended."""
    reasons: bool = True
    ignore_end: bool = False
    least: int = 0
    """Tokens before which it must not end."""
    stops: Sequence[str] = ()
    keeps_stop: bool = False
    """Whether the stop string that it ends at is part of it."""
    tool: tuple[str, str] | None = None
    """Name and arguments of a tool call that is the answer."""


class Composed:
    """An answer made token by token; `finish_reason` and `matched_stop` hold once all of it was taken."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.finish_reason = "length"
        self.matched_stop: int | str | None = None
        self._thinking = self._tokens_of_reasoning()
        whole = wanted.limit if wanted.ignore_end else self._natural_length() + 1
        self.length = max(min(max(whole, wanted.least), wanted.limit), 1)

    @property
    def tool(self) -> tuple[str, str] | None:
        """Name and arguments of the tool call that it is."""
        return self._wanted.tool

    def pieces(self) -> Iterator[Piece]:
        self.finish_reason, self.matched_stop = "length", None
        source = self._limited()
        if not self._wanted.stream_reasoning and self._wanted.separate:
            source = _reasoning_at_once(source)
        if not self._wanted.stops:
            return source
        return _until_stop(source, self._wanted, self)

    def _limited(self) -> Iterator[Piece]:
        """The tokens up to the limit, the end of the sentence being one of them."""
        wanted, left = self._wanted, self.length
        for piece in self._flow():
            if not left:
                return
            yield piece
            left -= 1
        if left:
            self.finish_reason = "tool_calls" if wanted.tool else "stop"
            self.matched_stop = None if wanted.tool else END_OF_SENTENCE
            yield _END

    def _flow(self) -> Iterator[Piece]:
        """What would be said if nothing but its own end ended it."""
        wanted = self._wanted
        yield from self._reasoning()
        if wanted.tool is not None:
            yield from _written(wanted.tool[1], "tool")
        elif wanted.said is not None:
            yield from _written(wanted.said, "content")
        else:
            yield from filler("content", self._saying, wanted.seed)
        if wanted.ignore_end or wanted.least > self._natural_length():
            more = (wanted.limit if wanted.ignore_end else wanted.least - 1) - self._natural_length()
            yield from filler("content", max(more, 0), wanted.seed ^ 0xE05)

    def _tokens_of_reasoning(self) -> int:
        """Tokens of reasoning, the mark of its end and the break behind it among them."""
        wanted = self._wanted
        if not wanted.reasons or not wanted.reasoning_share:
            return 0
        return max(round((wanted.limit if wanted.ignore_end else wanted.natural) * wanted.reasoning_share), 3)

    @property
    def _saying(self) -> int:
        return max((self._wanted.limit if self._wanted.ignore_end else self._wanted.natural) - self._thinking, 1)

    def _natural_length(self) -> int:
        wanted = self._wanted
        if wanted.tool is not None:
            return self._thinking + tokens.count(wanted.tool[1])
        return self._thinking + (tokens.count(wanted.said) if wanted.said is not None else self._saying)

    def _reasoning(self) -> Iterator[Piece]:
        wanted, thinking = self._wanted, self._thinking
        if not thinking:
            return
        yield from filler("reasoning" if wanted.separate else "content", thinking - 2, wanted.seed ^ 0x5EA)
        yield Piece("reasoning", "", b"") if wanted.separate else _piece(THINK_ENDS, "content")
        yield _piece(BREAK, "content") if wanted.tool is None else _END


def _written(text: str, kind: str) -> Iterator[Piece]:
    return (_piece(token, kind) for token in tokens.split(text))


def _piece(text: str, kind: str) -> Piece:
    return Piece(kind, text, json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "replace"))


def _reasoning_at_once(source: Iterable[Piece]) -> Iterator[Piece]:
    """Each token of reasoning adds nothing, but its last one adds it all."""
    held = ""
    for piece, last in _marked(source):
        if piece.kind != "reasoning":
            yield piece
        elif piece.text and not last:
            held += piece.text
            yield Piece("reasoning", "", b"")
        else:
            yield _piece(held + piece.text, "reasoning")


def _until_stop(source: Iterable[Piece], wanted: Wanted, answer: Composed) -> Iterator[Piece]:
    """One piece for each token of a text that ends before a stop string; what may begin one is held back.

    Reasoning is not searched, nor what comes before the least number of tokens.
    """
    held, stops, number = "", wanted.stops, 0
    for piece, last in _marked(source):
        number += 1
        if piece.kind != "content" or number < wanted.least:
            yield piece
            continue
        held += piece.text
        found = min(((at, stop) for stop in stops if (at := held.find(stop)) >= 0), default=None)
        if found is not None:
            at, stop = found
            answer.finish_reason, answer.matched_stop = "stop", stop
            yield _piece(held[: at + len(stop)] if wanted.keeps_stop else held[:at], "content")
            return
        safe = len(held) if last or piece is _END else len(held) - _may_begin(held, stops)
        yield _piece(held[:safe], "content")
        held = held[safe:]


def _marked(source: Iterable[Piece]) -> Iterator[tuple[Piece, bool]]:
    """Each piece, and whether it is the last."""
    pieces = iter(source)
    before = next(pieces, None)
    for piece in pieces:
        if before is not None:
            yield before, False
        before = piece
    if before is not None:
        yield before, True


def _may_begin(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of a text that a stop string begins with."""
    longest = min(len(text), max(map(len, stops)))
    return next((size for size in range(longest, 0, -1) if any(stop.startswith(text[-size:]) for stop in stops)), 0)
