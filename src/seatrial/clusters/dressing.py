"""Nodes that look like those of a set's target: as many, of that kind and size, in those zones.

They are objects for a cluster whose nodes are made up (kwok), or to be copied onto real ones (kind).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from ipaddress import IPv4Address

from seatrial.clusters.node_model import Look, model
from seatrial.clusters.node_templates import GPU, Node, NodeTemplate, closest, fill
from seatrial.clusters.pool_shape import GIB, PoolShape, Size, with_reserve
from seatrial.clusters.provider import ClusterError
from seatrial.clusters.storage import Storage, storage
from seatrial.clusters.wanted import Wanted, wanted
from seatrial.knowledge import super_nodes
from seatrial.manifest_set import ManifestSet
from seatrial.target import Target

PLAIN_NODES = 2
"""Nodes without GPUs beside the pool, for pods that it is not meant for."""
PODS_PER_PLAIN_NODE, MOST_PLAIN_NODES = 40, 100
SUPER_NODE_GPUS = 1000
NODES_FROM, PODS_FROM = IPv4Address("10.1.0.11"), IPv4Address("10.64.0.0")
POD_ADDRESSES = 64
"""Addresses of one node's pods: a /26, as TKE's global-router mode gives."""
MOST_NODES = 2**15
"""So many nodes have pod addresses below 10.96.0.0, where those of Services begin."""
# The pods' wishes that no node without them can be assumed to meet.
_FIXED = ("kubernetes.io/os", "beta.kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/arch")


class DressingError(ClusterError):
    """A target's nodes cannot be made."""


@dataclass(frozen=True, slots=True)
class Dressed:
    """Node objects of a cluster, and what was assumed to make them, one sentence each."""

    nodes: list[Node]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Nodes that differ in their names and zones only."""

    count: int
    name: str
    template: NodeTemplate
    look: Look


@dataclass(frozen=True, slots=True)
class Dressing:
    """Everything that stands in for the cluster of a set's target, but for the set itself."""

    nodes: list[Node]
    storage: Storage
    notes: tuple[str, ...]


def dress(manifests: ManifestSet, *, count: int | None = None) -> Dressing:
    """The cluster of a set: its nodes, and its storage, which lists objects in the order of their creation.

    `count` nodes of the pool, instead of what target and set say. Raises DressingError as `nodes` does.
    """
    dressed = nodes(manifests.target, wanted(manifests), count=count)
    found = storage(manifests, dressed.nodes)
    return Dressing(dressed.nodes, found, dressed.notes + found.notes)


def nodes(target: Target, asked: Wanted | None = None, *, count: int | None = None) -> Dressed:
    """The nodes of a target's cluster: its pool, two or more without GPUs, and a super node where the set needs one.

    Names, addresses and ids are the same each time.

    Args:
        target: what is known of the cluster.
        asked: what the set's pods ask for (`wanted.wanted`); it stands in for facts that are missing.
        count: nodes of the pool, instead of what target and set say: a fleet.

    Raises DressingError for more nodes than there are addresses for, MOST_NODES.
    """
    shape = PoolShape(target, asked or Wanted())
    made: list[Node] = []
    for batch in _batches(shape, count):
        if len(made) + batch.count > MOST_NODES:
            number = f"{batch.count:,}" if batch.count < 10**9 else "that many"
            raise DressingError(
                f"{number} nodes are too many for a cluster of made-up nodes, which has {MOST_NODES:,} at most; "
                "state fewer in seatrial.toml: [pool] nodes = 4"
            )
        made += _made(batch, shape, len(made))
    return Dressed(made, tuple(dict.fromkeys(shape.notes)))


def _batches(shape: PoolShape, count: int | None) -> Iterator[_Batch]:
    number = shape.count if count is None else count
    if shape.kind == "super":
        yield _super_nodes(shape, number, replace(_pool_look(shape), size=None, disk_gb=None, os=None))
    else:
        template = closest(shape.kind, shape.size.instance_type, shape.size.gpus)
        labels = shape.labels(template.node["metadata"]["labels"])
        yield _Batch(number, "gpupool1", template, replace(_pool_look(shape), size=shape.size, labels=labels))
        if shape.wanted.super_nodes:
            shape.notes.append("pods of the set are meant for super nodes: assumed that the cluster has one")
            yield _super_nodes(shape, 1, Look())
    if shape.target.get("cluster.type") != "serverless":  # it has super nodes only
        yield from _plain_nodes(shape)


def _pool_look(shape: PoolShape) -> Look:
    """What the target states of the pool's nodes, whatever their kind."""
    fact = shape.target.get
    return Look(
        kubelet=_kubelet(shape),
        os=fact("pool.os"),
        disk_gb=fact("pool.system_disk_gb"),
        labels=fact("pool.labels") or {},
        taints=tuple(fact("pool.taints") or ()),
        devices=shape.devices,
        drivers=shape.wanted.drivers,
    )


def _kubelet(shape: PoolShape) -> str | None:
    stated: str | None = shape.target.get("kubernetes.version")
    return f"v{stated.removeprefix('v')}" if stated else None


def _super_nodes(shape: PoolShape, count: int, look: Look) -> _Batch:
    """Super nodes; DaemonSets do not run there, so no driver registers on them."""
    template = closest("super", super_nodes.INSTANCE_TYPE, 0)
    if shape.target.get("pool.billing") == "subscription":  # only pay-as-you-go nodes have the taint by themselves
        template = replace(template, node=template.node | {"spec": template.node["spec"] | {"taints": []}})
    shape.notes.append("CPUs, memory and GPUs of a super node are virtual: assumed that they do not run out")
    return _Batch(count, "virtual1", template, replace(look, devices={GPU: SUPER_NODE_GPUS}, drivers=()))


def _plain_nodes(shape: PoolShape) -> Iterator[_Batch]:
    """Nodes without GPUs, and one for each selection of labels that pods outside the pool make."""
    template = closest("other" if shape.kind == "other" else "regular", None, 0)
    asks = shape.wanted.elsewhere
    look = Look(kubelet=_kubelet(shape), size=_plain_size(shape, template), drivers=shape.wanted.drivers)
    pods = sum(ask.pods for ask in asks)
    number = min(max(PLAIN_NODES, math.ceil(pods / PODS_PER_PLAIN_NODE)), MOST_PLAIN_NODES)
    yield _Batch(number, "cpupool1", template, look)
    present = template.node["metadata"]["labels"]
    selections = [{key: value for key, value in ask.labels.items() if key not in _FIXED} for ask in asks]
    unmet = [labels for labels in selections if not labels.items() <= present.items()]
    for nth, pairs in enumerate(dict.fromkeys(tuple(labels.items()) for labels in unmet), 2):
        shown = ", ".join(f"{key}={value}" for key, value in pairs)
        shape.notes.append(f"a pod outside the pool selects {shown}: assumed that the cluster has such a node")
        yield _Batch(1, f"cpupool{nth}", template, replace(look, labels=dict(pairs)))


def _plain_size(shape: PoolShape, template: NodeTemplate) -> Size | None:
    """A size that holds every pod outside the pool at once; None when the template's own does."""
    asks = shape.wanted.elsewhere
    vcpu = with_reserve(sum((ask.cpu * ask.pods for ask in asks), Fraction()))
    gb = with_reserve(sum((ask.memory * ask.pods for ask in asks), Fraction()) / GIB)
    if vcpu <= template.vcpu and gb <= template.memory_gib:
        return None
    size = Size(0, max(vcpu, template.vcpu), max(gb, template.memory_gib))
    shape.notes.append(f"assumed that nodes outside the pool have {size.vcpu} vCPUs and {size.memory_gb} GB")
    return size


def _made(batch: _Batch, shape: PoolShape, first: int) -> Iterator[Node]:
    """The nodes of a batch, in turn in each zone. The common part is made once, each node is a copy with its words."""
    common = fill(model(batch.template, batch.look), {"pool": f"np-{batch.name}"})
    in_zones = [fill(common, zone.words | {"subnet": f"subnet-{nth:08d}"}) for nth, zone in enumerate(shape.zones, 1)]
    for number in range(first, first + batch.count):
        words = {
            "ip": str(NODES_FROM + number),
            "id": f"{number + 1:08d}",
            "pod_cidr": f"{PODS_FROM + number * POD_ADDRESSES}/26",
        }
        yield fill(in_zones[(number - first) % len(in_zones)], words)
