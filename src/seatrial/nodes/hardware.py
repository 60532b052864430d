"""What a role's pods run on: instance type, GPU model, GPUs of a node.

What the manifests say goes before the facts of the target (TGT-01 compares the two). Where placement leaves a choice,
every choice is listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from seatrial.finding import CannotTell, Place
from seatrial.knowledge import gpus, instances, super_nodes
from seatrial.knowledge.gpus import Gpu
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.nodes.scheduling import INSTANCE_TYPE_KEYS, allowed_values
from seatrial.nodes.super_pods import annotation, is_super_pod
from seatrial.workload.serving import Role, groups

# Labels of GPU feature discovery. Source: NVIDIA/k8s-device-plugin, docs/gpu-feature-discovery.
PRODUCT, COUNT = "nvidia.com/gpu.product", "nvidia.com/gpu.count"
# Extended resources of other accelerators. Source: the device plugin of each maker.
OTHER_MAKERS = ("amd.com/", "aws.amazon.com/neuron", "google.com/tpu", "gpu.intel.com/", "habana.ai/", "huawei.com/")
SUPPLY = 'seatrial.toml: [pool] gpu_model = "H20-96"'
SUPPLY_COUNT = "seatrial.toml: [pool] gpus_per_node = 8"


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A GPU that a pod may get; `evidence` says from where that is known, `place` which line a user has to edit."""

    gpu: Gpu
    evidence: str
    place: Place


class Hardware:
    """The nodes and GPUs of one role. A list is empty when nothing says what it would hold."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.target = role.manifests.target

    @cached_property
    def on_super_node(self) -> bool:
        """Whether the role's pods are meant for super nodes."""
        return is_super_pod(self.role.manifests, self.role.template)

    @cached_property
    def instance_types(self) -> list[tuple[str, Place]]:
        """The instance types that selector or affinity name, else the pool's; none on super nodes.

        Where several are allowed and the pool has one of them, it is that one.
        """
        if self.on_super_node:
            return []
        named = allowed_values(self.role.template, *INSTANCE_TYPE_KEYS)
        stated = self.target.get("pool.instance_type")
        of_pool = [(value, place) for value, place in named if stated and value.casefold() == stated.casefold()]
        return [*(of_pool or named)] or ([(stated, self.role.gpu_limit)] if stated else [])

    @cached_property
    def accelerators(self) -> list[Accelerator]:
        """The GPUs that the pods may get."""
        by_manifest = list(self._of_super_node() if self.on_super_node else self._of_labels())
        found = by_manifest or list(self._of_target())
        return list({one.gpu.name: one for one in found}.values())

    def _of_super_node(self) -> Iterator[Accelerator]:
        node = self._gpu_type
        for entry, gpu in zip((node.text or "").split(","), gpus.of_super_node(node.text or ""), strict=True):
            if gpu is not None:
                yield Accelerator(gpu, f"annotation gpu-type {entry.strip()}", node)

    def _of_labels(self) -> Iterator[Accelerator]:
        for product, place in allowed_values(self.role.template, PRODUCT):
            gpu = gpus.gpu(product)
            if gpu is not None:
                yield Accelerator(gpu, f"label {PRODUCT}={product}", place)
        for name, where in self.instance_types:
            gpu = gpus.of_instance_type(name)
            if gpu is not None:
                yield Accelerator(gpu, f"instance type {name}", where)

    def _of_target(self) -> Iterator[Accelerator]:
        name = self.target.get("pool.gpu_model")
        gpu = gpus.gpu(name) if name else None
        if gpu is not None:
            yield Accelerator(gpu, "the fact pool.gpu_model", self.role.gpu_limit)

    @cached_property
    def gpus_per_node(self) -> list[int]:
        """The numbers of GPUs that the nodes have, each once, smallest first.

        On super nodes: the sizes that are sold as one pod.
        """
        stated = self.target.get("pool.gpus_per_node")
        found = self._sold_counts() if self.on_super_node else self._counts()
        if not found or None in found:
            found = [stated]
        return sorted({count for count in found if count is not None})

    def _counts(self) -> list[int | None]:
        labelled = allowed_values(self.role.template, COUNT)
        if labelled:
            return [int(value) if value.isascii() and value.isdigit() else None for value, _ in labelled]
        return [instances.gpus_per_node(name) for name, _ in self.instance_types]

    def _sold_counts(self) -> list[int | None]:
        kinds = super_nodes.gpu_types(self._gpu_type.text or "")
        return [count for kind in kinds for count in ((kind.counts or (None,)) if kind else (None,))]

    @property
    def _gpu_type(self) -> Node:
        return annotation(self.role.template, super_nodes.GPU_TYPE)


def hardware(role: Role) -> Hardware:
    """What a role's pods run on. Found out once."""
    return role.manifests.once(_all)[role]


def _all(manifests: ManifestSet) -> dict[Role, Hardware]:
    return {role: Hardware(role) for group in groups(manifests) for role in group.roles}


def on_super_node(role: Role) -> bool:
    """Whether the role's pods are meant for super nodes."""
    return hardware(role).on_super_node


def need_accelerators(role: Role) -> list[Accelerator]:
    """The GPUs that the role's pods may get. Raises CannotTell when nothing says which."""
    found = hardware(role).accelerators
    if not found:
        raise CannotTell(f"which GPUs {role.title} gets is not known", SUPPLY)
    return found


def need_gpus_per_node(role: Role) -> list[int]:
    """The numbers of GPUs that a node for the role may have. Raises CannotTell when nothing says how many."""
    found = hardware(role).gpus_per_node
    if not found:
        raise CannotTell(f"how many GPUs a node for {role.title} has is not known", SUPPLY_COUNT)
    return found
