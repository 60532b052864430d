"""Where the pods of a group are, and why some are nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.live.deployed import Deployed
from seatrial.live.group import LiveGroup
from seatrial.live.objects import LiveObject
from seatrial.live.obstacles import short
from seatrial.live.resources import NODES
from seatrial.live.serving_nodes import gpus_of
from seatrial.live.super_nodes import is_super_node
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.workload.serving import GPU

SCHEDULING_S = 120.0
"""How long a pod on somebody's cluster may wait for a node: an autoscaler may be bringing one (own)."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Pods of one group on one node."""

    node: str
    pods: tuple[LiveObject, ...]


def crowds(group: LiveGroup) -> Iterator[Crowd]:
    """The nodes on which several pods of the group are."""
    yield from (Crowd(node, tuple(pods)) for node, pods in by_node(group).items() if len(pods) > 1)


def by_node(group: LiveGroup) -> dict[str, list[LiveObject]]:
    """The pods of a group that are on a node, by its name."""
    on: dict[str, list[LiveObject]] = {}
    for pod in group.pods:
        node = pod.at("spec", "nodeName")
        if node:
            on.setdefault(str(node), []).append(pod)
    return on


def on_purpose(deployed: Deployed, crowd: Crowd) -> str:
    """Why so many pods may share the node, in words; empty where they may not. Raises CannotTell."""
    node = nodes(deployed).get(crowd.node)
    if node is None:
        return ""
    if is_super_node(node):
        return "on a super node each pod is a machine of its own"
    wanted, has = max(map(gpus, crowd.pods)), gpus_of(node)
    return f"each pod takes {wanted} of a node's {has} GPUs" if 0 < wanted < has else ""


def nodes(deployed: Deployed) -> dict[str, LiveObject]:
    """The nodes of the cluster by name. Raises CannotTell where they may not be read."""
    return deployed.once(_nodes)


def _nodes(deployed: Deployed) -> dict[str, LiveObject]:
    return {node.name: node for node in deployed.view.all(NODES)}


def gpus(pod: LiveObject) -> int:
    """The GPUs that the containers of a pod ask for; a limit is a request, too."""
    return sum(
        _quantity((one.get("resources") or {}).get("limits", {}).get(GPU)) for one in pod.each("spec", "containers")
    )


def _quantity(text: object) -> int:
    try:
        return int(parse(text or 0))
    except InvalidQuantity:
        return 0


def why_waiting(deployed: Deployed, pod: LiveObject) -> str:
    """What keeps a pod from getting a node, as its condition or the last event about it says."""
    condition = pod.condition("PodScheduled") or {}
    if condition.get("reason") == "SchedulingGated":
        gates = ", ".join(str(one.get("name")) for one in pod.each("spec", "schedulingGates"))
        return f"it waits for its scheduling gates to be removed: {gates}"
    words = scheduler_words(deployed, pod)
    if words:
        return short(words)
    scheduler = str(pod.at("spec", "schedulerName") or "default-scheduler")
    return f"no word from scheduler {scheduler}"


def scheduler_words(deployed: Deployed, pod: LiveObject) -> str:
    """The whole message of the scheduler about a pod without a node; empty where there is none."""
    condition = pod.condition("PodScheduled") or {}
    if condition.get("message"):
        return str(condition["message"])
    events = deployed.view.events(pod.namespace, "Pod", pod.name)
    said = [str(event.at("message") or "") for event in events if event.at("reason") == "FailedScheduling"]
    return said[-1] if said else ""


def is_due(deployed: Deployed, pod: LiveObject) -> bool:
    """Whether a pod has waited long enough; on a cluster of ours the run has waited already."""
    return deployed.own or (deployed.view.now - pod.created).total_seconds() >= SCHEDULING_S


def by_reason(deployed: Deployed, waiting: list[LiveObject]) -> dict[str, list[LiveObject]]:
    """Pods without a node, by what keeps them."""
    found: dict[str, list[LiveObject]] = {}
    for pod in waiting:
        found.setdefault(why_waiting(deployed, pod), []).append(pod)
    return found
