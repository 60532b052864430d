"""What a role's pods run on: instance type, GPU model, GPUs of a node.

What the manifests say goes before the facts of the target (TGT-01 compares the two). Where placement leaves a choice,
every choice is listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.finding import CannotTell, Place
from seatrial.knowledge import gpus as catalogue
from seatrial.knowledge import instances, super_nodes
from seatrial.knowledge.gpus import Gpu
from seatrial.scheduling import INSTANCE_TYPE_KEYS, allowed_values
from seatrial.serving import Role
from seatrial.super_pods import annotation, is_super_pod

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


def on_super_node(role: Role) -> bool:
    """Whether the role's pods are meant for super nodes."""
    return is_super_pod(role.manifests, role.template)


def instance_types(role: Role) -> list[tuple[str, Place]]:
    """The instance types that selector or affinity name, else the pool's; empty when neither says, or on super nodes.

    Where several are allowed and the pool has one of them, it is that one.
    """
    if on_super_node(role):
        return []
    named = allowed_values(role.template, *INSTANCE_TYPE_KEYS)
    stated = role.manifests.target.get("pool.instance_type")
    of_pool = [(value, place) for value, place in named if stated and value.casefold() == stated.casefold()]
    return [*(of_pool or named)] or ([(stated, role.gpu_limit)] if stated else [])


def accelerators(role: Role) -> list[Accelerator]:
    """The GPUs that the role's pods may get; empty when that is not known."""
    by_manifest = list(_of_super_node(role) if on_super_node(role) else _of_labels(role))
    found = by_manifest or list(_of_target(role))
    return list({one.gpu.name: one for one in found}.values())


def need_accelerators(role: Role) -> list[Accelerator]:
    """As `accelerators`. Raises CannotTell when nothing says which GPU it is."""
    found = accelerators(role)
    if not found:
        raise CannotTell(f"which GPUs {role.title} gets is not known", SUPPLY)
    return found


def _of_super_node(role: Role) -> Iterator[Accelerator]:
    node = annotation(role.template, super_nodes.GPU_TYPE)
    for entry, gpu in zip((node.text or "").split(","), catalogue.of_super_node(node.text or ""), strict=True):
        if gpu is not None:
            yield Accelerator(gpu, f"annotation gpu-type {entry.strip()}", node)


def _of_labels(role: Role) -> Iterator[Accelerator]:
    for product, place in allowed_values(role.template, PRODUCT):
        gpu = catalogue.gpu(product)
        if gpu is not None:
            yield Accelerator(gpu, f"label {PRODUCT}={product}", place)
    for name, where in instance_types(role):
        gpu = catalogue.of_instance_type(name)
        if gpu is not None:
            yield Accelerator(gpu, f"instance type {name}", where)


def _of_target(role: Role) -> Iterator[Accelerator]:
    name = role.manifests.target.get("pool.gpu_model")
    gpu = catalogue.gpu(name) if name else None
    if gpu is not None:
        yield Accelerator(gpu, "the fact pool.gpu_model", role.gpu_limit)


def gpus_per_node(role: Role) -> list[int]:
    """The numbers of GPUs that nodes for the role have, each once, smallest first; empty when that is not known.

    On super nodes: the sizes that are sold as one pod.
    """
    stated = role.manifests.target.get("pool.gpus_per_node")
    found = _sold_counts(role) if on_super_node(role) else _counts(role)
    if not found or None in found:
        found = [stated]
    return sorted({count for count in found if count is not None})


def need_gpus_per_node(role: Role) -> list[int]:
    """As `gpus_per_node`. Raises CannotTell when nothing says how many it has."""
    found = gpus_per_node(role)
    if not found:
        raise CannotTell(f"how many GPUs a node for {role.title} has is not known", SUPPLY_COUNT)
    return found


def _counts(role: Role) -> list[int | None]:
    labelled = allowed_values(role.template, COUNT)
    if labelled:
        return [int(value) if value.isascii() and value.isdigit() else None for value, _ in labelled]
    return [instances.gpus_per_node(name) for name, _ in instance_types(role)]


def _sold_counts(role: Role) -> list[int | None]:
    kinds = super_nodes.gpu_types(annotation(role.template, super_nodes.GPU_TYPE).text or "")
    return [count for kind in kinds for count in ((kind.counts or (None,)) if kind else (None,))]
