"""Closed lists of values that the API server enforces and published schemas do not carry."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date as Date
from typing import NamedTuple

from seatrial.knowledge.records import records

Path = tuple[str | int, ...]

_CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True, slots=True)
class Enumeration:
    """Allowed values of one field; `path` is below `owner`, `[]` steps through a list."""

    owner: str
    path: str
    values: tuple[str, ...]
    source: str
    date: Date

    def allows(self, value: str) -> bool:
        """Whether the server takes `value`; the empty string stands for the default."""
        return not value or any(
            value.startswith(item[:-1]) if item.endswith("*") else value == item for item in self.values
        )


class Refused(NamedTuple):
    """A value that the server refuses, at `path` below the judged node."""

    path: Path
    value: str
    allowed: tuple[str, ...]


@functools.cache
def enumerations() -> tuple[Enumeration, ...]:
    """All known lists."""
    return records("enumerations", "enumeration", Enumeration)


@functools.cache
def _by_owner() -> Mapping[str, tuple[tuple[tuple[str, ...], Enumeration], ...]]:
    grouped: dict[str, list[tuple[tuple[str, ...], Enumeration]]] = {}
    for row in enumerations():
        steps = tuple(row.path.replace("[]", ".[]").split("."))
        grouped.setdefault(row.owner, []).append((steps, row))
    return {owner: tuple(rows) for owner, rows in grouped.items()}


def refused(owner: str, node: object) -> tuple[Refused, ...]:
    """Every value below `node` that the server refuses; `owner` is a kind, PodSpec, Container or LabelSelector.

    A PodSpec includes its containers. Nodes of a wrong type are skipped: the schema reports them.
    """
    found = list(_own(owner, node))
    if owner == "PodSpec":
        found.extend(_of_containers(node))
    return tuple(found)


def _own(owner: str, node: object) -> Iterator[Refused]:
    for steps, row in _by_owner().get(owner, ()):
        for path, value in _leaves(node, steps, ()):
            if not row.allows(value):
                yield Refused(path, value, row.values)


def _of_containers(spec: object) -> Iterator[Refused]:
    for field in _CONTAINER_LISTS:
        containers = spec.get(field) if isinstance(spec, dict) else None
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            for item in _own("Container", container):
                yield item._replace(path=(field, index, *item.path))


def _leaves(node: object, steps: tuple[str, ...], path: Path) -> Iterator[tuple[Path, str]]:
    if not steps:
        if isinstance(node, str):
            yield path, node
    elif steps[0] == "[]":
        for index, item in enumerate(node if isinstance(node, list) else ()):
            yield from _leaves(item, steps[1:], (*path, index))
    elif isinstance(node, dict) and steps[0] in node:
        yield from _leaves(node[steps[0]], steps[1:], (*path, steps[0]))
