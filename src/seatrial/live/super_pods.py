"""Pods of the set on super nodes, and those that wait because they do not tolerate the taint of such nodes."""

from collections.abc import Iterator

from seatrial.knowledge import super_nodes
from seatrial.live.deployed import Deployed
from seatrial.live.live_containers import live_template
from seatrial.live.objects import LiveObject
from seatrial.live.placement import gpus, is_due, nodes, scheduler_words
from seatrial.live.serving_nodes import accepts, lasting_taints
from seatrial.live.super_nodes import is_super_node
from seatrial.live.workload_pods import WorkloadPod, workload_pods
from seatrial.nodes.super_pods import is_super_pod

_UNNAMED = "untolerated taint"
"""What newer schedulers say, which do not name the taint (kubernetes#134740)."""


def super_nodes_of(deployed: Deployed) -> dict[str, LiveObject]:
    """The super nodes of the cluster by name. Raises CannotTell where nodes may not be read."""
    return {name: node for name, node in nodes(deployed).items() if is_super_node(node)}


def gpu_pods(deployed: Deployed) -> list[WorkloadPod]:
    """The set's pods on super nodes that take GPUs. Raises CannotTell where nodes or pods may not be read."""
    there = super_nodes_of(deployed)
    return [one for one in workload_pods(deployed) if one.pod.at("spec", "nodeName") in there and gpus(one.pod)]


def kept_off(deployed: Deployed) -> Iterator[tuple[WorkloadPod, str]]:
    """The set's pods that a super node would take but for its taint, with the scheduler's words.

    A pod for other nodes is not meant, though the scheduler names the taint to it, too: without the annotations of
    a super node's pod it would get no GPU there. Raises CannotTell where nodes, pods or events may not be read.
    """
    there = super_nodes_of(deployed).values()
    for one in workload_pods(deployed):
        pod = one.pod
        if pod.at("spec", "nodeName") or not is_due(deployed, pod):
            continue
        said = scheduler_words(deployed, pod)
        speaks_of_it = super_nodes.TAINT in said or _UNNAMED in said
        meant = is_super_pod(deployed.manifests, one.template) or not gpus(pod)
        if speaks_of_it and meant and any(_keeps_off(node, pod) for node in there):
            yield one, said


def _keeps_off(node: LiveObject, pod: LiveObject) -> bool:
    template = live_template(pod)
    keys = [taint.key for taint in lasting_taints(node, template)]
    return accepts(template, node) and keys == [super_nodes.TAINT]
