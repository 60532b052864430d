"""GPUs: what they can compute, how much they hold, and where SGLang documents DeepSeek-R1 on them."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date

from seatrial.knowledge import instances, super_nodes
from seatrial.knowledge.records import records

CAPABILITY_FLOOR = (7, 5)
"""Below it SGLang refuses to start (sgl-project/sglang: python/sglang/srt/model_executor/model_runner.py)."""
CAPABILITY_ADVISED = (8, 0)
"""Below it SGLang falls back to float16, and FP8 checkpoints are refused (same file; layers/quantization/fp8.py)."""
CAPABILITY_FP8 = (8, 9)
"""Below it there is no FP8 in hardware (deepseek-ai/DeepSeek-R1#588, vllm-project/vllm#12581)."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU model. `nominal_gb` in 10^9 bytes as sold, `usable_gib` in 2^30 bytes as one process sees it."""

    name: str
    aliases: tuple[str, ...]
    capability: tuple[int, int]
    fp8: bool
    source: str
    date: Date
    nominal_gb: int | None = None
    usable_gib: float | None = None


@dataclass(frozen=True, slots=True)
class Documented:
    """A combination of checkpoint, GPU models and number of GPUs that SGLang's documentation names."""

    checkpoint: str
    count: int
    gpus: tuple[str, ...]
    source: str
    date: Date


@functools.cache
def gpus() -> tuple[Gpu, ...]:
    """All known models."""
    return records("gpus", "gpu", Gpu)


@functools.cache
def _by_name() -> Mapping[str, Gpu]:
    return {_key(name): model for model in gpus() for name in (model.name, *model.aliases)}


def _key(name: str) -> str:
    return name.strip().casefold().replace(" ", "-").replace("_", "-").removeprefix("nvidia-")


def gpu(name: str) -> Gpu | None:
    """The model of that name, alias or product label (`H20`, `NVIDIA-A100-SXM4-80GB`); None when unknown."""
    return _by_name().get(_key(name))


def of_instance_type(name: str) -> Gpu | None:
    """The GPU in a Tencent Cloud instance type, by exact type, else by family; None when unknown."""
    model = instances.gpu_name(name)
    return gpu(model) if model else None


def of_super_node(annotation: str) -> tuple[Gpu | None, ...]:
    """The GPU behind each entry of a super node's gpu-type list, in its order; None for an unknown entry."""
    kinds = super_nodes.gpu_types(annotation)
    return tuple(gpu(kind.gpu) if kind else None for kind in kinds)


@functools.cache
def documented() -> tuple[Documented, ...]:
    """What SGLang documents for DeepSeek-V3/R1."""
    return records("gpus", "documented", Documented)
