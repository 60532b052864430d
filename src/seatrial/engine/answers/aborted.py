"""What is left of an answer that was broken off."""

from collections.abc import Iterator
from itertools import islice

from seatrial.engine.answers.answer import Answer, Piece


class Aborted:
    """The first tokens of an answer."""

    finish_reason = "abort"
    matched_stop = None

    def __init__(self, answer: Answer, tokens: int) -> None:
        self._answer = answer
        self.length = min(answer.length, tokens)

    def pieces(self) -> Iterator[Piece]:
        return islice(self._answer.pieces(), self.length)
