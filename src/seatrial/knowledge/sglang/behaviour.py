"""How SGLang's releases behave once their arguments are accepted: paths, health answers, variables, names.

The facts stand in ``behaviour.toml``, each with the releases for which it holds. A version is a text such as
``0.5.9``; facts hold beyond the newest release read until another is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date as Date
from functools import cache
from typing import Any, Protocol, TypeVar

from seatrial.knowledge.records import records
from seatrial.knowledge.versions import at_least, parse

_FILE = "sglang/behaviour"


class _Row(Protocol):
    @property
    def since(self) -> str: ...
    @property
    def until(self) -> str | None: ...


_R = TypeVar("_R", bound=_Row)


@dataclass(frozen=True, slots=True)
class Route:
    """A GET path. ``open_since``: from then on it needs no API key; ``flag``: served only when this flag is given."""

    path: str
    since: str
    source: str
    date: Date
    until: str | None = None
    open_since: str | None = None
    flag: str | None = None


@dataclass(frozen=True, slots=True)
class SlowHealth:
    """A path that answers after a test generation, at least 1 s later, unless the variable ``switch`` is false."""

    path: str
    since: str
    source: str
    date: Date
    until: str | None = None
    switch: str | None = None
    switch_since: str | None = None


@dataclass(frozen=True, slots=True)
class Overwritten:
    """An environment variable that SGLang sets itself, whatever the pod says."""

    variable: str
    since: str
    source: str
    date: Date
    until: str | None = None


@dataclass(frozen=True, slots=True)
class LinkVariable:
    """A variable that the engine reads and that a Service can inject; ``effect``: what happens then."""

    variable: str
    since: str
    effect: str
    source: str
    date: Date
    until: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedName:
    """A character that a served model name must not hold, but in names that begin with a ``spared`` prefix."""

    character: str
    since: str
    source: str
    date: Date
    until: str | None = None
    spared: tuple[str, ...] = ()


def route(version: str, path: str, worker: bool = False) -> Route | None:
    """Return the GET path as rank 0 serves it (or a rank >= 1 with *worker*), None when it is not served."""
    table = "worker_route" if worker else "route"
    return next((row for row in _rows(table, Route, version) if row.path == path), None)


def needs_key(version: str, path: str) -> bool:
    """Tell whether rank 0 asks for the API key on *path* when one is set, also on paths that do not exist."""
    opened = (row.path for row in _table("route", Route) if row.open_since and at_least(version, row.open_since))
    return not path.startswith(tuple(opened))


def slow_health(version: str, path: str) -> SlowHealth | None:
    """Return the fact that *path* answers a second or more later, None where it answers at once.

    ``switch`` is None in versions that do not read the variable yet.
    """
    for row in _rows("slow_health", SlowHealth, version):
        if row.path == path:
            switchable = row.switch_since is not None and at_least(version, row.switch_since)
            switch = row.switch if switchable else None
            return SlowHealth(row.path, row.since, row.source, row.date, row.until, switch, row.switch_since)
    return None


@cache
def overwritten(version: str) -> tuple[Overwritten, ...]:
    """Return the variables whose value in a pod has no effect."""
    return tuple(_rows("overwritten", Overwritten, version))


@cache
def link_variables(version: str) -> tuple[LinkVariable, ...]:
    """Return the variables that a Service of a fitting name would set to an address."""
    return tuple(_rows("link_variable", LinkVariable, version))


def refused_name(version: str, name: str) -> RefusedName | None:
    """Return why SGLang refuses *name* as served model name, None when it takes it."""
    for row in _rows("refused_name", RefusedName, version):
        if row.character in name and not name.lower().startswith(row.spared):
            return row
    return None


def _rows(table: str, cls: type[_R], version: str) -> Iterable[_R]:
    return (row for row in _table(table, cls) if _holds(row, version))


def _table(name: str, cls: type[_R]) -> tuple[_R, ...]:
    if name not in _tables:
        _tables[name] = records(_FILE, name, cls)
    found: tuple[_R, ...] = _tables[name]
    return found


_tables: dict[str, Any] = {}


def _holds(row: _Row, version: str) -> bool:
    number, last = parse(version), parse(row.until or "")
    return bool(at_least(version, row.since)) and (last is None or (number is not None and number <= last))
