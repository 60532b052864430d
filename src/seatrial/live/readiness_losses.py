"""Readiness that a pod lost by itself, in the time that is known of."""

from dataclasses import dataclass
from itertools import pairwise

from seatrial.live.deployed import Deployed
from seatrial.live.group import is_ready
from seatrial.live.objects import LiveObject, moment
from seatrial.live.obstacles import short

WINDOW_S = 60.0
"""For so long a leader has to be ready before it counts as staying so (own)."""


@dataclass(frozen=True, slots=True)
class Losses:
    """How often readiness was lost while the run looked, and since when the pod is ready, in seconds."""

    times: int
    observed: str
    watched_s: float


def losses(deployed: Deployed, pod: LiveObject) -> Losses:
    """What is known of a pod's readiness. Raises CannotTell where events may not be read."""
    life = deployed.view.journal.lives.get(pod.uid)
    if life is None:
        deployed.view.journal.need_whole()
    turns = [turn for turn in life.ready if life.leaving is None or turn[0] < life.leaving] if life else []
    times = sum(before and not after for (_, before), (_, after) in pairwise(turns))
    since = moment((pod.condition("Ready") or {}).get("lastTransitionTime"))
    watched = (deployed.view.now - since).total_seconds() if since is not None and is_ready(pod) else 0.0
    told = [
        event for event in deployed.view.events(pod.namespace, "Pod", pod.name) if event.at("reason") == "Unhealthy"
    ]
    why = f"; {short(told[-1].at('message'))}" if told else ""
    return Losses(times, f"{pod.name} lost its readiness {times} times while the run looked{why}", watched)
