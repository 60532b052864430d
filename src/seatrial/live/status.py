"""The status of a LeaderWorkerSet: whether it says of its present generation that everything is there."""

from collections.abc import Iterator

from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject
from seatrial.live.resources import PODS, REVISIONS
from seatrial.lws import keys

IN_PROGRESS = ("Progressing", "UpdateInProgress")
Departure = tuple[tuple[str, ...], str, str]
"""The path below status, what is there, what has to be."""


def departures(lws: LiveLeaderWorkerSet) -> Iterator[Departure]:
    """What of the status is not as it is at rest with every group ready. Raises CannotTell."""
    live = lws.object
    if live is None:
        return
    conditions = {str(one.get("type")): str(one.get("status")) for one in live.each("status", "conditions")}
    if conditions.get("Available") != "True" or "True" in map(conditions.get, IN_PROGRESS):
        said = ", ".join(f"{type} {status}" for type, status in sorted(conditions.items())) or "no condition at all"
        yield ("conditions",), said, "Available True, and nothing in progress"
    yield from _old_news(lws, live)
    for field, least in (
        ("replicas", lws.replicas),
        ("readyReplicas", lws.replicas),
        ("updatedReplicas", max(0, lws.replicas - lws.partition)),
    ):
        found = live.at("status", field) or 0
        if found < least or found > lws.replicas:
            yield (field,), f"{field} {found}", f"{lws.replicas}, the replicas that it shall have"


def _old_news(lws: LiveLeaderWorkerSet, live: LiveObject) -> Iterator[Departure]:
    """Whether the status is about an earlier generation, so that nothing of it holds for the present one (lws.md 6.5).

    Releases before 0.9.0 do not say; there the leaders' StatefulSet is of the newest revision once it is dealt with.
    """
    generation = live.metadata.get("generation")
    available = live.condition("Available") or {}
    observed = live.at("status", "observedGeneration") or available.get("observedGeneration")
    if observed is not None:
        if observed != generation:
            yield ("observedGeneration",), f"it speaks of generation {observed}", f"generation {generation}"
        return
    numbers = {
        one.labels.get(keys.REVISION, ""): int(one.at("revision") or 0)
        for one in lws.deployed.view.all(REVISIONS, lws.namespace)
        if one.labels.get(keys.NAME) == lws.name and (one.owner or {}).get("uid") == live.uid
    }
    if lws.revision in numbers and numbers[lws.revision] < max(numbers.values()):
        newest = max(numbers, key=lambda hash: numbers[hash])
        yield (), f"the leaders' StatefulSet is of revision {lws.revision}", f"revision {newest}, the newest"


def selected(lws: LiveLeaderWorkerSet) -> tuple[str, list[LiveObject]]:
    """`status.hpaPodSelector`, and the pods that it selects."""
    selector = str((lws.object.at("status", "hpaPodSelector") if lws.object is not None else None) or "")
    wanted = dict(part.partition("=")[::2] for part in selector.split(",") if part)
    pods = lws.deployed.view.all(PODS, lws.namespace) if wanted else []
    return selector, [pod for pod in pods if not pod.deleting and wanted.items() <= pod.labels.items()]
