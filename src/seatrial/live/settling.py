"""Waiting for a set to become available, and giving up as soon as it cannot."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from seatrial.clusters.capability import Capability
from seatrial.clusters.provider import Progress, silent
from seatrial.live.deployed import Deployed
from seatrial.live.eventually import Waited, eventually
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet, is_ready
from seatrial.live.live_view import LiveView
from seatrial.live.objects import LiveObject
from seatrial.live.obstacles import churning, obstacles
from seatrial.live.roll_call import lives
from seatrial.manifest_set import ManifestSet
from seatrial.workload.leader_worker_set import leader_worker_sets
from seatrial.workload.probes import startup_budget
from seatrial.workload.serving import groups

WAIT_S = 120.0
"""How long a set may take to become available on a cluster where nothing runs inside the pods, in seconds."""
POD_S = 0.5
"""What each pod adds, in seconds: two busy cores play the control plane, and a fleet is made pod by pod."""
LOADING_S = 3600.0
"""The same for pods that load a model and do not say how long they may take: 641 GiB at 200 MB/s and something."""
_GRACE_S = 30.0
"""What Kubernetes gives a pod to stop when its template does not say."""
_LOOK_S = 1.0
"""Obstacles are looked for that often; on a fleet each look takes a while."""
_STEADY_S = 5.0
"""An obstacle that has not changed for so long stays. The scheduler tries a pod again after 1 s, then 2 s, 4 s …"""
_STEADY_REAL_S = 120.0
"""The same where an autoscaler may bring nodes, a registry may come back, a provisioner makes volumes."""
_STILL_S = 12.0
"""Where nothing runs inside the pods, everything that will happen has happened when so long nothing did."""


def patience_s(manifests: ManifestSet, *, real: bool) -> float:
    """How long the pods of a set may take to stop and to become ready again, in seconds: what the set says itself.

    `real` where containers run.
    """
    if not real:
        return WAIT_S + POD_S * sum(lws.replicas * lws.size for lws in leader_worker_sets(manifests))
    budgets = [startup_budget(group.leader) for group in groups(manifests)]
    starts = [LOADING_S if budget is None else float(budget.budget_s) for budget in budgets]
    stops = [
        float(_GRACE_S if (grace := template.spec["terminationGracePeriodSeconds"].integer) is None else grace)
        for lws in leader_worker_sets(manifests)
        for template in lws.templates
    ]
    return WAIT_S + max(starts, default=0.0) + max(stops, default=0.0)


class Prospects:
    """Asked again and again during a wait; says when what is waited for cannot come any more."""

    def __init__(self, deployed: Deployed, view: LiveView) -> None:
        self._deployed = deployed
        self._view = view
        self._real = deployed.has(Capability.CONTAINERS)
        self._began = time.monotonic()
        self._since = datetime.now(UTC).replace(microsecond=0)
        self._looked = 0.0
        self._found: list[str] = []
        self._found_at = self._began

    def hopeless(self) -> str | None:
        """Why nothing more will come, None while something may. Raises CannotTell, Unreachable."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return None
        self._looked = now
        for lws in self._deployed.leader_worker_sets:
            churn = churning(lives(lws), self._began)
            if churn:
                return f"{churn}, and LWS never gives up"
        found = obstacles(self._deployed, self._since)
        if found != self._found:
            self._found, self._found_at = found, now
        if found and now - self._found_at >= (_STEADY_REAL_S if self._real else _STEADY_S):
            return told(found)
        if not self._real and min(self._view.quiet_s, now - self._began) >= _STILL_S:
            return f"nothing has changed for {_STILL_S:.0f} s"
        return None


def told(sentences: Iterable[str], most: int = 3) -> str:
    """The first few of many sentences."""
    everything = list(sentences)
    more = f"; and {len(everything) - most} more" if len(everything) > most else ""
    return "; ".join(everything[:most]) + more


def standing(lws: LiveLeaderWorkerSet) -> str:
    """How far the groups of a LeaderWorkerSet are, those first that are not ready."""
    lacking = [
        f"group {group.index}: {sum(is_ready(pod) for pod in group.pods)} of {len(group.expected)} pods ready"
        for group in lws.groups
        if not group.ready
    ]
    return told(lacking) if lacking else f"all {len(lws.groups)} groups ready"


def settle(deployed: Deployed, view: LiveView, progress: Progress = silent) -> Waited[bool]:
    """Wait until every LeaderWorkerSet is available, or cannot become so any more.

    On a cluster of ours the other pods of the set have to be ready as well. Raises CannotTell, Unreachable.
    """
    prospects = Prospects(deployed, view)

    def look() -> bool:
        sets = deployed.leader_worker_sets
        ready = sum(group.ready for lws in sets for group in lws.groups)
        progress(f"groups ready: {ready} of {sum(lws.replicas for lws in sets)}")
        return all(lws.available for lws in sets) and (not deployed.own or _others_at_rest(deployed))

    return eventually(look, bool, deployed.wait_s, lambda _met: prospects.hopeless(), view.pulse)


def _others_at_rest(deployed: Deployed) -> bool:
    """Whether all pods are at rest, and those that the set's Deployments and StatefulSets make have begun to come."""
    pods = deployed.pods()
    stored = [admission.document for admission in deployed.admissions if admission.answer is not None]
    selectors = [
        document.at("spec", "selector", "matchLabels").texts.items()
        for document in stored
        if document.kind in ("Deployment", "StatefulSet") and document.at("spec", "replicas").integer != 0
    ]
    return all(map(_at_rest, pods)) and all(any(one <= pod.labels.items() for pod in pods) for one in selectors)


def _at_rest(pod: LiveObject) -> bool:
    """Whether nothing more is expected of a pod: it is ready, has done its work, or is on its way out."""
    return pod.deleting or pod.holds("Ready") or pod.at("status", "phase") in ("Succeeded", "Failed")
