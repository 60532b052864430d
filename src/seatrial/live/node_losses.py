"""Nodes of a group that do not answer any more, and pods that nobody stops because of that."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.live.group import LiveGroup
from seatrial.live.objects import LiveObject, moment
from seatrial.live.obstacles import short
from seatrial.live.placement import by_node, nodes

STUCK_S = 120.0
"""How long after its grace period a pod may still be there: volumes are unmounted after the containers ended (own)."""


@dataclass(frozen=True, slots=True)
class LostNode:
    """A node, the pods of one group that are on it, and what is wrong with it."""

    name: str
    pods: tuple[LiveObject, ...]
    words: str


def lost_nodes(group: LiveGroup) -> Iterator[LostNode]:
    """The nodes of the group's pods that are not Ready, or not there. Raises CannotTell where nodes may not be read."""
    for name, pods in by_node(group).items():
        words = _trouble(nodes(group.lws.deployed).get(name))
        if words:
            yield LostNode(name, tuple(pods), words)


def _trouble(node: LiveObject | None) -> str:
    """What is wrong with a node; empty where nothing is."""
    if node is None:
        return "it is not in the cluster any more"
    if node.holds("Ready"):
        return ""
    condition = node.condition("Ready") or {}
    said = f"{condition.get('reason') or ''} {condition.get('message') or ''}".strip()
    return f"Ready is {condition.get('status') or 'not stated'}" + (f" ({short(said)})" if said else "")


def stuck(group: LiveGroup) -> list[LiveObject]:
    """Pods that should have ended long ago: their time of deletion has the grace period in it."""
    now = group.lws.deployed.view.now
    due = ((pod, moment(pod.metadata.get("deletionTimestamp"))) for pod in group.leaving)
    return [pod for pod, when in due if when is not None and (now - when).total_seconds() > STUCK_S]
