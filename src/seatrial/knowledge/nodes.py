"""Nodes of a TKE pool: operating systems, NVIDIA drivers, disks, and the labels that nodes carry by themselves."""

import functools
import re
from dataclasses import dataclass
from datetime import date as Date
from typing import Any

from seatrial.knowledge.records import document, records
from seatrial.knowledge.versions import Version, parse


@dataclass(frozen=True, slots=True)
class OperatingSystem:
    """`recent` is the guide's "new enough": kernel and packages for current drivers and the Turbo client."""

    pattern: str
    name: str
    recent: bool
    source: str
    date: Date


@dataclass(frozen=True, slots=True)
class Cuda:
    """Lowest driver with which images of a CUDA version start; `version` is (major,) or (major, minor)."""

    version: tuple[int, ...]
    minimum_driver: tuple[int, ...]
    source: str
    date: Date


@dataclass(frozen=True, slots=True)
class Disks:
    """Disk sizes in GB: the console's default, the guide's advice, native nodes' minimum, the limit without UEFI."""

    default_gb: int
    advised_gb: int
    native_minimum_gb: int
    uefi_above_gb: int
    source: str
    date: Date


@dataclass(frozen=True, slots=True)
class Label:
    """A label that nodes have without the user's doing: on `all`, `gpu`, `native` or `regular` nodes."""

    key: str
    nodes: str
    source: str
    date: Date
    value: str | None = None


def operating_system(text: str) -> OperatingSystem | None:
    """The system that a free text like `TencentOS Server 3.1 (TK4) UEFI` names; None when unknown."""
    lower = text.casefold()
    rows = records("nodes", "operating_system", OperatingSystem)
    return next((row for row in rows if re.search(row.pattern, lower)), None)


@functools.cache
def _cuda() -> tuple[Cuda, ...]:
    return records("nodes", "cuda", Cuda)


def driver_floor(cuda: str) -> Cuda | None:
    """The record that rules a CUDA version such as `12.4`; None when unknown."""
    version = parse(cuda)
    if version is None:
        return None
    return next((row for row in _cuda() if version.numbers[: len(row.version)] == row.version), None)


def driver_supports(driver: str, cuda: str) -> bool | None:
    """Whether an NVIDIA driver starts images of a CUDA version; None when either is unknown."""
    have, floor = parse(driver), driver_floor(cuda)
    return None if have is None or floor is None else have.numbers >= floor.minimum_driver


def newest_driver() -> Version:
    """The newest driver seen on a TKE GPU node."""
    first, second, third = document("nodes")["newest_driver"]["version"]
    return Version((first, second, third, 0))


@functools.cache
def disks() -> Disks:
    """Disk sizes of nodes."""
    section: dict[str, Any] = document("nodes")["disks"]
    return Disks(**section)


@functools.cache
def labels() -> tuple[Label, ...]:
    """Labels that nodes carry by themselves."""
    return records("nodes", "label", Label)
