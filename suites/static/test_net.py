"""NET: host network, DNS policy, interfaces, ports."""

from collections.abc import Iterator

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.workloads import PodTemplate
from seatrial.network.host_ports import can_meet, host_pods, on_host_network, pairs
from seatrial.network.interfaces import has_several_interfaces, is_concrete
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.engine_variables import engine_variable
from seatrial.workload.leader_worker_set import leader_worker_sets
from seatrial.workload.probes import is_loopback
from seatrial.workload.serving import Group, Role, groups

GLOO, NCCL = "GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"
NODE_PORTS = range(30000, 32768)
SUPPLY_VALUE = "a literal value in the manifest"


@requirement(
    "NET-01",
    why="The pod has its node's resolver, which does not know the leader's name.",
    fix="Set dnsPolicy: ClusterFirstWithHostNet in leader and worker.",
)
def test_host_network_keeps_cluster_dns(deployment: ManifestSet) -> Outcomes:
    """A pod with `hostNetwork` MUST use dnsPolicy `ClusterFirstWithHostNet`."""
    templates = [template for template in _of_several_pods(deployment) if on_host_network(template)]
    if not templates:
        raise NotApplicable("no group of several pods is on the host network")
    for template in templates:
        policy = template.spec["dnsPolicy"]
        if policy.raw != "ClusterFirstWithHostNet":
            observed = f"hostNetwork with dnsPolicy {policy.raw or 'ClusterFirst, the default'}"
            yield Finding(
                policy if policy.exists else template.spec["hostNetwork"], observed, "ClusterFirstWithHostNet"
            )


def _of_several_pods(deployment: ManifestSet) -> Iterator[PodTemplate]:
    for lws in deployment.once(leader_worker_sets):
        if lws.size > 1:
            yield from lws.templates
    for group in groups(deployment):
        if group.lws is None and group.size > 1:
            yield group.leader.template


@requirement(
    "NET-02",
    why="Probes and the Service are refused: --host is 127.0.0.1 unless it is given.",
    fix="Start the leader with --host 0.0.0.0.",
)
def test_leader_listens_for_others(group: Group) -> Outcomes:
    """The leader MUST NOT listen on loopback only."""
    leader = group.leader
    if is_loopback(leader.host):
        observed = f"--host {leader.host}" if leader.given("host") else "no --host, which means 127.0.0.1"
        yield Finding(leader.place("host"), observed, "0.0.0.0, or :: with IPv6")


@requirement(
    "NET-03",
    why="A Service of the cluster may own this port of every node already: 30000 to 32767 are NodePorts.",
    fix="Choose another --port and another port in --dist-init-addr, for example 8000 and 5000.",
)
def test_host_ports_are_no_node_ports(role: Role) -> Outcomes:
    """A host-network port SHOULD NOT lie in the NodePort range."""
    if not on_host_network(role.template):
        raise NotApplicable("not on the host network")
    if role.port in NODE_PORTS:
        observed = f"--port {role.port}" if role.given("port") else f"port {role.port}, the default of the {role.name}"
        yield Finding(role.place("port"), observed, "a port outside 30000-32767")
    rendezvous = str(role.value("dist_init_addr", "")).rpartition(":")[2]
    if role.name == "leader" and rendezvous.isdigit() and int(rendezvous) in NODE_PORTS:
        yield Finding(role.place("dist_init_addr"), f"rendezvous port {rendezvous}", "a port outside 30000-32767")


@requirement(
    "NET-04",
    why="The node's host name may resolve to loopback, and Gloo then connects to 127.0.0.1.",
    fix="Set GLOO_SOCKET_IFNAME to the node's interface, for example eth0, in leader and worker.",
    source="sglang#3226",
)
def test_host_network_names_gloo_s_interface(role: Role) -> Outcomes:
    """A group on the host network SHOULD set `GLOO_SOCKET_IFNAME`."""
    if not on_host_network(role.template) or role.group.size == 1:
        raise NotApplicable("not a group of several pods on the host network")
    yield from _is_set(role, GLOO)


def _is_set(role: Role, name: str) -> Outcomes:
    found = engine_variable(role, name)
    if found is None:
        yield Finding(
            role.container["env"], f"the {role.name} does not set {name}", f"{name} with the interface's name"
        )
    elif not found.certain:
        yield CannotTell(f"whether {role.title} sets {name}", SUPPLY_VALUE)


@requirement(
    "NET-05",
    why="Gloo knows neither lists nor NCCL's way to exclude interfaces, and finds no device of that name.",
    fix="Name one interface, for example eth0.",
    source="sglang#3226",
)
def test_gloo_s_interface_is_concrete(role: Role) -> Outcomes:
    """A value of `GLOO_SOCKET_IFNAME` MUST be one concrete interface name."""
    found = engine_variable(role, GLOO)
    if found is None or (not found.certain and GLOO not in role.engine_environment):
        raise NotApplicable("nothing in the manifests sets GLOO_SOCKET_IFNAME")
    if found.value is None:
        raise CannotTell(f"the value of GLOO_SOCKET_IFNAME in {role.title}", SUPPLY_VALUE)
    if not is_concrete(found.value):
        yield Finding(found.place, f'GLOO_SOCKET_IFNAME is "{found.value}"', "one interface name such as eth0")


@requirement(
    "NET-06",
    why="Two nodes that choose different interfaces wait for each other for ever.",
    fix="Set NCCL_SOCKET_IFNAME in leader and worker; a prefix such as eth or an exclusion such as ^lo,docker will do.",
    source=("sglang#3398", "sglang#4978", "sglang#4766"),
)
def test_group_names_nccl_s_interface(role: Role) -> Outcomes:
    """A multi-node group SHOULD name its NCCL interface."""
    if role.group.size == 1 or not has_several_interfaces(role):
        raise NotApplicable("one pod, or a pod network with one interface")
    yield from _is_set(role, NCCL)


@requirement(
    "NET-07",
    why="The second pod on the node ends with `address already in use`.",
    fix="Give each of them ports of its own, or keep them on different nodes.",
)
def test_host_ports_are_not_taken_twice(deployment: ManifestSet) -> Outcomes:
    """Two host-network pods of the set that can land on one node MUST NOT use the same port."""
    if not host_pods(deployment):
        raise NotApplicable("no pod of the set takes ports of its node")
    for one, other in pairs(deployment):
        taken = [(port, mine) for port in one.ports for mine in other.ports if port.clashes(mine)]
        meet = can_meet(deployment, one, other) if taken else False
        if meet is None:
            yield CannotTell(
                f"whether {one.title} and {other.title} fit on one node", "seatrial.toml: [pool] gpus_per_node = 8"
            )
        for port, mine in taken if meet else ():
            whose = "another pod of the same template" if one is other else one.title
            yield Finding(mine.place, f"{other.title} takes port {mine}, {whose} takes {port}", "different ports")
