"""Who serves a kind that is not built into Kubernetes."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date

from seatrial.knowledge.records import records


@dataclass(frozen=True, slots=True)
class Operator:
    """An add-on that brings an API group; `kinds` are the common ones, not all."""

    group: str
    name: str
    kinds: tuple[str, ...]
    source: str
    date: Date


@functools.cache
def operators() -> Mapping[str, Operator]:
    """All known add-ons by API group."""
    return {row.group: row for row in records("operators", "operator", Operator)}


def operator_of(api_version: str) -> Operator | None:
    """The add-on behind an apiVersion such as `monitoring.coreos.com/v1`; None when unknown or built in."""
    return operators().get(api_version.rpartition("/")[0])
