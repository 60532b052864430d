"""How long engines took to start, and what probes did to them meanwhile, as kubelets tell it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.finding import CannotTell, NotApplicable
from seatrial.live.deployed import Deployed
from seatrial.live.events import happened
from seatrial.live.group import LiveGroup
from seatrial.live.objects import LiveObject, LivePlace, moment
from seatrial.live.serving import started_at
from seatrial.live.serving_pods import serving_sets
from seatrial.workload.probes import probe
from seatrial.workload.serving import Group

# Source: pkg/kubelet/kuberuntime of Kubernetes.
_KILLED = re.compile(r"Container (?P<container>\S+) failed (?P<kind>startup|liveness) probe")


@dataclass(frozen=True, slots=True)
class Measured:
    """A leader's last start, in seconds from the start of its container to Ready, and what its probe allows."""

    pod: LiveObject
    place: LivePlace
    took_s: float
    budget_s: int


def measure(group: LiveGroup, serving: Group) -> Measured:
    """The start of a group's leader, which is Ready. Raises NotApplicable without a startup probe, CannotTell."""
    limit = probe(serving.leader.container, "startupProbe")
    if limit is None:
        raise NotApplicable("the leader has no startupProbe (PRB-05 and PRB-06 judge that)")
    pod = group.leader
    started = started_at(pod, serving.leader.container["name"].text or "") if pod is not None else None
    ready = moment((pod.condition("Ready") or {}).get("lastTransitionTime")) if pod is not None else None
    if pod is None or started is None or ready is None:
        raise CannotTell(f"when the leader of {group.title} was started", "")
    took = (ready - started).total_seconds()
    if not 0 <= took <= limit.budget_s:
        raise CannotTell(f"{pod.name} has become Ready once more since its start, so that is not measured", "")
    return Measured(pod, pod.place("spec", "containers"), took, limit.budget_s)


@dataclass(frozen=True, slots=True)
class Kill:
    """A container that a probe had stopped while it was loading."""

    place: LivePlace
    observed: str


def kills(deployed: Deployed) -> Iterator[Kill]:
    """Containers of groups that a probe stopped before they were Ready, once for each pod. Raises CannotTell."""
    for lws in serving_sets(deployed):
        pods = {pod.uid: pod for pod in lws.all_pods}
        names = {name for group in lws.groups for name in group.names}
        told: dict[str, tuple[LiveObject, re.Match[str]]] = {}
        for event in deployed.view.events(lws.namespace, "Pod"):
            killed = _KILLED.search(str(event.at("message") or ""))
            name = str(event.at("involvedObject", "name"))
            if event.at("reason") == "Killing" and killed is not None and name in names:
                pod = pods.get(str(event.at("involvedObject", "uid")))
                if killed["kind"] == "startup" or (pod is not None and _before_ready(pod, event)):
                    told[name] = event, killed
        for name, (event, killed) in told.items():
            times = event.at("count") or 1
            observed = f"{name}, container {killed['container']}: killed by its {killed['kind']}Probe, {times} times"
            yield Kill(LivePlace(lws.namespace, f"Pod/{name}", ("spec", "containers")), observed)


def _before_ready(pod: LiveObject, event: LiveObject) -> bool:
    """Whether the pod was not Ready before the event: it is not now, or has become so only since."""
    condition = pod.condition("Ready") or {}
    since, when = moment(condition.get("lastTransitionTime")), happened(event)
    if condition.get("status") == "True":
        return since is not None and when is not None and since > when
    # A pod that was Ready once has turned since it was made.
    return since is not None and (since - pod.created).total_seconds() < 1
