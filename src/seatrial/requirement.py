"""The decorator that makes a test function a requirement, and the rules a requirement keeps."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from seatrial.clusters.capability import Capability
from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.verdict import Level

Outcomes = Iterator[Finding | CannotTell | NotApplicable]
Check = TypeVar("Check", bound=Callable[..., Any])

ID = re.compile(r"[A-Z][A-Z0-9]{1,3}-\d\d\Z")
_KEYWORD = re.compile(r"\b(MUST|SHOULD)\b( NOT\b)?")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One sentence that a deployment has to fulfil, with everything a reader needs to act on it."""

    id: str
    level: Level
    sentence: str
    why: str
    fix: str
    sources: tuple[str, ...]
    subject: str
    check: Callable[..., Outcomes]
    needs: tuple[Capability, ...] = ()
    """What a cluster has to be able to show before this can be decided; nothing for the static layer."""

    @property
    def area(self) -> str:
        return self.id.partition("-")[0]

    @property
    def disruptive(self) -> bool:
        """Whether judging it changes or breaks what runs."""
        return Capability.DISRUPT in self.needs

    @property
    def source(self) -> str:
        return ", ".join(self.sources)


class BadRequirement(Exception):
    """A test that calls itself a requirement and breaks the rules. The message names the test and the rule."""


def requirement(
    id: str, *, why: str, fix: str, source: str | tuple[str, ...] = (), needs: tuple[Capability, ...] = ()
) -> Callable[[Check], Check]:
    """Declare a test function as requirement `id`.

    `why` is what happens when it does not hold, `fix` how to satisfy it, each one sentence; `source` names issues
    or documents; without one of the capabilities in `needs` nobody can tell. The first paragraph of the docstring is
    the requirement itself.
    """

    def declare(check: Check) -> Check:
        sources = (source,) if isinstance(source, str) else source
        check.__seatrial__ = (id, why, fix, sources, needs)  # type: ignore[attr-defined]  # a mark on the function
        return check

    return declare


def declared(function: object) -> bool:
    return hasattr(function, "__seatrial__")


def read(function: Callable[..., Any]) -> Requirement:
    """The requirement that `function` declares. Raises BadRequirement naming everything that is wrong with it."""
    id, why, fix, sources, needs = function.__seatrial__  # type: ignore[attr-defined]  # set by the decorator
    sentence = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    keywords = _KEYWORD.findall(sentence)
    parameters = list(inspect.signature(function).parameters)
    problems = [
        problem
        for broken, problem in (
            (not ID.match(id), f"id `{id}` is not of the form AREA-NN"),
            (len(keywords) != 1, f"its docstring holds {len(keywords)} of MUST, MUST NOT, SHOULD, SHOULD NOT, not one"),
            (len(parameters) != 1, f"it takes {len(parameters)} parameters; a requirement takes one, its subject"),
            (not why or not fix, "`why` and `fix` have to say something"),
        )
        if broken
    ]
    if problems:
        raise BadRequirement(f"{function.__name__}: {'; '.join(problems)}")
    level = Level("".join(keywords[0]))
    return Requirement(id, level, sentence, why, fix, sources, parameters[0], function, needs)
