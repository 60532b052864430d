"""Ways through a script. A question that cannot be decided is answered both ways, one evaluation per answer."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

MOST_WAYS = 32


@dataclass(slots=True)
class Choices:
    """Answers along one way: the ``given`` ones first, then True. The same question gets the same answer again."""

    given: tuple[bool, ...] = ()
    taken: list[bool] = field(default_factory=list)
    asked: int = 0
    memory: dict[Hashable, bool] = field(default_factory=dict)

    def decide(self, question: Hashable) -> bool:
        self.asked += 1
        if question not in self.memory:
            at = len(self.taken)
            self.taken.append(self.given[at] if at < len(self.given) else True)
            self.memory[question] = self.taken[at]
        return self.memory[question]


def explore(evaluate: Callable[[Choices], T]) -> tuple[list[T], bool]:
    """Evaluate every way, at most 32; the flag says whether all of them were seen."""
    results: list[T] = []
    pending: list[tuple[bool, ...]] = [()]
    while pending and len(results) < MOST_WAYS:
        given = pending.pop()
        choices = Choices(given)
        results.append(evaluate(choices))
        taken = choices.taken
        pending += [(*taken[:at], not taken[at]) for at in range(len(taken) - 1, len(given) - 1, -1)]
    return results, not pending
