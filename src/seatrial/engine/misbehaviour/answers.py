"""Answers that end too early."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from seatrial.engine.answers.answer import Answer, Piece
from seatrial.engine.misbehaviour.spec import Spec
from seatrial.engine.openai.plan import Plan


def shortened(plan: Plan, specs: tuple[Spec, ...]) -> Plan:
    """The plan with its answers cut where a misbehaviour says so."""
    for spec in specs:
        if spec.name == "short":
            plan = replace(plan, answers=tuple(Short(answer, spec.count) for answer in plan.answers))
    return plan


class Short:
    """The first tokens of an answer, as if a limit had been reached that nobody set."""

    def __init__(self, answer: Answer, tokens: int) -> None:
        self._answer = answer
        self.length = min(answer.length, tokens)
        self.finish_reason = "length"
        self.matched_stop = None

    def pieces(self) -> Iterator[Piece]:
        return islice(self._answer.pieces(), self.length)
