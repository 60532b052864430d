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
    reasons: bool = True
    ignore_end: bool = False
    stops: Sequence[str] = ()
    tool: tuple[str, str] | None = None
    """Name and arguments of a tool call that is the answer."""


class Composed:
    """An answer made token by token; `finish_reason` and `matched_stop` hold once all of it was taken."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.finish_reason = "length"
        self.matched_stop: int | str | None = None
        whole = wanted.limit if wanted.ignore_end else self._natural_length() + 1
        self.length = max(min(whole, wanted.limit), 1)

    @property
    def tool(self) -> str | None:
        """The name of the tool that it calls."""
        return self._wanted.tool[0] if self._wanted.tool else None

    def pieces(self) -> Iterator[Piece]:
        source = self._limited()
        yield from _until_stop(source, self._wanted.stops, self) if self._wanted.stops else source

    def _limited(self) -> Iterator[Piece]:
        wanted = self._wanted
        left = self.length
        self.finish_reason, self.matched_stop = "length", None
        for piece in self._endless() if wanted.ignore_end else self._natural():
            if not left:
                return
            yield piece
            left -= 1
        if left:
            self.finish_reason = "tool_calls" if wanted.tool else "stop"
            self.matched_stop = None if wanted.tool else END_OF_SENTENCE
            yield Piece("content", "", b"")

    def _natural_length(self) -> int:
        wanted = self._wanted
        if wanted.tool is not None:
            return self._thinking + tokens.count(wanted.tool[1])
        return self._thinking + (tokens.count(wanted.said) if wanted.said is not None else self._saying)

    @property
    def _thinking(self) -> int:
        """Tokens of reasoning, the mark of its end among them."""
        return round(self._wanted.natural * self._wanted.reasoning_share) if self._wanted.reasons else 0

    @property
    def _saying(self) -> int:
        return max(self._wanted.natural - self._thinking, 1)

    def _natural(self) -> Iterator[Piece]:
        wanted = self._wanted
        yield from self._reasoning()
        if wanted.tool is not None:
            yield from _written(wanted.tool[1], "tool")
        elif wanted.said is not None:
            yield from _written(wanted.said, "content")
        else:
            yield from filler("content", self._saying, wanted.seed)

    def _reasoning(self) -> Iterator[Piece]:
        wanted, thinking = self._wanted, self._thinking
        if thinking < 1:
            return
        yield from filler("reasoning" if wanted.separate else "content", thinking - 1, wanted.seed ^ 0x5EA)
        yield Piece("reasoning", "", b"") if wanted.separate else _piece(THINK_ENDS + "\n\n", "content")

    def _endless(self) -> Iterator[Piece]:
        """As many tokens as the limit allows, of which the share is reasoning."""
        wanted = self._wanted
        thinking = round(wanted.limit * wanted.reasoning_share) if wanted.reasons else 0
        if thinking:
            yield from filler("reasoning" if wanted.separate else "content", thinking, wanted.seed ^ 0x5EA)
        if wanted.said is not None:
            yield from _written(wanted.said, "content")
        yield from filler("content", wanted.limit, wanted.seed)


def _written(text: str, kind: str) -> Iterator[Piece]:
    return (_piece(token, kind) for token in tokens.split(text))


def _piece(text: str, kind: str) -> Piece:
    return Piece(kind, text, json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "replace"))


def _until_stop(source: Iterable[Piece], stops: Sequence[str], answer: Composed) -> Iterator[Piece]:
    """One piece for each token of a text that ends before a stop string; what may begin one is held back.

    Reasoning is not searched.
    """
    held = ""
    for piece, last in _marked(source):
        if piece.kind != "content":
            yield piece
            continue
        held += piece.text
        found = min(((at, stop) for stop in stops if (at := held.find(stop)) >= 0), default=None)
        if found is not None:
            answer.finish_reason, answer.matched_stop = "stop", found[1]
            yield _piece(held[: found[0]], "content")
            return
        safe = len(held) if last or not piece.text else len(held) - _may_begin(held, stops)
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
