"""The answer to one request: reasoning, then what is said, and how it ends."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

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
        self._thinking = self._tokens_of_reasoning()
        self._natural = self._thinking + self._tokens_of_content()
        whole = wanted.limit if wanted.ignore_end else max(self._natural + 1, wanted.least)
        self.length = max(min(whole, wanted.limit), 1)
        self.finish_reason, self.matched_stop = self._own_end()

    @property
    def tool(self) -> tuple[str, str] | None:
        """Name and arguments of the tool call that it is."""
        return self._wanted.tool

    def with_reasoning(self, share: float) -> "Composed":
        """The same answer with another share of reasoning."""
        return Composed(replace(self._wanted, reasoning_share=share))

    def pieces(self) -> Iterator[Piece]:
        """All parts are chained in C: this is asked for each token of each stream."""
        wanted = self._wanted
        self.finish_reason, self.matched_stop = self._own_end()
        source: Iterator[Piece] = islice(chain(*self._parts()), self.length)
        if wanted.separate and not wanted.stream_reasoning:
            source = _reasoning_at_once(source)
        return _until_stop(source, wanted, self) if wanted.stops else source

    def _own_end(self) -> tuple[str, int | str | None]:
        """How it ends where no stop string ends it."""
        wanted = self._wanted
        if wanted.ignore_end or wanted.limit < max(self._natural + 1, wanted.least):
            return "length", None
        return ("tool_calls", None) if wanted.tool else ("stop", END_OF_SENTENCE)

    def _parts(self) -> Iterator[Iterable[Piece]]:
        """Reasoning, what is said, more of it where the end is not let happen, and the end."""
        wanted = self._wanted
        if self._thinking:
            kind = "reasoning" if wanted.separate else "content"
            yield filler(kind, self._thinking - 2, wanted.seed ^ 0x5EA)
            yield (
                Piece("reasoning", "", b"") if wanted.separate else _piece(THINK_ENDS, "content"),
                _piece(BREAK, "content") if wanted.tool is None else _END,
            )
        if wanted.tool is not None:
            yield _written(wanted.tool[1], "tool")
        elif wanted.said is not None:
            yield _written(wanted.said, "content")
        else:
            yield filler("content", self._tokens_of_content(), wanted.seed)
        if wanted.ignore_end:
            yield filler("content", max(wanted.limit - self._natural, 0), wanted.seed ^ 0xE05)
        else:
            yield filler("content", max(wanted.least - 1 - self._natural, 0), wanted.seed ^ 0xE05)
            yield (_END,)

    def _tokens_of_reasoning(self) -> int:
        """Tokens of reasoning, the mark of its end and the break behind it among them."""
        wanted = self._wanted
        if not wanted.reasons or not wanted.reasoning_share:
            return 0
        return max(round((wanted.limit if wanted.ignore_end else wanted.natural) * wanted.reasoning_share), 3)

    def _tokens_of_content(self) -> int:
        wanted = self._wanted
        if wanted.tool is not None:
            return tokens.count(wanted.tool[1])
        if wanted.said is not None:
            return tokens.count(wanted.said)
        return max((wanted.limit if wanted.ignore_end else wanted.natural) - self._thinking, 1)


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
