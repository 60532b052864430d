"""The nodes on which the set's engine may run."""

from collections.abc import Iterable, Iterator

from seatrial.clusters.wanted import request
from seatrial.finding import Blocked, CannotTell, NotApplicable
from seatrial.live.deployed import Deployed
from seatrial.live.engines import NO_GPUS, Engine, engines, on_gpu_nodes, pods_of
from seatrial.live.leader_worker_set import Standing
from seatrial.live.live_containers import live_template
from seatrial.live.objects import LiveObject
from seatrial.live.resources import NODES
from seatrial.live.super_nodes import is_super_node
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.manifests.workloads import PodTemplate
from seatrial.nodes.scheduling import ABSENT, Absent, Fit, fit, tolerates
from seatrial.target.fact_types import Taint
from seatrial.workload.serving import GPU

# Taints that come and go with the state of a node. Source: Kubernetes, Well-Known Labels, Annotations and Taints;
# public dumps of TKE nodes.
_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
_JOINING = ("tke.cloud.tencent.com/uninitialized", "tke.cloud.tencent.com/eni-ip-unavailable")


def serving_nodes(deployed: Deployed) -> list[LiveObject]:
    """Nodes with GPUs on which serving pods are or may come to be; super nodes have no devices of their own.

    One that is cordoned is among them only while a serving pod is on it. Raises CannotTell where nodes or pods may not
    be read.
    """
    return deployed.once(_find)


def need_serving_nodes(deployed: Deployed) -> list[LiveObject]:
    """As `serving_nodes`. Raises NotApplicable where the set needs no GPU nodes, Blocked where it has none."""
    wanting = on_gpu_nodes(deployed)
    found = serving_nodes(deployed)
    if not found and any(one.pods for one in wanting) and not _used(deployed, wanting):
        raise Blocked("HWG-01", "no node with GPUs is there for the set")
    if not found:
        raise NotApplicable("no group is asked for, or all are on super nodes")
    return found


def nodes_in_use(deployed: Deployed) -> list[LiveObject]:
    """The nodes on which pods are that take GPUs, super nodes among them.

    Raises NotApplicable where no pod of the set takes any, Blocked or CannotTell where none is on a node yet.
    """
    taking = [one for one in engines(deployed) if one.gpus]
    if not taking:
        raise NotApplicable(NO_GPUS)
    used = _used(deployed, taking)
    found = [node for node in deployed.view.all(NODES) if node.name in used]
    if not found:
        for lws in deployed.leader_worker_sets:
            lws.require(Standing.PLACED)
        raise CannotTell("no serving pod is on a node", "a later run")
    return found


def _used(deployed: Deployed, taking: Iterable[Engine]) -> set[str]:
    pods = (pod for one in taking for pod in pods_of(deployed, one))
    return {str(name) for pod in pods if (name := pod.at("spec", "nodeName")) and request(live_template(pod), GPU)}


def _find(deployed: Deployed) -> list[LiveObject]:
    wanting = [one for one in engines(deployed) if one.gpus and not one.on_super_nodes]
    used = _used(deployed, wanting)
    return [
        node
        for node in deployed.view.all(NODES)
        if not is_super_node(node) and (node.name in used or any(_suits(node, one) for one in wanting))
    ]


def _suits(node: LiveObject, engine: Engine) -> bool:
    """Whether a pod may come to be on the node once everything that passes has passed."""
    return (
        gpus_of(node) >= engine.gpus
        and not node.at("spec", "unschedulable")
        and accepts(engine.template, node)
        and not lasting_taints(node, engine.template)
    )


def lasting_taints(node: LiveObject, template: PodTemplate) -> list[Taint]:
    """Those that keep the pods of a template off a node whatever state it comes to be in."""
    found = untolerated(node, template)
    return [one for one in found if not one.key.startswith(_PASSING) and one.key not in _JOINING]


def accepts(template: PodTemplate, node: LiveObject) -> bool:
    """Whether the selector and the required node affinity of a template let its pods onto a node."""
    return not _fit(template, node).broken


def _fit(template: PodTemplate, node: LiveObject) -> Fit:
    def label(key: str) -> str | Absent:
        return node.name if key == "metadata.name" else node.labels.get(key, ABSENT)

    return fit(template, label)


def untolerated(node: LiveObject, template: PodTemplate) -> Iterator[Taint]:
    """The taints of a node that keep the pods of a template off it."""
    for one in node.each("spec", "taints"):
        taint = Taint(str(one.get("key", "")), str(one.get("value") or ""), str(one["effect"]))
        if taint.effect in ("NoSchedule", "NoExecute") and not tolerates(template, taint):
            yield taint


def unfit(node: LiveObject, template: PodTemplate) -> str | None:
    """What keeps the pods of a template off a node, whatever they ask for, as it is said of nodes; None for nothing."""
    if node.deleting:
        return "are being removed"
    if not node.holds("Ready"):
        return "are not Ready"
    if node.at("spec", "unschedulable"):
        return "are cordoned"
    unmet = next(iter(_fit(template, node).broken), None)
    if unmet is not None:
        return f"do not meet {unmet}"
    taint = next(untolerated(node, template), None)
    if taint is not None:
        return f"have taint {taint.key}{taint.value and f'={taint.value}'}:{taint.effect}, which is not tolerated"
    return None


def gpus_of(node: LiveObject) -> int:
    """The GPUs that a node offers to pods."""
    try:
        return int(parse(node.at("status", "allocatable", GPU) or 0))
    except InvalidQuantity:
        return 0
