"""What happened while the run looked: the lives of pods, and what slices said of endpoints, with their times.

Some faults leave no trace in the objects that are there at the end. Restart counters of recreated pods are zero, so a
group that is recreated again and again looks new each time (lws#1048).
"""

import time
from collections import deque
from dataclasses import dataclass, field

from seatrial.finding import CannotTell
from seatrial.live.objects import LiveObject, container_statuses
from seatrial.live.resources import ENDPOINT_SLICES, PODS
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
    """What an EndpointSlice said from a moment on: `subject` is its `namespace/name`, `value` uid → whether ready."""

    at: float
    subject: str
    value: dict[str, bool]


class Journal:
    """Written by informers under the lock of their pulse; read by checks after `snapshot`-like copies."""

    def __init__(self) -> None:
        self.lives: dict[str, PodLife] = {}
        self.endpoints: deque[Turn] = deque(maxlen=MOST)
        self.truncated = False

    def note(
        self,
        kind: str,
        change: str,
        object: LiveObject,
        before: LiveObject | None,
        *,
        at: float | None = None,
    ) -> None:
        """Take down one change; `at` None means now."""
        now = time.monotonic() if at is None else at
        if kind == PODS.kind:
            self._pod(now, change, object)
        elif kind == ENDPOINT_SLICES.kind and change != "DELETED":
            self._slice(now, object, before)

    def need_whole(self) -> None:
        """Raises CannotTell where something that happened has not been kept."""
        if self.truncated:
            raise CannotTell(f"more than {MOST:,} pods or endpoints changed, of which the run keeps no more", "")

    def _slice(self, now: float, slice: LiveObject, before: LiveObject | None) -> None:
        ready = _ready(slice)
        if before is None or ready != _ready(before):
            self.truncated |= len(self.endpoints) == MOST
            self.endpoints.append(Turn(now, f"{slice.namespace}/{slice.name}", ready))

    def _pod(self, now: float, change: str, pod: LiveObject) -> None:
        life = self.lives.get(pod.uid)
        if life is None:
            if len(self.lives) >= MOST:
                self.truncated = True
                return
            life = PodLife(pod.name, pod.uid, pod.labels, now, namespace=pod.namespace)
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
    return sum(int(one.get("restartCount") or 0) for one in container_statuses(pod))


def _ready(slice: LiveObject) -> dict[str, bool]:
    """Uid of the pod behind each endpoint → whether it is ready. An absent condition means ready."""
    return {
        str((endpoint.get("targetRef") or {}).get("uid", "")): (endpoint.get("conditions") or {}).get("ready")
        is not False
        for endpoint in slice.each("endpoints")
    }
