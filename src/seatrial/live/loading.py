"""What the slices of an API Service said while its leaders were loading, from the run's journal."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from seatrial.live.api_service import LiveApiService
from seatrial.live.journal import PodLife
from seatrial.live.roll_call import lives

TOLERANCE_S = 10.0
"""Pods and slices are watched apart, and the controller of slices follows the pods: seconds at most (own)."""


@dataclass(frozen=True, slots=True)
class Loading:
    """A time in which a leader was not Ready, and for how much of it a slice called it ready, in seconds.

    Nothing is known of what was before the run began to look. `ended` is false where it goes on.
    """

    leader: str
    uid: str
    ended: bool
    routed_s: float

    @property
    def too_early(self) -> bool:
        return self.ended and self.routed_s > TOLERANCE_S


def loadings(service: LiveApiService) -> Iterator[Loading]:
    """Every time in which a leader of the Service's groups was seen not to be Ready."""
    ready = _ready_endpoints(service)
    for lws in service.leader_worker_sets:
        for life in lives(lws):
            for start, end in _unready(life) if life.leader else ():
                routed = sum(max(0.0, min(end, until) - max(start, since)) for since, until in ready.get(life.uid, ()))
                yield Loading(life.name, life.uid, math.isfinite(end), routed)
    service.deployed.view.journal.need_whole()


def _unready(life: PodLife) -> Iterator[tuple[float, float]]:
    turns = [*life.ready, (life.gone if life.gone is not None else math.inf, True)]
    for (start, ready), (end, _) in pairwise(turns):
        if not ready and end > start:
            yield start, end


def _ready_endpoints(service: LiveApiService) -> dict[str, list[tuple[float, float]]]:
    """When the pod of each uid was a ready endpoint of the Service."""
    slices = {f"{one.namespace}/{one.name}" for one in service.slices}
    found: dict[str, list[tuple[float, float]]] = {}
    since: dict[tuple[str, str], float] = {}
    for turn in list(service.deployed.view.journal.endpoints):
        if turn.subject not in slices:
            continue
        now_ready = {uid for uid, ready in turn.value.items() if ready}
        for slice, uid in [key for key in since if key[0] == turn.subject and key[1] not in now_ready]:
            found.setdefault(uid, []).append((since.pop((slice, uid)), turn.at))
        for uid in now_ready:
            since.setdefault((turn.subject, uid), turn.at)
    for (_, uid), start in since.items():
        found.setdefault(uid, []).append((start, math.inf))
    return found
