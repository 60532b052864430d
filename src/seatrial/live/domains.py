"""The domains of an exclusive topology in which groups are: nodes with one value of the label that a set names."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.live.group import LiveGroup
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject
from seatrial.live.placement import nodes


@dataclass(frozen=True, slots=True)
class Domains:
    """A group with the domains that its pods are in, each with a pod of it, and the nodes that name none."""

    group: LiveGroup
    pods: dict[str, LiveObject]
    unlabelled: tuple[str, ...]


def domains(lws: LiveLeaderWorkerSet) -> Iterator[Domains]:
    """Where the pods of each group are that have a node. Raises CannotTell where nodes may not be read."""
    known = nodes(lws.deployed)
    for group in lws.groups:
        pods: dict[str, LiveObject] = {}
        unlabelled: dict[str, None] = {}
        for pod in group.pods:
            node = known.get(str(pod.at("spec", "nodeName") or ""))
            value = node.labels.get(lws.exclusive_topology) if node is not None else None
            if node is not None and value is None:
                unlabelled[node.name] = None
            elif value is not None:
                pods.setdefault(value, pod)
        yield Domains(group, pods, tuple(unlabelled))
