"""Answers that are others than asked for: they end too early, or reason more or less."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from seatrial.engine.answers.answer import Answer, Piece
from seatrial.engine.answers.composed import Composed
from seatrial.engine.misbehaviour.spec import Spec
from seatrial.engine.openai.plan import Plan


def changed(plan: Plan, specs: tuple[Spec, ...]) -> Plan:
    """The plan with its answers as misbehaviours want them."""
    for spec in specs:
        if spec.name == "short":
            plan = replace(plan, answers=tuple(Short(answer, spec.count) for answer in plan.answers))
        elif spec.name == "reasoning-share" and isinstance(spec.value, float):
            plan = replace(plan, answers=tuple(_reasoning(answer, spec.value) for answer in plan.answers))
    return plan


def _reasoning(answer: Answer, share: float) -> Answer:
    return answer.with_reasoning(share) if isinstance(answer, Composed) else answer


class Short:
    """The first tokens of an answer, as if a limit had been reached that nobody set."""

    def __init__(self, answer: Answer, tokens: int) -> None:
        self._answer = answer
        self.length = min(answer.length, tokens)
        self.finish_reason = "length"
        self.matched_stop = None

    def pieces(self) -> Iterator[Piece]:
        return islice(self._answer.pieces(), self.length)
