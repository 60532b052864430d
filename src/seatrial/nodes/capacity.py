"""What the groups of a set take from the pool: nodes and GPUs."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from seatrial.finding import Place
from seatrial.manifest_set import ManifestSet
from seatrial.nodes.hardware import hardware
from seatrial.workload.serving import Group, Role, groups


@dataclass(frozen=True, slots=True)
class Need:
    """Nodes and GPUs of all replicas of one group; `place` is the number that a user would lower.

    Part of a node is taken where several pods share one.
    """

    title: str
    nodes: Fraction
    gpus: int
    place: Place


def needs(manifests: ManifestSet) -> Iterator[Need]:
    """What each SGLang group takes of the pool; groups on super nodes or bound to other instance types take nothing."""
    for group in groups(manifests):
        roles = [role for role in group.roles if in_pool(role)]
        pods = {role.name: _pods(group, role) for role in roles}
        if roles and sum(pods.values()):
            nodes = sum((Fraction(pods[role.name], _per_node(role)) for role in roles), Fraction())
            gpus = sum(pods[role.name] * (role.gpus or 0) for role in roles)
            yield Need(group.title, nodes, gpus, _place(group))


def in_pool(role: Role) -> bool:
    """Whether the role's pods may run on nodes of the pool that the target describes."""
    stated = role.manifests.target.get("pool.instance_type")
    named = [value.casefold() for value, _ in hardware(role).instance_types]
    return not hardware(role).on_super_node and (stated is None or stated.casefold() in named)


def _pods(group: Group, role: Role) -> int:
    """Pods of a role over all groups."""
    if group.worker is None:
        return group.replicas * group.size
    return group.replicas * (1 if role.name == "leader" else group.size - 1)


def _per_node(role: Role) -> int:
    """Pods that share a node by their GPUs; 1 where that is not known."""
    available = hardware(role).gpus_per_node
    return max(1, available[0] // role.gpus) if available and role.gpus else 1


def _place(group: Group) -> Place:
    replicas = group.document.at("spec", "replicas")
    if group.lws is not None and group.replicas == 1 and group.size > 1:
        return group.lws.template["size"]
    return replicas
