"""Ports that pods take on their node: those of the host network and of `hostPort`, and which pods share a node.

The scheduler keeps apart what is declared; it does not know the ports that a program takes without declaring them.
Source: Kubernetes API reference, ContainerPort; SGLang's server_args.py for the range of its own NCCL port.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

from seatrial.fact_types import Taint
from seatrial.finding import Place
from seatrial.knowledge import instances
from seatrial.lws.selectors import matches
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.serving import Role, groups

HOSTNAME = "kubernetes.io/hostname"
_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
# Without a rendezvous address SGLang takes a free port this far above the serving port.
_DERIVED = (100, 1000)


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port, or with `last` a range out of which one is taken. `declared` ports are known to the scheduler."""

    number: int
    place: Place
    declared: bool
    protocol: str = "TCP"
    last: int = 0

    def clashes(self, other: "HostPort") -> bool:
        """Whether two pods on one node want the same port; ranges give way to each other."""
        if self.protocol != other.protocol or (self.last and other.last):
            return False
        low, high = max(self.number, other.number), min(self.last or self.number, other.last or other.number)
        return low <= high

    def __str__(self) -> str:
        return f"{self.number}-{self.last}" if self.last else str(self.number)


@dataclass(frozen=True, slots=True)
class HostPod:
    """Pods of one template that take ports of their nodes; `several` when there can be more than one of them."""

    template: PodTemplate
    title: str
    ports: tuple[HostPort, ...]
    gpus: int
    several: bool

    @property
    def declared(self) -> set[tuple[str, int]]:
        """What the scheduler knows, and gives to one pod of a node only."""
        return {(port.protocol, port.number) for port in self.ports if port.declared}


def on_host_network(template: PodTemplate) -> bool:
    return template.spec["hostNetwork"].boolean is True


def host_pods(manifests: ManifestSet) -> list[HostPod]:
    """All pods of a set that take ports of their nodes. Raises Blocked when a launch line is not resolved."""
    roles = [role for group in groups(manifests) for role in group.roles]
    engines = {(id(role.template.document), role.template.node.path) for role in roles}
    found = [_of_role(role) for role in roles if on_host_network(role.template)]
    for template in manifests.pod_templates:
        if (id(template.document), template.node.path) not in engines:
            ports = tuple(_declared(template))
            if ports:
                found.append(HostPod(template, template.title, ports, 0, several=False))
    return found


def pairs(manifests: ManifestSet) -> Iterator[tuple[HostPod, HostPod]]:
    """Any two pods, in the order of the set; two of one template where there can be two."""
    for one, other in combinations_with_replacement(host_pods(manifests), 2):
        if one is not other or one.several:
            yield one, other


def _of_role(role: Role) -> HostPod:
    declared = list(_declared(role.template))
    numbers = {port.number for port in declared}
    ports = [HostPort(role.port, role.place("port"), role.port in numbers)]
    address = role.given("dist_init_addr")
    rendezvous = str(role.value("dist_init_addr", "")).rpartition(":")[2]
    if address is None:
        low, high = (role.port + step for step in _DERIVED)
        ports.append(HostPort(low, role.place("port"), declared=False, last=high))
    elif role.name == "leader" and rendezvous.isascii() and rendezvous.isdigit():
        ports.append(HostPort(int(rendezvous), role.place("dist_init_addr"), int(rendezvous) in numbers))
    known = {port.number for port in ports}
    ports += [port for port in declared if port.number not in known]
    several = role.group.replicas > 1 or (role.name == "worker" and role.group.size > 2)
    return HostPod(role.template, role.title, tuple(ports), role.gpus or 0, several)


def _declared(template: PodTemplate) -> Iterator[HostPort]:
    field = "containerPort" if on_host_network(template) else "hostPort"
    for container in template.all_containers:
        for port in container["ports"]:
            number = port[field].integer
            if number:
                yield HostPort(number, port[field], True, (port["protocol"].text or "TCP").upper())


def can_meet(manifests: ManifestSet, one: HostPod, other: HostPod) -> bool | None:
    """Whether two pods can land on one node; None when that hangs on the number of GPUs of a node."""
    ones, others = one.template.spec["nodeSelector"].texts, other.template.spec["nodeSelector"].texts
    if any(others.get(key, value) != value for key, value in ones.items()):
        return False
    if one.declared & other.declared:
        return False
    if _repels(one.template, other.template) or _repels(other.template, one.template):
        return False
    if not (one.gpus and other.gpus):
        return (not one.gpus and not other.gpus) or _tolerates_pool(manifests, other if one.gpus else one)
    available = _gpus_per_node(manifests, {**others, **ones})
    return None if available is None else one.gpus + other.gpus <= available


def _tolerates_pool(manifests: ManifestSet, pod: HostPod) -> bool:
    """Whether a pod without GPUs may land on the GPU nodes, as far as the target states their taints."""
    taints = [taint for taint in manifests.target.get("pool.taints") or () if taint.effect != "PreferNoSchedule"]
    tolerations = list(pod.template.spec["tolerations"])
    return all(any(_tolerates(toleration, taint) for toleration in tolerations) for taint in taints)


def _tolerates(toleration: Node, taint: Taint) -> bool:
    key, effect = toleration["key"].text or "", toleration["effect"].text or ""
    exists = toleration["operator"].text == "Exists"
    if effect not in ("", taint.effect) or (key != taint.key and (key or not exists)):
        return False
    return exists or (toleration["value"].text or "") == taint.value


def _gpus_per_node(manifests: ManifestSet, selector: dict[str, str]) -> int | None:
    target = manifests.target
    stated: int | None = target.get("pool.gpus_per_node")
    kind = selector.get(_INSTANCE_TYPE) or target.get("pool.instance_type")
    return stated if stated is not None else instances.gpus_per_node(str(kind)) if kind else None


def _repels(template: PodTemplate, other: PodTemplate) -> bool:
    """Whether a required anti-affinity keeps the other's pods off the node."""
    return any(
        term["topologyKey"].text == HOSTNAME and matches(term["labelSelector"].raw, other.labels)
        for term in _anti_affinity(template.spec)
    )


def _anti_affinity(spec: Node) -> Node:
    return spec.at("affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
