"""Does the model of a role fit on its GPUs, and how many tokens of KV cache remain."""

import math
from dataclasses import dataclass

from seatrial.finding import Blocked, CannotTell
from seatrial.knowledge import memory
from seatrial.nodes.hardware import Accelerator, need_accelerators
from seatrial.storage.model import ServedModel, served
from seatrial.workload.parallelism import Parallelism, parallelism
from seatrial.workload.serving import Role

USUAL_FRACTION = 0.9
"""What large models are commonly run with, between 0.8 and 0.95."""
_CACHE_BYTES = {"auto": 2, "bf16": 2, "bfloat16": 2, "fp8_e5m2": 1, "fp8_e4m3": 1}
# Flags by which weights stay in the memory of the host.
_OFFLOADING = ("cpu_offload_gb", "offload_group_size", "kt_weight_path", "kt_num_gpu_experts")


@dataclass(frozen=True, slots=True)
class MemoryFraction:
    """`--mem-fraction-static`: what is given, else the release's default, else None with the reason."""

    value: float | None
    text: str
    stated: bool = False

    @property
    def at_most(self) -> float:
        """A bound that holds whatever SGLang computes."""
        return 1.0 if self.value is None else self.value


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What one rank keeps on one GPU of a kind; bytes and tokens."""

    served: ServedModel
    accelerator: Accelerator
    usable_gib: float
    sizes: Parallelism
    fraction: MemoryFraction
    cache_bytes: int

    @property
    def weights(self) -> float:
        """Bytes of weights. With attention data parallelism this is a lower bound."""
        return memory.weights_bytes(self.served.checkpoint, self.sizes.tp, self.sizes.pp, self.sizes.ep)

    @property
    def pool(self) -> float:
        """Bytes for weights and KV cache, at most."""
        return self.pool_at(self.fraction.at_most)

    def pool_at(self, fraction: float) -> float:
        """Bytes for weights and KV cache with that fraction."""
        return memory.pool_bytes(self.usable_gib, fraction)

    def cache(self, tokens: int) -> float:
        """Bytes of KV cache for that many tokens."""
        return tokens * memory.kv_bytes_per_token(self.served.model, self.sizes.tp, self.sizes.pp, self.cache_bytes)

    @property
    def tokens(self) -> int:
        """Tokens of KV cache beside the weights, at most; none when these do not fit."""
        return max(0, int((self.pool - self.weights) // self.cache(1)))

    def fraction_is_to_blame(self, needed: float) -> bool:
        """Whether that many bytes fit with a usual fraction, and the flag asks for less."""
        return self.fraction.stated and needed <= self.pool_at(USUAL_FRACTION)

    @property
    def exact(self) -> bool:
        """Whether the model says more than a bound: the fraction is known, and so is what each rank holds."""
        return self.fraction.value is not None and self.sizes.attention_dp == 1

    def unknown(self) -> CannotTell:
        """Why it is only a bound."""
        if self.fraction.value is None:
            return CannotTell(self.fraction.text, "--mem-fraction-static in the launch line")
        return CannotTell("attention data parallelism keeps more weights on each GPU than the memory model knows")


def occupancies(role: Role) -> list[Occupancy]:
    """One for each kind of GPU that the role's pods may get.

    Raises CannotTell when GPU, model, memory or a setting is not known, Blocked when the arguments are not.
    """
    model, sizes = served(role.group), parallelism(role)
    if any(_switched_on(role, flag) for flag in _OFFLOADING):
        raise CannotTell("part of the weights stays in the memory of the host")
    fraction, cache_bytes = _fraction(role, sizes.tp), _cache_bytes(role)
    return [
        Occupancy(model, accelerator, _usable(accelerator), sizes, fraction, cache_bytes)
        for accelerator in need_accelerators(role)
    ]


def _switched_on(role: Role, flag: str) -> bool:
    value = role.value(flag)
    return bool(value) if not isinstance(value, int | float) else value > 0


def _usable(accelerator: Accelerator) -> float:
    if accelerator.gpu.usable_gib is None:
        raise CannotTell(f"the memory of a {accelerator.gpu.name} is not in the sources")
    return accelerator.gpu.usable_gib


def _fraction(role: Role, tp: int) -> MemoryFraction:
    use = role.given("mem_fraction_static")
    if use is not None:
        value = role.value("mem_fraction_static")
        if not use.valid:
            raise Blocked("ARG-05", f"the value of {use.typed} is not a number")
        known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return MemoryFraction(float(value) if known else None, f"the value of {use.typed} is not known", stated=True)
    try:
        question = "the default of --mem-fraction-static"
        default = role.across_versions(lambda version: memory.default_fraction(version, tp), question)
    except CannotTell as unknown:
        return MemoryFraction(None, unknown.reason)
    return MemoryFraction(default, f"SGLang {role.version} computes --mem-fraction-static when it starts")


def _cache_bytes(role: Role) -> int:
    kind = role.value("kv_cache_dtype", "auto")
    if kind not in _CACHE_BYTES:
        raise CannotTell(f"the size of a KV cache of type {kind} is not known")
    return _CACHE_BYTES[kind]
