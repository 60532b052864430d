"""Nodes that lack disk, memory or process numbers, as their conditions say, and events about them and their pods."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from seatrial.live.deployed import Deployed
from seatrial.live.engines import engines
from seatrial.live.events import happened
from seatrial.live.objects import LiveObject, LivePlace
from seatrial.live.obstacles import short

PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure")
# Reasons of the kubelet's events about a disk that cannot be freed. Source: Kubernetes, pkg/kubelet/events.
_OF_NODES = ("FreeDiskSpaceFailed", "ImageGCFailed")
# What an eviction for a node's sake says; others are for limits of the pod. Source: Kubernetes, pkg/kubelet/eviction.
_LOW = "node was low on resource"
_FULL = "no space left on device"
_HOME = "default"
"""The namespace of events about nodes."""


@dataclass(frozen=True, slots=True)
class Shortness:
    """A node that is short of something, or a pod that suffered from it; `words` are the cluster's."""

    place: LivePlace
    words: str


def pressed(nodes: Iterable[LiveObject]) -> Iterator[Shortness]:
    """What the conditions of nodes say. One that is not known is the matter of a lost node."""
    for node in nodes:
        for type in PRESSURES:
            condition = node.condition(type) or {}
            if condition.get("status") == "True":
                said = condition.get("message") or condition.get("reason")
                yield Shortness(
                    node.place("status", "conditions"), f"{type} is True" + (f": {short(said)}" * bool(said))
                )


def told(deployed: Deployed, nodes: Iterable[LiveObject]) -> Iterator[Shortness]:
    """What events say since the set was created, the last of each node or pod and reason.

    Raises CannotTell where events may not be read.
    """
    since = _created(deployed)
    names = {node.name for node in nodes}
    last: dict[tuple[object, ...], LiveObject] = {}
    for namespace in dict.fromkeys((_HOME, *deployed.namespaces)) if since is not None else ():
        for event in deployed.view.events(namespace):
            when = happened(event)
            if _is_of(event, names) and (since is None or when is None or when >= since):
                about = event.at("involvedObject") or {}
                last[about.get("kind"), about.get("namespace"), about.get("name"), event.at("reason")] = event
    for event in last.values():
        kind, name = event.at("involvedObject", "kind"), event.at("involvedObject", "name")
        place = LivePlace("" if kind == "Node" else event.namespace, f"{kind}/{name}")
        yield Shortness(place, f"{event.at('reason')}: {short(event.at('message'))}")


def _is_of(event: LiveObject, nodes: set[str]) -> bool:
    """Whether an event tells that one of the nodes is short of something."""
    kind, name = event.at("involvedObject", "kind"), event.at("involvedObject", "name")
    if kind == "Node":
        return name in nodes and event.at("reason") in _OF_NODES
    message = str(event.at("message") or "").casefold()
    on_them = (event.at("source", "host") or event.at("reportingInstance")) in nodes
    return kind == "Pod" and on_them and (_FULL in message or (event.at("reason") == "Evicted" and _LOW in message))


def _created(deployed: Deployed) -> datetime | None:
    """When the first of the set's engines was created; None where none is there."""
    found = (deployed.live(engine.document) for engine in engines(deployed))
    return min((one.created for one in found if one is not None), default=None)
