"""What the pods of a set ask of nodes: it stands in for facts that the target does not state."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from seatrial.clusters.node_templates import GPU
from seatrial.clusters.storage import drivers
from seatrial.manifest_set import ManifestSet
from seatrial.manifests import names
from seatrial.manifests.document import Document, Node
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.manifests.workloads import PodTemplate, is_leader_worker_set, pod_templates
from seatrial.nodes import pool
from seatrial.nodes.scheduling import affinity_terms, selector
from seatrial.nodes.super_pods import is_super_pod
from seatrial.workload.leader_worker_set import leader_worker_sets

NODE_IP = "tke.cloud.tencent.com/eni-ip"
"""The resource by which VPC-CNI gives pods addresses."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What pods of one template ask for. `pods` is their number, `more` that of one more group or replica."""

    title: str
    pods: int
    more: int
    gpus: int
    cpu: Fraction
    memory: Fraction
    devices: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The asks of a set, by the nodes they are meant for, and the CSI drivers that it needs."""

    pool: tuple[Ask, ...] = ()
    super_nodes: tuple[Ask, ...] = ()
    elsewhere: tuple[Ask, ...] = ()
    drivers: tuple[str, ...] = ()


def wanted(manifests: ManifestSet) -> Wanted:
    """What a set asks of nodes."""
    bound = {template.key for template in pool.bound_pods(manifests)}
    places: dict[str, list[Ask]] = {"super": [], "pool": [], "elsewhere": []}
    for template, pods, more in _templates(manifests):
        on_pool = "pool" if template.key in bound else "elsewhere"
        place = "super" if is_super_pod(manifests, template) else on_pool
        places[place].append(_ask(template, pods, more))
    return Wanted(tuple(places["pool"]), tuple(places["super"]), tuple(places["elsewhere"]), drivers(manifests))


def _templates(manifests: ManifestSet) -> Iterator[tuple[PodTemplate, int, int]]:
    """Every template with its number of pods, and the pods of one more group."""
    for lws in manifests.once(leader_worker_sets):
        leader, *workers = lws.templates
        yield leader, lws.replicas * (1 if workers else lws.size), 1 if workers else lws.size
        for worker in workers:
            yield worker, lws.replicas * (lws.size - 1), lws.size - 1
    for document in manifests.documents:
        if not is_leader_worker_set(document):
            for template in pod_templates(document):
                yield template, _pods(document), 0 if document.kind in ("Job", "CronJob", "DaemonSet", "Pod") else 1


def _pods(document: Document) -> int:
    number = document["spec"]["parallelism" if document.kind == "Job" else "replicas"].integer
    return 1 if number is None else max(0, number)


def _ask(template: PodTemplate, pods: int, more: int) -> Ask:
    return Ask(
        title=template.title,
        pods=pods,
        more=more,
        gpus=math.ceil(request(template, GPU)),
        cpu=request(template, "cpu"),
        memory=request(template, "memory"),
        devices={name: math.ceil(request(template, name)) for name in _devices(template)},
        labels=_labels(template),
    )


def request(template: PodTemplate, resource: str) -> Fraction:
    """How much of a resource the scheduler counts for a pod: sidecars count beside the containers, others before them.

    Source: Kubernetes, Resource sharing within containers of a pod.
    """
    beside, peak = Fraction(), Fraction()
    for container in template.init_containers:
        amount = _amount(container, resource)
        if container["restartPolicy"].text == "Always":
            beside += amount
            peak = max(peak, beside)
        else:
            peak = max(peak, beside + amount)
    return max(peak, beside + sum((_amount(one, resource) for one in template.containers), Fraction()))


def _amount(container: Node, resource: str) -> Fraction:
    resources = container["resources"]
    asked = resources.at("requests", resource)
    try:
        return parse((asked if asked.exists else resources.at("limits", resource)).raw)
    except InvalidQuantity:
        return Fraction()


def _devices(template: PodTemplate) -> set[str]:
    """Extended resources that no fact can state: RDMA devices and addresses of the VPC."""
    return {
        name
        for container in template.all_containers
        for place in ("limits", "requests")
        for name, _ in container.at("resources", place).items()
        if isinstance(name, str) and ("rdma" in name or name == NODE_IP) and names.label_key(name) is None
    }


_VALUE_FOR: Mapping[str, Callable[[tuple[str, ...]], str]] = {
    "In": lambda values: values[0] if values else "",
    "Exists": lambda _: "true",
}


def _labels(template: PodTemplate) -> dict[str, str]:
    """Labels with which a node meets selector and required affinity, as far as single labels can."""
    first_term = next(iter(affinity_terms(template)), [])
    found = {
        demand.key: _VALUE_FOR[demand.operator](demand.values)
        for demand in (*first_term, *selector(template))
        if demand.operator in _VALUE_FOR and demand.key != "metadata.name"
    }
    return {key: value for key, value in found.items() if not (names.label_key(key) or names.label_value(value))}
