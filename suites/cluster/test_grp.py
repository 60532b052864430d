"""Group formation: pods, StatefulSets, Services, labels and ownership as LWS defines them."""

from seatrial.finding import Finding
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet, Standing, is_ready
from seatrial.requirement import Outcomes, requirement


@requirement(
    "GRP-01",
    why="A set that is not available serves with fewer groups than were paid for, or not at all.",
    fix="Follow the pods that are not ready: their events and logs say what they wait for.",
    source="lws#705",
)
def test_available(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """The LeaderWorkerSet MUST be Available with all replicas ready and up to date."""
    live_lws.require(Standing.PLACED)
    live = live_lws.object
    assert live is not None
    conditions = {one["type"]: one["status"] for one in live.each("status", "conditions")}
    if conditions.get("Available") != "True" or "True" in (
        conditions.get("Progressing"),
        conditions.get("UpdateInProgress"),
    ):
        said = ", ".join(f"{type} {status}" for type, status in sorted(conditions.items())) or "no condition at all"
        yield Finding(live_lws.place("status", "conditions"), said, "Available True, and nothing in progress")
    unready = [pod.name for pod in live_lws.pods if not is_ready(pod)]
    if unready:
        yield Finding(live_lws.place(), f"not ready: {', '.join(unready[:5])}", "every pod Ready")


@requirement(
    "GRP-02",
    why="A missing pod is a missing rank, for which the others wait for ever.",
    fix="See the events of the LeaderWorkerSet and its StatefulSets: they say why a pod is not created.",
    source="lws#391",
)
def test_every_pod(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Every group MUST have exactly `size` pods, with group indices 0 to replicas-1 and worker indices 0 to size-1."""
    for group in live_lws.groups:
        there, wanted = {pod.name for pod in group.pods}, set(group.expected)
        if there != wanted:
            yield Finding(
                live_lws.place(),
                f"group {group.index} has {len(there)} pods, lacks {', '.join(sorted(wanted - there)) or 'none'}",
                f"{len(wanted)} pods",
            )
