"""What a requirement can say about a set: findings, and the two honest ways of not having one."""

from dataclasses import asdict, dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Where:
    """A place as the user sees it: file, line from 1 (0 if unknown), dotted path, `Kind/name`."""

    file: str
    line: int
    path: str
    object: str


class Place(Protocol):
    """Anything a finding can point at: a node of a manifest, a line of a script, a fact of the target."""

    def where(self) -> Where: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a requirement does not hold.

    `why`, `fix` and `source` are those of the requirement unless the finding knows better.
    """

    place: Place
    observed: str
    expected: str
    why: str = ""
    fix: str = ""
    source: str = ""


class CannotTell(Exception):
    """A fact is missing. Raised or yielded by a requirement; `supply` says what would provide the fact."""

    def __init__(self, reason: str, supply: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.supply = supply


class NotApplicable(Exception):
    """The requirement says nothing about this subject. Raised or yielded; never counts as judged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Blocked(Exception):
    """What this requirement reads is broken already; `by` is the requirement that reports it."""

    def __init__(self, by: str, reason: str) -> None:
        super().__init__(reason)
        self.by = by
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reported:
    """A finding as it stands in results, with its place looked up and its texts filled in."""

    file: str
    line: int
    path: str
    object: str
    observed: str
    expected: str
    why: str
    fix: str
    source: str

    def as_dict(self) -> dict[str, str | int]:
        return asdict(self)
