"""What a set is aimed at: the facts about its cluster, nodes and storage that manifests do not say.

Facts come from a `seatrial.toml`, from options or from a live cluster. A fact that is not stated is not guessed:
`Target.need` raises MissingFact, and the requirement that asked cannot tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seatrial.finding import Where
from seatrial.target import target_file
from seatrial.target.fact_types import ExistingObject, Taint, WrongValue
from seatrial.target.facts import FACTS, Fact, declared, unknown
from seatrial.target.target_file import TargetError
from seatrial.target.waiver import Waiver

__all__ = [
    "FACTS",
    "TARGET_FILE",
    "ExistingObject",
    "Fact",
    "FactPlace",
    "MissingFact",
    "Taint",
    "Target",
    "TargetError",
    "load",
    "parse",
]

TARGET_FILE = "seatrial.toml"
"""The name of the file beside the manifests that states the facts."""


class MissingFact(LookupError):
    """A requirement needs a fact that the target does not state. `supply` is the entry that would state it."""

    def __init__(self, fact: str) -> None:
        super().__init__(fact)
        self.fact = fact
        self.meaning = declared(fact).meaning
        self.supply = f"seatrial.toml: {declared(fact).entry(fact)}"

    def __str__(self) -> str:
        return f"the target does not state `{self.fact}` ({self.meaning})"


@dataclass(frozen=True, slots=True)
class FactPlace:
    """A fact as the place of a finding."""

    file: str
    line: int
    name: str

    def where(self) -> Where:
        """File and line of the fact; its object is `Target/<name>`."""
        return Where(self.file, self.line, self.name, f"Target/{self.name}")


@dataclass(frozen=True, slots=True)
class Target:
    """Facts by dotted name, with the place each was stated at, and the user's waivers."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()

    @classmethod
    def empty(cls) -> "Target":
        """A target that states nothing."""
        return cls()

    def get(self, name: str) -> Any:
        """The value of a fact, None when it is not stated. Raises KeyError for a name that is not declared."""
        declared(name)
        return self.facts.get(name)

    def need(self, name: str) -> Any:
        """The value of a fact. Raises MissingFact when it is not stated, KeyError when it is not declared."""
        value = self.get(name)
        if value is None:
            raise MissingFact(name)
        return value

    def below(self, prefix: str) -> dict[str, Any]:
        """All stated facts whose name starts with `prefix`, for facts under keys of the user's: `stock.`."""
        return {name: value for name, value in self.facts.items() if name.startswith(prefix)}

    def source(self, name: str) -> str:
        """Where a fact was stated, `file:line` or the option's name; empty when it is not stated."""
        file, line = self.places.get(name, ("", 0))
        return f"{file}:{line}" if line else file

    def place(self, name: str) -> FactPlace:
        """A fact as something a finding can point at."""
        file, line = self.places.get(name, ("", 0))
        return FactPlace(file, line, name)

    def override(self, facts: Mapping[str, object], source: str = "command line") -> "Target":
        """A target in which these facts go before the stated ones. Raises TargetError with every wrong one."""
        merged, problems = dict(self.facts), list[str]()
        for name, raw in facts.items():
            try:
                merged[name] = declared(name).check(raw)
            except KeyError:
                problems.append(f"{source}: {unknown(name)}")
            except WrongValue as wrong:
                problems.append(f"{source}: `{name}` has to be {wrong}")
        if problems:
            raise TargetError(problems)
        return replace(self, facts=merged, places={**self.places, **dict.fromkeys(facts, (source, 0))})


def load(path: Path) -> Target:
    """Read a target file. Raises TargetError with every problem of the file at once."""
    return Target(*target_file.read(path))


def parse(text: str, path: Path) -> Target:
    """Read the text of a target file; `path` is what messages call it. Raises TargetError as `load` does."""
    return Target(*target_file.parse(text, path))
