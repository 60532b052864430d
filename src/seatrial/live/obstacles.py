"""What keeps a set from becoming available, in words: states out of which nothing comes without somebody's help."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from seatrial.live.events import happened
from seatrial.live.journal import PodLife
from seatrial.live.objects import LiveObject, container_statuses
from seatrial.lws import keys
from seatrial.printable import one_line

if TYPE_CHECKING:
    from seatrial.live.deployed import Deployed

# Reasons of a waiting container with which the kubelet gives up for now. Source: pkg/kubelet/images and
# pkg/kubelet/kuberuntime of Kubernetes.
_STUCK = (
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
)
_NOT_MADE = ("FailedCreate", "FailedUpdate")
CHURN = 3
"""Recreations of one group, one after the other, that are too many (lws#1048: LWS recreates without back-off)."""
_SHOWN = 160
"""Characters of a message that are shown."""


def obstacles(deployed: "Deployed", since: datetime) -> list[str]:
    """What stands in the way of the set's pods, one sentence each; events older than `since` are history.

    Raises CannotTell, Unreachable.
    """
    return list(dict.fromkeys(_found(deployed, since)))


def _found(deployed: "Deployed", since: datetime) -> Iterator[str]:
    for pod in deployed.pods():
        if not pod.deleting:
            yield from _of_pod(pod)
    unbound = [claim for claim in deployed.claims() if claim.at("status", "phase") == "Lost"]
    yield from (f"{claim.title} has lost its volume" for claim in unbound)
    for namespace in deployed.namespaces:
        yield from _not_made(deployed.view.events(namespace), since)


def _of_pod(pod: LiveObject) -> Iterator[str]:
    scheduled = pod.condition("PodScheduled")
    if scheduled is not None and scheduled.get("status") == "False" and scheduled.get("reason") != "SchedulingGated":
        yield f"{pod.name} is not scheduled: {short(scheduled.get('message'))}"
    for status in container_statuses(pod):
        waiting = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _STUCK:
            yield f"{pod.name}, container {status.get('name')}: {waiting['reason']}"


def _not_made(events: list[LiveObject], since: datetime) -> Iterator[str]:
    """Objects that a controller could not make, unless it could later."""
    last: dict[tuple[str, str], LiveObject] = {}
    for event in events:
        when = happened(event)
        if when is not None and when >= since:
            last[str(event.at("involvedObject", "kind")), str(event.at("involvedObject", "name"))] = event
    for (kind, name), event in last.items():
        if event.at("reason") in _NOT_MADE:
            yield f"{kind}/{name}: {short(event.at('message'))}"


def not_made(deployed: "Deployed", namespace: str) -> dict[str, str]:
    """Why the objects of a controller were not made, by its name: what the last event about it says.

    Raises CannotTell, Unreachable.
    """
    last = {str(event.at("involvedObject", "name")): event for event in deployed.view.events(namespace)}
    return {name: short(event.at("message")) for name, event in last.items() if event.at("reason") in _NOT_MADE}


def churning(lives: list[PodLife], since: float) -> str | None:
    """The group whose leader was made again and again since a moment of the monotonic clock, in words.

    The first is none too many, and neither is the one after a disturbance.
    """
    made: dict[tuple[str, str], int] = {}
    for life in lives:
        if life.leader and life.seen >= since:
            group = (life.name, life.labels.get(keys.REVISION, ""))
            made[group] = made.get(group, 0) + 1
    return next((f"{name} was made {count} times" for (name, _), count in made.items() if count > CHURN + 1), None)


def short(message: object) -> str:
    """A message as one line of bounded length."""
    return one_line(str(message or "no reason given"), _SHOWN)
