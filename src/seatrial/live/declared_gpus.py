"""The GPUs that nodes should have: what the target declares, else what the manifests select."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seatrial.finding import NotApplicable
from seatrial.knowledge import gpus, instances
from seatrial.knowledge.gpus import Gpu
from seatrial.live.node_gpus import NodeGpus, type_count
from seatrial.live.node_names import listed
from seatrial.live.objects import LivePlace
from seatrial.manifest_set import ManifestSet
from seatrial.nodes.hardware import hardware
from seatrial.storage.model import served
from seatrial.workload.serving import GPU, groups

MEMORY_TOLERANCE = 0.1
"""Drivers report up to a tenth less or more than what a GPU is sold with (requirements HWG-06)."""
WEIGHT_ONLY = "humming"


@dataclass(frozen=True, slots=True)
class Deviation:
    """Nodes that have something else than they should."""

    place: LivePlace
    observed: str
    expected: str


@dataclass(frozen=True, slots=True)
class DeclaredGpus:
    """Model and number of GPUs of every node; None where neither is declared."""

    gpu: Gpu | None
    count: int | None

    @classmethod
    def of(cls, manifests: ManifestSet) -> "DeclaredGpus":
        target = manifests.target
        model, type = target.get("pool.gpu_model"), target.get("pool.instance_type")
        gpu = (gpus.gpu(model) if model else None) or (gpus.of_instance_type(type) if type else None)
        count = target.get("pool.gpus_per_node") or (instances.gpus_per_node(type) if type else None)
        return cls(gpu or _selected(manifests), count)

    def deviations(self, found: Sequence[NodeGpus]) -> Iterator[Deviation]:
        """What is not as declared; where no model is declared, what differs from most nodes."""
        known = [one for one in found if one.gpu is not None]
        wanted = self.gpu or _usual(known)
        if wanted is None:
            return
        expected = wanted.name if self.gpu is not None else f"{wanted.name}, as most nodes have"
        yield from _other_models([one for one in known if one.gpu is not wanted], expected)
        for one in found:
            count = self.count or type_count(one.node)
            if count is not None and one.count is not None and one.count != count:
                place = one.node.place("status", "capacity", GPU)
                yield Deviation(place, f"{one.node.name}: {one.count} GPUs", f"{count} GPUs")
            if one.gpu is not None and one.memory_mib is not None and one.gpu.usable_gib is not None:
                usable = one.gpu.usable_gib
                if abs(one.memory_mib / 1024 - usable) > MEMORY_TOLERANCE * usable:
                    place = one.node.place("metadata", "labels")
                    observed = f"{one.node.name}: {one.memory_mib / 1024:.1f} GiB in each {one.gpu.name}"
                    yield Deviation(place, observed, f"about {usable:g} GiB")


def _other_models(found: Sequence[NodeGpus], expected: str) -> Iterator[Deviation]:
    by_words: dict[str, list[NodeGpus]] = {}
    for one in found:
        by_words.setdefault(f"{one.title} ({one.evidence})", []).append(one)
    for said, there in by_words.items():
        names = listed(one.node for one in there)
        yield Deviation(there[0].node.place("metadata", "labels"), f"{names}: {said}", expected)


def _usual(known: Sequence[NodeGpus]) -> Gpu | None:
    counted = Counter(one.gpu.name for one in known if one.gpu is not None)
    return gpus.gpu(counted.most_common(1)[0][0]) if counted else None


def _selected(manifests: ManifestSet) -> Gpu | None:
    """The one model that the serving pods' selectors and affinities leave."""
    roles = [role for group in groups(manifests) for role in group.roles]
    found = {one.gpu.name: one.gpu for role in roles for one in hardware(role).accelerators}
    return next(iter(found.values())) if len(found) == 1 else None


def need_fp8_in_hardware(manifests: ManifestSet) -> None:
    """Raises NotApplicable unless something serves a checkpoint in FP8 that needs hardware for it, and as `served`."""
    serving = groups(manifests)
    if not serving:
        raise NotApplicable("nothing in the set runs SGLang")
    for group in serving:
        if served(group).checkpoint.native_fp8 and group.leader.value("quantization") != WEIGHT_ONLY:
            return
    raise NotApplicable("no checkpoint of the set needs FP8 in hardware")
