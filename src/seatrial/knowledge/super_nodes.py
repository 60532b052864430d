"""Super nodes (eklet): one pod is one light virtual machine, configured by annotations of the pod template."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date

from seatrial.knowledge.records import records

PREFIX = "eks.tke.cloud.tencent.com/"
TAINT = PREFIX + "eklet"
INSTANCE_TYPE = "eklet"
GPU_TYPE = PREFIX + "gpu-type"
GPU_COUNT = PREFIX + "gpu-count"
MEMORY = PREFIX + "mem"
ROOT_DISK = PREFIX + "root-cbs-size"
DAEMONSET_INJECTION = PREFIX + "ds-injection"
DEFAULT_ROOT_DISK_GIB = 20
"""Image storage of a pod without the annotation (Tencent Cloud document 457/74015)."""
ADVISED_ROOT_DISK_GIB = 100
"""The guide's value for the SGLang image (imroc/tke-guide)."""


@dataclass(frozen=True, slots=True)
class GpuType:
    """A value of annotation gpu-type. `counts` are the numbers of GPUs sold per pod, empty when not stated."""

    value: str
    gpu: str
    share: float
    source: str
    date: Date
    counts: tuple[int, ...] = ()
    sizes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation that super nodes read, without its prefix."""

    name: str
    meaning: str
    source: str
    date: Date


@functools.cache
def known_gpu_types() -> Mapping[str, GpuType]:
    """Every known value of annotation gpu-type."""
    return {row.value: row for row in records("super_nodes", "gpu_type", GpuType)}


@functools.cache
def annotations() -> Mapping[str, Annotation]:
    """Every known annotation by its full key."""
    return {PREFIX + row.name: row for row in records("super_nodes", "annotation", Annotation)}


def gpu_types(value: str) -> tuple[GpuType | None, ...]:
    """The entries of a gpu-type annotation, a comma list in order of priority; None for an unknown entry."""
    return tuple(known_gpu_types().get(entry.strip()) for entry in value.split(","))
