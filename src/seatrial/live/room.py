"""Whether more pods would find nodes: what is free, counted as the scheduler counts it.

Source: Kubernetes, Scheduling framework: NodeResourcesFit, NodeAffinity, TaintToleration, NodeUnschedulable.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from seatrial.clusters.wanted import request
from seatrial.finding import CannotTell
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet, is_leader
from seatrial.live.live_containers import live_template
from seatrial.live.live_view import LiveView
from seatrial.live.objects import LiveObject
from seatrial.live.resources import NODES, PODS
from seatrial.live.serving_nodes import accepts, untolerated
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.manifests.workloads import PodTemplate

Amounts = dict[str, Fraction]
MORE_NODES = "more nodes: in seatrial.toml for a cluster of ours, [pool] nodes = 8; else free ones"


def require_room(lws: LiveLeaderWorkerSet, view: LiveView, sizes: Sequence[int]) -> None:
    """Raises CannotTell unless so many more groups, of so many pods each, would find nodes."""
    if not has_room(lws, view, sizes):
        what = "one more group" if len(sizes) == 1 else f"{len(sizes)} more groups"
        raise CannotTell(
            f"there are no nodes free for {what} of {' and '.join(map(str, sorted({*sizes})))} pods", MORE_NODES
        )


def has_room(lws: LiveLeaderWorkerSet, view: LiveView, sizes: Sequence[int]) -> bool:
    """Whether so many more groups, of so many pods each, would find nodes beside everything that runs.

    Raises CannotTell, Unreachable.
    """
    leader, worker = _examples(lws)
    if leader is None:
        return False
    view.refresh()
    nodes = [node for node in view.all(NODES) if _takes_pods(node)]
    free = _free(nodes, view.all(PODS))
    return all(_place_group(lws, [leader, *[worker or leader] * (size - 1)], nodes, free) for size in sizes)


def _examples(lws: LiveLeaderWorkerSet) -> tuple[LiveObject | None, LiveObject | None]:
    """A leader and a worker that run: what one more of each asks for, also what admission added."""
    leader = next(iter(lws.leaders), None)
    return leader, next((pod for pod in lws.pods if not is_leader(pod)), None)


def _place_group(
    lws: LiveLeaderWorkerSet, pods: list[LiveObject], nodes: list[LiveObject], free: dict[str, Amounts]
) -> bool:
    topology = lws.exclusive_topology
    if not topology:
        return _place(pods, nodes, free)
    taken = {str(pod.at("spec", "nodeName")) for pod in lws.pods}
    occupied = {node.labels.get(topology) for node in nodes if node.name in taken}
    domains = {node.labels[topology] for node in nodes if topology in node.labels} - occupied
    return any(_place(pods, [node for node in nodes if node.labels.get(topology) == one], free) for one in domains)


def _place(pods: Iterable[LiveObject], nodes: list[LiveObject], free: dict[str, Amounts]) -> bool:
    """Put pods one after the other where they fit. `free` keeps what is left only if all of them do."""
    left = {node.name: dict(free[node.name]) for node in nodes}
    for pod in pods:
        asked = requests(pod)
        apart = keeps_apart(live_template(pod))
        place = next((node for node in nodes if _accepts(node, pod) and _fits(asked, left[node.name])), None)
        if place is None:
            return False
        for name, amount in asked.items():
            left[place.name][name] = left[place.name].get(name, Fraction()) - amount
        if apart:
            nodes = [node for node in nodes if node is not place]
    free.update(left)
    return True


def _takes_pods(node: LiveObject) -> bool:
    return node.holds("Ready") and not node.at("spec", "unschedulable") and not node.deleting


def _free(nodes: Iterable[LiveObject], pods: Iterable[LiveObject]) -> dict[str, Amounts]:
    free = {node.name: _amounts(node.at("status", "allocatable")) for node in nodes}
    for pod in pods:
        left = free.get(str(pod.at("spec", "nodeName") or ""))
        if left is not None and pod.at("status", "phase") not in ("Succeeded", "Failed"):
            for name, amount in requests(pod).items():
                left[name] = left.get(name, Fraction()) - amount
    return free


def _fits(asked: Mapping[str, Fraction], left: Mapping[str, Fraction]) -> bool:
    return all(amount <= left.get(name, Fraction()) for name, amount in asked.items() if amount)


def requests(pod: LiveObject) -> Amounts:
    """What the scheduler counts for a pod: what its containers ask for, its overhead, and the pod itself."""
    template = live_template(pod)
    names = {name for container in template.all_containers for name in container.at("resources", "requests").mapping}
    total = {"pods": Fraction(1)} | {name: request(template, name) for name in names}
    for name, amount in _amounts(pod.at("spec", "overhead")).items():
        total[name] = total.get(name, Fraction()) + amount
    return total


def _amounts(raw: object) -> Amounts:
    found: Amounts = {}
    for name, quantity in (raw if isinstance(raw, dict) else {}).items():
        try:
            found[name] = parse(quantity)
        except InvalidQuantity:
            continue  # the API server stores none
    return found


def _accepts(node: LiveObject, pod: LiveObject) -> bool:
    """Whether selector, required node affinity and tolerations let the pod onto the node."""
    template = live_template(pod)
    return accepts(template, node) and not any(untolerated(node, template))


def keeps_apart(template: PodTemplate) -> bool:
    """Whether required anti-affinity keeps the pods of a group on different nodes (which pods it means is not read)."""
    rules = template.spec.at("affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    return bool(rules.raw)
