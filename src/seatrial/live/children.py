"""What the controller keeps for a LeaderWorkerSet: its StatefulSets and Services, and that nothing of it stays."""

from collections.abc import Iterator

from seatrial.live.experiment import Experiment
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject
from seatrial.live.resources import CLAIMS, PODS, REVISIONS, SERVICES, STATEFUL_SETS, Resource
from seatrial.lws import keys

_KINDS = (PODS, STATEFUL_SETS, SERVICES)


def left(experiment: Experiment) -> list[str]:
    """Objects that the LeaderWorkerSet had and that are still there, found by label and by owner."""
    return sorted({one.title for one in _made(experiment)})


def _made(experiment: Experiment) -> Iterator[LiveObject]:
    lws, uid = experiment.lws, experiment.object.uid
    if (itself := lws.object) is not None and itself.uid == uid:
        yield itself
    for resource in _KINDS:
        for one in lws.deployed.view.all(resource, lws.namespace):
            if _owned(one, uid) or (one.labels.get(keys.NAME) == lws.name and one.owner is not None):
                yield one
    revisions = experiment.bench.api.list(REVISIONS, lws.namespace)
    yield from (one for one in map(LiveObject, revisions) if _owned(one, uid) or one.labels.get(keys.NAME) == lws.name)


def _owned(object: LiveObject, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in object.metadata.get("ownerReferences") or ())


def bound_claims(lws: LiveLeaderWorkerSet) -> dict[str, str]:
    """The claims that the set declares and that are bound: name → uid."""
    declared = {
        document.name
        for document in lws.deployed.manifests.of_kind("PersistentVolumeClaim")
        if lws.deployed.manifests.namespace(document) == lws.namespace
    }
    found = lws.deployed.view.all(CLAIMS, lws.namespace)
    return {one.name: one.uid for one in found if one.name in declared and one.at("status", "phase") == "Bound"}


def lost_claims(lws: LiveLeaderWorkerSet, before: dict[str, str]) -> list[str]:
    """The claims that are no longer there, or no longer bound."""
    now = bound_claims(lws)
    return [name for name, uid in before.items() if now.get(name) != uid]


def expected_children(lws: LiveLeaderWorkerSet) -> list[tuple[Resource, LiveObject]]:
    """A headless Service, and the StatefulSet of the last group's workers where there is one."""
    last = f"{lws.name}-{lws.replicas - 1}"
    services = [(SERVICES, one) for one in lws.services if one.owner is not None]
    workers = [(STATEFUL_SETS, one) for one in lws.stateful_sets if one.name == last]
    return [*services[-1:], *workers]


def deleted(experiment: Experiment, resource: Resource, child: LiveObject) -> str:
    """Delete a child, wait for its return, and say what is wrong; empty when it is as it was."""
    lws = experiment.lws
    experiment.bench.delete(resource, child)
    back = experiment.wait(lambda: _replacement(lws, resource, child) is not None)
    if not back.met:
        return f"{child.title} was deleted and did not come back ({back})"
    experiment.wait(lambda: lws.available)
    again = _replacement(lws, resource, child)
    different = _differs(child, again, lws) if again is not None else "went away again"
    return f"{child.title} was deleted and came back, but {different}" if different else ""


def _replacement(lws: LiveLeaderWorkerSet, resource: Resource, child: LiveObject) -> LiveObject | None:
    """The object that stands in the place of one that was deleted; None while there is none."""
    found = lws.deployed.view.one(resource, child.name, lws.namespace)
    return found if found is not None and found.uid != child.uid and not found.deleting else None


def _differs(child: LiveObject, again: LiveObject, lws: LiveLeaderWorkerSet) -> str:
    """How an object that came back is not what it was, in words; empty when it is."""
    was, now = child.raw.get("spec") or {}, again.raw.get("spec") or {}
    fields = [name for name in {*was, *now} if was.get(name) != now.get(name)]
    if fields:
        return f"spec.{min(fields)} is not what it was"
    owner, live = again.owner or {}, lws.object
    owners = {pod.uid for pod in lws.leaders} | ({live.uid} if live is not None else set())
    return "" if owner.get("uid") in owners else f"its owner is {owner.get('kind')}/{owner.get('name')} of before"
