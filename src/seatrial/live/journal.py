"""What happened while the run looked: the lives of pods, events, and the turns of conditions, with their times.

Some faults leave no trace in the objects that are there at the end. Restart counters of recreated pods are zero, so a
group that is recreated again and again looks new each time (lws#1048).
"""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from seatrial.live.objects import LiveObject
from seatrial.live.resources import (
    ENDPOINT_SLICES,
    EVENTS,
    LEADER_WORKER_SETS,
    PODS,
    STATEFUL_SETS,
)
from seatrial.lws import keys

MOST = 50_000
"""Entries of one kind that are kept; older ones fall out, and `truncated` says so."""


@dataclass(slots=True)
class PodLife:
    """One pod from the moment it was seen. Times are seconds of the monotonic clock."""

    name: str
    uid: str
    labels: dict[str, str]
    seen: float
    born_before: bool
    """Whether it was there when the run began to look."""
    ready: list[tuple[float, bool]] = field(default_factory=list)
    restarts: int = 0
    gone: float | None = None
    node: str = ""
    namespace: str = ""
    leaving: float | None = None
    """Since when it has been told to stop."""

    @property
    def group(self) -> str:
        return self.labels.get(keys.GROUP_INDEX, "")

    @property
    def leader(self) -> bool:
        return self.labels.get(keys.WORKER_INDEX) == "0"


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of something that is watched: a condition, a set of endpoints, the counts of a StatefulSet."""

    at: float
    subject: str
    value: Any


class Journal:
    """Written by informers under the lock of their pulse; read by checks after `snapshot`-like copies."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.lives: dict[str, PodLife] = {}
        self.events: deque[LiveObject] = deque(maxlen=MOST)
        self.conditions: deque[Turn] = deque(maxlen=MOST)
        """`subject` is LeaderWorkerSet's `namespace/name`, `value` its status with conditions by type."""
        self.endpoints: deque[Turn] = deque(maxlen=MOST)
        """`subject` is the Service's `namespace/name` and the slice's name, `value` uid → (ready, serving)."""
        self.scales: deque[Turn] = deque(maxlen=MOST)
        """`subject` is the StatefulSet's `namespace/name`, `value` (replicas, partition)."""
        self.truncated = False

    def note(
        self,
        kind: str,
        change: str,
        object: LiveObject,
        before: LiveObject | None,
        *,
        first: bool,
        at: float | None = None,
    ) -> None:
        """Take down one change. `first` marks what was there when the run began to look; `at` None means now."""
        now = time.monotonic() if at is None else at
        if kind == PODS.kind:
            self._pod(now, change, object, first)
        elif kind == EVENTS.kind:
            self.events.append(object)
        elif kind == LEADER_WORKER_SETS.kind:
            self._turn(self.conditions, now, object, before, _status(object), before and _status(before))
        elif kind == STATEFUL_SETS.kind:
            self._turn(self.scales, now, object, before, _scale(object), before and _scale(before))
        elif kind == ENDPOINT_SLICES.kind and change != "DELETED":
            self._turn(self.endpoints, now, object, before, _ready(object), before and _ready(before))

    def _turn(
        self, turns: deque[Turn], now: float, object: LiveObject, before: LiveObject | None, value: Any, was: Any
    ) -> None:
        if before is None or value != was:
            self.truncated |= len(turns) == MOST
            turns.append(Turn(now, f"{object.namespace}/{object.name}", value))

    def _pod(self, now: float, change: str, pod: LiveObject, first: bool) -> None:
        life = self.lives.get(pod.uid)
        if life is None:
            if len(self.lives) >= MOST:
                self.truncated = True
                return
            life = PodLife(pod.name, pod.uid, pod.labels, now, first, namespace=pod.namespace)
            self.lives[pod.uid] = life
        life.labels = pod.labels
        life.node = str(pod.at("spec", "nodeName") or life.node)
        ready = pod.holds("Ready")
        if not life.ready or life.ready[-1][1] != ready:
            life.ready.append((now, ready))
        life.restarts = max(life.restarts, restarts(pod))
        if pod.deleting and life.leaving is None:
            life.leaving = now
        if change == "DELETED":
            life.gone = now


def restarts(pod: LiveObject) -> int:
    """Restarts of all containers of a pod."""
    counts = [*pod.each("status", "containerStatuses"), *pod.each("status", "initContainerStatuses")]
    return sum(int(one.get("restartCount") or 0) for one in counts)


def _status(lws: LiveObject) -> dict[str, Any]:
    status = lws.at("status") or {}
    conditions = {one.get("type"): one.get("status") for one in status.get("conditions") or ()}
    counts = {key: value for key, value in status.items() if key != "conditions"}
    return counts | {"conditions": conditions, "generation": lws.metadata.get("generation")}


def _scale(stateful_set: LiveObject) -> tuple[int, int]:
    partition = stateful_set.at("spec", "updateStrategy", "rollingUpdate", "partition")
    return int(stateful_set.at("spec", "replicas") or 0), int(partition or 0)


def _ready(slice: LiveObject) -> dict[str, bool]:
    """Uid of the pod behind each endpoint → whether it is ready. An absent condition means ready."""
    return {
        str((endpoint.get("targetRef") or {}).get("uid", "")): (endpoint.get("conditions") or {}).get("ready")
        is not False
        for endpoint in slice.each("endpoints")
    }
