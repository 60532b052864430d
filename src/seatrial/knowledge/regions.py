"""Tencent Cloud regions and the codes that node labels use for them."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date

from seatrial.knowledge.records import records


@dataclass(frozen=True, slots=True)
class Region:
    """`code` is the value of topology.kubernetes.io/region, `zones` the numeric zones seen on nodes."""

    name: str
    mainland: bool
    guide: bool
    zones: tuple[int, ...]
    source: str
    date: Date
    code: str | None = None


@functools.cache
def regions() -> Mapping[str, Region]:
    """All known regions by name."""
    return {row.name: row for row in records("regions", "region", Region)}


@functools.cache
def _codes() -> Mapping[str, Region]:
    return {row.code: row for row in regions().values() if row.code}


def region(name: str) -> Region | None:
    """The region called `ap-guangzhou` or coded `gz`; None when unknown."""
    return regions().get(name) or _codes().get(name)


def is_mainland(name: str) -> bool | None:
    """Whether a region lies in mainland China, behind its network; None when the region is unknown."""
    found = region(name)
    return found.mainland if found else None


def region_of_zone(zone: str) -> Region | None:
    """The region of a readable zone (`ap-guangzhou-6`); None for numeric or unknown ones."""
    name, _, number = zone.rpartition("-")
    return regions().get(name) if number.isdecimal() else None
