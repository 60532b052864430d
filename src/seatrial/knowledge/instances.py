"""Tencent Cloud instance types that carry GPUs."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date

from seatrial.knowledge.records import records


@dataclass(frozen=True, slots=True)
class Instance:
    """One type. `memory_gb` is nominal; `gpus` is per node; `rdma` means RDMA interfaces between nodes."""

    name: str
    family: str
    gpu: str
    gpus: int
    vcpu: int
    memory_gb: int
    rdma: bool
    source: str
    date: Date


@dataclass(frozen=True, slots=True)
class Family:
    """A series of types with one GPU model. `gpu` is None where the sources do not name it."""

    name: str
    rdma: bool
    native: bool
    source: str
    date: Date
    gpu: str | None = None


@dataclass(frozen=True, slots=True)
class WithoutGpu:
    """Families of types that have no GPU."""

    families: tuple[str, ...]
    source: str
    date: Date


@functools.cache
def instances() -> tuple[Instance, ...]:
    """All known types."""
    return records("instances", "instance", Instance)


@functools.cache
def families() -> tuple[Family, ...]:
    """All known families."""
    return records("instances", "family", Family)


@functools.cache
def _types() -> Mapping[str, Instance]:
    return {row.name.casefold(): row for row in instances()}


@functools.cache
def _families() -> Mapping[str, Family]:
    return {row.name.casefold(): row for row in families()}


def instance(name: str) -> Instance | None:
    """The type of exactly that name, whatever its case; None when unknown."""
    return _types().get(name.strip().casefold())


def family(name: str) -> Family | None:
    """The family of a type (`PNV6.32XLARGE1280`) or of a bare family name; None when unknown."""
    return _families().get(name.strip().partition(".")[0].casefold())


def gpu_name(name: str) -> str | None:
    """GPU model of a type, from the type or its family; None when neither tells."""
    exact = instance(name)
    if exact is not None:
        return exact.gpu
    series = family(name)
    return series.gpu if series else None


def gpus_per_node(name: str) -> int | None:
    """Number of GPUs of a type; None when the type is not listed (a family does not tell)."""
    exact = instance(name)
    return exact.gpus if exact else None


def has_rdma(name: str) -> bool | None:
    """Whether nodes of a type have RDMA interfaces; `HCC...` types always do; None when unknown."""
    if name.strip().upper().startswith("HCC"):
        return True
    known = instance(name) or family(name)
    return known.rdma if known else None


@functools.cache
def _without_gpu() -> frozenset[str]:
    rows = records("instances", "without_gpu", WithoutGpu)
    return frozenset(name.casefold() for row in rows for name in row.families)


def has_no_gpu(name: str) -> bool:
    """Whether a type, `S5.MEDIUM4` for example, is of a family that is known to have no GPU."""
    return name.strip().partition(".")[0].casefold() in _without_gpu()
