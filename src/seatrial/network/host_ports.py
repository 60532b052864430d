"""Ports that pods take on their node: those of the host network and of `hostPort`, and which pods share a node.

The scheduler keeps apart what is declared; it does not know the ports that a program takes without declaring them.
Source: Kubernetes API reference, ContainerPort; SGLang's server_args.py for the range of its own NCCL port.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

from seatrial.finding import Place
from seatrial.lws.selectors import matches
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.nodes.hardware import hardware
from seatrial.nodes.scheduling import allowed_values, demands, tolerates
from seatrial.nodes.super_pods import is_super_pod
from seatrial.workload.serving import Role, groups

HOSTNAME = "kubernetes.io/hostname"
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
    """Pods of one template that take ports of their nodes; `several` when there can be more than one of them.

    `role` is set for pods that run SGLang.
    """

    template: PodTemplate
    title: str
    ports: tuple[HostPort, ...]
    role: Role | None = None
    several: bool = False

    @property
    def gpus(self) -> int:
        return (self.role.gpus or 0) if self.role else 0

    @property
    def declared(self) -> set[tuple[str, int]]:
        """What the scheduler knows, and gives to one pod of a node only."""
        return {(port.protocol, port.number) for port in self.ports if port.declared}


def on_host_network(template: PodTemplate) -> bool:
    return template.spec["hostNetwork"].boolean is True


def host_pods(manifests: ManifestSet) -> list[HostPod]:
    """All pods of a set that take ports of their nodes. Raises Blocked when a launch line is not resolved."""
    roles = [role for group in groups(manifests) for role in group.roles]
    engines = {role.template.key for role in roles}
    found = [_of_role(role) for role in roles if on_host_network(role.template)]
    for template in manifests.pod_templates:
        if template.key not in engines:
            ports = tuple(_declared(template))
            if ports:
                found.append(HostPod(template, template.title, ports))
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
    return HostPod(role.template, role.title, tuple(ports), role, several)


def _declared(template: PodTemplate) -> Iterator[HostPort]:
    field = "containerPort" if on_host_network(template) else "hostPort"
    for container in template.all_containers:
        for port in container["ports"]:
            number = port[field].integer
            if number:
                yield HostPort(number, port[field], True, (port["protocol"].text or "TCP").upper())


def can_meet(manifests: ManifestSet, one: HostPod, other: HostPod) -> bool | None:
    """Whether two pods can land on one node; None when that hangs on the number of GPUs of a node."""
    if is_super_pod(manifests, one.template) or is_super_pod(manifests, other.template):
        return False  # each of them is a machine of its own
    if _want_different_nodes(one.template, other.template) or one.declared & other.declared:
        return False
    if _repels(one.template, other.template) or _repels(other.template, one.template):
        return False
    if one.role and other.role and one.gpus and other.gpus:
        return _have_room(one.role, other.role)
    return (not one.gpus and not other.gpus) or _tolerates_pool(manifests, other if one.gpus else one)


def _want_different_nodes(one: PodTemplate, other: PodTemplate) -> bool:
    """Whether selectors and required affinity leave no node that both accept, by any one label."""
    for key in {demand.key for demand in demands(one)}:
        mine, theirs = ({value for value, _ in allowed_values(template, key)} for template in (one, other))
        if mine and theirs and not mine & theirs:
            return True
    return False


def _have_room(one: Role, other: Role) -> bool | None:
    """Whether a node has the GPUs of both pods; None when the nodes are not known, or some do and some do not."""
    wanted = (one.gpus or 0) + (other.gpus or 0)
    mine, theirs = hardware(one).gpus_per_node, hardware(other).gpus_per_node
    counts = set(mine) & set(theirs) if mine and theirs else {*mine, *theirs}
    answers = {wanted <= count for count in counts}
    return answers.pop() if len(answers) == 1 else None


def _tolerates_pool(manifests: ManifestSet, pod: HostPod) -> bool:
    """Whether a pod without GPUs may land on the GPU nodes, as far as the target states their taints."""
    taints = [taint for taint in manifests.target.get("pool.taints") or () if taint.effect != "PreferNoSchedule"]
    return all(tolerates(pod.template, taint) for taint in taints)


def _repels(template: PodTemplate, other: PodTemplate) -> bool:
    """Whether a required anti-affinity keeps the other's pods off the node."""
    return any(
        term["topologyKey"].text == HOSTNAME and matches(term["labelSelector"].raw, other.labels)
        for term in _anti_affinity(template.spec)
    )


def _anti_affinity(spec: Node) -> Node:
    return spec.at("affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
