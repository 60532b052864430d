"""The pool that a target describes, in full: what is not stated is derived from the set's pods, or assumed.

Each derivation and assumption leaves a note, since a rehearsal that rests on one has to say so.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from seatrial.clusters import zones
from seatrial.clusters.wanted import Ask, Wanted
from seatrial.clusters.zones import Zone
from seatrial.knowledge import gpus, instances, regions, versions
from seatrial.nodes.hardware import COUNT, PRODUCT
from seatrial.nodes.scheduling import INSTANCE_TYPE_KEYS
from seatrial.target import Target

GIB = 2**30
VCPU_PER_GPU, GB_PER_GPU = 24, 256
"""Assumed size of a node whose instance type is not known: that of usual servers with eight GPUs."""
USUAL_GPUS = 8


@dataclass(frozen=True, slots=True)
class Size:
    """What one node has. `memory_gb` is nominal."""

    gpus: int
    vcpu: int
    memory_gb: int
    instance_type: str | None = None


class PoolShape:
    """The facts of a pool; each is found out when it is first asked for, and `notes` grows with it."""

    def __init__(self, target: Target, wanted: Wanted) -> None:
        self.target = target
        self.wanted = wanted
        self.notes: list[str] = []

    @cached_property
    def zones(self) -> tuple[Zone, ...]:
        """The zones of the pool's subnets."""
        found, note = zones.of_target(self.target)
        self.notes += [note] if note else []
        return found

    @cached_property
    def kind(self) -> str:
        """native, regular or super as stated; other for nodes that TKE does not run itself."""
        stated: str | None = self.target.get("pool.type")
        if stated is not None:
            return "other" if stated == "registered" else stated
        family = instances.family(self.instance_type or "")
        if self.wanted.super_nodes and not self.wanted.pool:
            found = "super"
        elif family is None and not self._is_tke:
            return "other"
        else:
            found = "native" if family is not None and family.native else "regular"
        self.notes.append(f"pool.type is not stated: assumed {found} nodes")
        return found

    @property
    def _is_tke(self) -> bool:
        region = regions.region(self.target.get("cluster.region") or "")
        by_driver = any(driver.startswith("com.tencent.cloud.") for driver in self.wanted.drivers)
        return region is not None or self.target.get("cluster.type") is not None or by_driver

    @cached_property
    def instance_type(self) -> str | None:
        """The instance type that the target states, by itself or as a label, or that the pods select."""
        labels = self.target.get("pool.labels") or {}
        stated: str | None = self.target.get("pool.instance_type")
        found = stated or _first(labels.get(key) for key in INSTANCE_TYPE_KEYS)
        if found is None:
            found = _first(ask.labels.get(key) for ask in self.wanted.pool for key in INSTANCE_TYPE_KEYS)
            self.notes += [f"pool.instance_type is not stated: {found}, which the set's pods select"] if found else []
        return found

    @cached_property
    def gpus(self) -> int:
        """GPUs of one node."""
        stated: int | None = self.target.get("pool.gpus_per_node")
        if instances.has_no_gpu(self.instance_type or ""):
            return 0
        found = instances.gpus_per_node(self.instance_type or "") if stated is None else stated
        if found is None:
            found = max((ask.gpus for ask in self.wanted.pool), default=0) or USUAL_GPUS
            self.notes.append(f"pool.gpus_per_node is not stated: assumed {found}")
        return found

    @cached_property
    def size(self) -> Size:
        """What one node has: by its instance type, else as much as is usual, and at least what the set's pods need."""
        per_node = max((self._per_node(ask) for ask in self.wanted.pool), default=1)
        cpu = max((ask.cpu for ask in self.wanted.pool), default=Fraction()) * per_node
        memory = max((ask.memory for ask in self.wanted.pool), default=Fraction()) * per_node / GIB
        asked = Size(self.gpus, with_reserve(cpu), with_reserve(memory))
        known = instances.instance(self.instance_type or "") or self._sold(asked)
        if known is not None:
            return Size(self.gpus, known.vcpu, known.memory_gb, self.instance_type or known.name)
        parts = max(self.gpus, 1)
        vcpu, gb = max(VCPU_PER_GPU * parts, asked.vcpu), max(GB_PER_GPU * parts, asked.memory_gb)
        why = f"instance type {self.instance_type} is not known" if self.instance_type else "no instance type is stated"
        self.notes.append(f"{why}: assumed {vcpu} vCPUs and {gb} GB for each node")
        return Size(self.gpus, vcpu, gb, self.instance_type)

    def _per_node(self, ask: Ask) -> int:
        """Pods that share a node by their GPUs."""
        return max(1, self.gpus // ask.gpus) if ask.gpus else 1

    def _sold(self, asked: Size) -> instances.Instance | None:
        """The smallest type that Tencent Cloud sells with the stated GPU, for a TKE pool without an instance type."""
        model = gpus.gpu(self.target.get("pool.gpu_model") or "")
        if self.instance_type is not None or model is None or self.kind == "other":
            return None
        fitting = [
            one
            for one in instances.instances()
            if gpus.gpu(one.gpu) == model and one.gpus == self.gpus and one.memory_gb >= asked.memory_gb
        ]
        found = min(fitting, key=lambda one: one.vcpu, default=None)
        self.notes += [f"pool.instance_type is not stated: assumed {found.name}, by its GPUs"] if found else []
        return found

    @cached_property
    def count(self) -> int:
        """Nodes of the pool."""
        stated: int | None = self.target.get("pool.nodes")
        if stated is not None:
            return stated
        shares = [Fraction(ask.pods + ask.more, self._per_node(ask)) for ask in self.wanted.pool if ask.gpus]
        found = len(self.zones) if self.kind == "super" else max(1, math.ceil(sum(shares)))
        why = "one for each zone" if self.kind == "super" else "for all groups and one more"
        self.notes.append(f"pool.nodes is not stated: assumed {found}, {why}")
        return found

    def labels(self, present: dict[str, str]) -> dict[str, str]:
        """Labels beside those that nodes get by themselves: stated ones, or when none are, those that pods select."""
        stated: dict[str, str] | None = self.target.get("pool.labels")
        if stated is None:
            known = {*present, *INSTANCE_TYPE_KEYS}
            stated = {key: value for ask in self.wanted.pool for key, value in ask.labels.items() if key not in known}
            shown = ", ".join(f"{key}={value}" for key, value in stated.items())
            self.notes += [f"pool.labels is not stated: assumed {shown}, which the set's pods select"] if shown else []
        return (self._discovered() if PRODUCT in stated else {}) | stated

    def _discovered(self) -> dict[str, str]:
        """What GPU feature discovery says of a node besides the product.

        Source: NVIDIA/k8s-device-plugin, docs/gpu-feature-discovery.
        """
        labels = {"nvidia.com/gpu.present": "true", COUNT: str(self.gpus)}
        driver = versions.parse(self.target.get("pool.driver") or "")
        if driver is not None:
            parts = zip(("major", "minor", "rev"), driver.numbers, strict=False)
            labels |= {f"nvidia.com/cuda.driver.{part}": str(number) for part, number in parts}
        model = gpus.gpu(self.target.get("pool.gpu_model") or "")
        if model is not None:
            major, minor = model.capability
            labels |= {"nvidia.com/gpu.compute.major": str(major), "nvidia.com/gpu.compute.minor": str(minor)}
        return labels

    @cached_property
    def devices(self) -> dict[str, int]:
        """Extended resources that pods ask for and no fact states; no RDMA where the instance type has none."""
        without_rdma = instances.has_rdma(self.instance_type or "") is False
        found = {
            name: max(self.gpus, number * self._per_node(ask))
            for ask in self.wanted.pool
            for name, number in ask.devices.items()
            if not (without_rdma and "rdma" in name)
        }
        self.notes += [f"no fact states {name} of the nodes: assumed {number}" for name, number in found.items()]
        return found


def with_reserve(amount: Fraction) -> int:
    """A node's nominal CPUs or GB for pods that ask for so much: a quarter more, for the system and small pods."""
    return math.ceil(amount * 5 / 4)


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)
