"""Which GPUs a node has, as its labels and its device plugin tell; on super nodes, as the pods' annotations do.

Source: NVIDIA/k8s-device-plugin, docs/gpu-feature-discovery; labels of TKE nodes in public repositories.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seatrial.finding import CannotTell
from seatrial.knowledge import gpus, instances
from seatrial.knowledge.gpus import Gpu
from seatrial.live.deployed import Deployed
from seatrial.live.objects import LiveObject
from seatrial.live.serving_nodes import nodes_in_use
from seatrial.live.super_nodes import is_super_node
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.nodes.hardware import COUNT, PRODUCT
from seatrial.nodes.scheduling import INSTANCE_TYPE_KEYS
from seatrial.workload.serving import GPU

_MEMORY = "nvidia.com/gpu.memory"
_REPLICAS = "nvidia.com/gpu.replicas"
_MAJOR, _MINOR = "nvidia.com/gpu.compute.major", "nvidia.com/gpu.compute.minor"
SUPPLY = "GPU feature discovery on the nodes, or an instance type that is known"


@dataclass(frozen=True, slots=True)
class NodeGpus:
    """The GPUs of one node. `memory_mib` is that of one GPU; what nothing tells is None."""

    node: LiveObject
    gpu: Gpu | None
    evidence: str
    """Where the model is known from; what was not understood, where it is not."""
    count: int | None
    memory_mib: int | None
    capability: tuple[int, int] | None

    @property
    def title(self) -> str:
        return self.gpu.name if self.gpu is not None else self.evidence


def gpus_in_use(deployed: Deployed) -> list[NodeGpus]:
    """The GPUs of each node on which pods of the set take some; super nodes are left out.

    Raises NotApplicable, Blocked or CannotTell where there is no such node yet, or only what a target made.
    """
    return [node_gpus(node) for node in nodes_in_use(deployed) if not is_super_node(node)]


def node_gpus(node: LiveObject) -> NodeGpus:
    """What a node tells of its GPUs: what feature discovery has read out of the driver, else its instance type."""
    labels = node.labels
    product, type = labels.get(PRODUCT), _first(node, INSTANCE_TYPE_KEYS)
    gpu = gpus.gpu(product) if product else gpus.of_instance_type(type) if type else None
    if product:
        evidence = f"label {PRODUCT}={product}"
    else:
        evidence = f"instance type {type}" if type else f"{node.name}, which no label describes"
    return NodeGpus(node, gpu, evidence, _count(node), _number(labels.get(_MEMORY)), _capability(node, gpu))


def type_count(node: LiveObject) -> int | None:
    """The GPUs that the node's instance type is sold with; None where that is not known."""
    type = _first(node, INSTANCE_TYPE_KEYS)
    return instances.gpus_per_node(type) if type else None


def _count(node: LiveObject) -> int | None:
    """The GPUs in the machine. Where they are shared, what it offers to pods is another number."""
    if (labelled := _number(node.labels.get(COUNT))) is not None:
        return labelled
    if (_number(node.labels.get(_REPLICAS)) or 1) > 1:
        return None
    try:
        offered = node.at("status", "capacity", GPU)
        return int(parse(offered)) if offered is not None else None
    except InvalidQuantity:
        return None


def _capability(node: LiveObject, gpu: Gpu | None) -> tuple[int, int] | None:
    major, minor = _number(node.labels.get(_MAJOR)), _number(node.labels.get(_MINOR))
    if major is not None and minor is not None:
        return major, minor
    return gpu.capability if gpu is not None else None


def below(found: Iterable[NodeGpus], floor: tuple[int, int]) -> Iterator[tuple[list[NodeGpus], str]]:
    """Nodes with GPUs of a lower compute capability, by GPU, with words for it.

    Raises CannotTell where a node does not tell.
    """
    short: dict[str, list[NodeGpus]] = {}
    silent: list[NodeGpus] = []
    for one in found:
        if one.capability is None:
            silent.append(one)
        elif one.capability < floor:
            words = f"{one.title}, compute capability {dotted(one.capability)} ({one.evidence})"
            short.setdefault(words, []).append(one)
    yield from ((nodes, words) for words, nodes in short.items())
    if silent:
        raise CannotTell(f"which compute capability the GPUs of {silent[0].node.name} have", SUPPLY)


def dotted(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"


def _first(node: LiveObject, keys: Iterable[str]) -> str | None:
    return next((node.labels[key] for key in keys if node.labels.get(key)), None)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
