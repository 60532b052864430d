"""A change of the template on its way through the groups: an experiment that several requirements judge."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from seatrial.finding import Blocked, CannotTell, NotApplicable
from seatrial.live.eventually import Waited
from seatrial.live.experiment import Experiment
from seatrial.live.journal import PodLife
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.resources import SERVICES, STATEFUL_SETS
from seatrial.live.roll_call import lives
from seatrial.live.room import require_room
from seatrial.lws import keys
from seatrial.lws.rollout import Budget, GroupState, Step, budget, rollout_step

MARK = "seatrial/rollout"
"""The annotation of the pod templates that a rollout changes: nobody reads it."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """What followed when the template was changed."""

    experiment: Experiment
    done: Waited[bool]
    state: str
    order: tuple[int, ...]
    """Groups below `replicas` in the order in which their leaders were made anew."""
    fewest: int
    """Groups that were ready at the worst moment."""
    surge: tuple[int, ...]
    """Indices of surge groups that were complete and ready at some moment."""
    surplus: tuple[str, ...]
    """Objects of surge groups that are still there."""
    revisions: tuple[str, ...]
    """Revisions of the pods in the end."""

    def require_done(self, by: str) -> None:
        """Raises Blocked by the requirement that reports that it did not end."""
        if not self.done.met:
            raise Blocked(by, f"the rollout did not end: {self.state}")


def budget_of(lws: LiveLeaderWorkerSet) -> Budget:
    """The rollout fields as the controller reads them. Raises CannotTell."""
    found = budget(dict(lws.raw), lws.release)
    if found is None:
        raise CannotTell(f"{lws.title}: maxUnavailable or maxSurge is no number of groups")
    return found


def surge_groups(lws: LiveLeaderWorkerSet) -> int:
    """How many groups a rollout of an available set adds for a while (lws.rollout)."""
    fields = budget_of(lws)
    at_rest = [GroupState(ready=True, updated=False)] * fields.replicas
    step = rollout_step(fields, Step(fields.replicas, 0), at_rest, lws.release, changed=True)
    return max(0, step.replicas - fields.replicas)


def template_patch(lws: LiveLeaderWorkerSet, change: dict[str, Any]) -> dict[str, Any]:
    """A merge patch of the spec that changes every pod template that the set has."""
    template = lws.raw["spec"]["leaderWorkerTemplate"]
    return {
        "leaderWorkerTemplate": {name: change for name in ("leaderTemplate", "workerTemplate") if template.get(name)}
    }


def marked(lws: LiveLeaderWorkerSet, mark: str) -> dict[str, Any]:
    """A merge patch of the spec that makes a new revision and changes nothing that runs."""
    return template_patch(lws, {"metadata": {"annotations": {MARK: mark}}})


def rolled(lws: LiveLeaderWorkerSet, by: str) -> Rollout:
    """Change the template, and change it back. Raises Blocked, CannotTell, NotApplicable."""
    if lws.replicas == 0:
        raise NotApplicable("it has no groups: replicas is 0")
    return lws.deployed.workbench.once(("rolled", lws.namespace, lws.name), lambda: _roll(lws, by))


def _roll(lws: LiveLeaderWorkerSet, by: str) -> Rollout:
    with Experiment(lws, by) as experiment:
        if surge := surge_groups(lws):
            require_room(lws, experiment.bench.view, surge)
        experiment.bench.amend(experiment.object, marked(lws, by))
        done = experiment.wait(lambda: is_rolled_out(experiment))
        state = "" if done.met else experiment.said(done)
        experiment.linger()
        new = [life for life in lives(lws) if life.leader and life.seen >= experiment.began]
        fresh = [life for life in new if life.labels.get(keys.REVISION) != experiment.revision]
        below = [int(life.group) for life in fresh if life.group.isdigit() and int(life.group) < lws.replicas]
        return Rollout(
            experiment=experiment,
            done=done,
            state=state,
            order=tuple(dict.fromkeys(below)),
            fewest=fewest_ready(lives(lws), lws.size, experiment.began),
            surge=tuple(sorted(ever_ready(lives(lws), lws.size, experiment.began, lws.replicas))),
            surplus=tuple(surplus(lws)),
            revisions=tuple(sorted({pod.labels.get(keys.REVISION, "") for pod in lws.pods})),
        )


def is_rolled_out(experiment: Experiment) -> bool:
    """Whether the set is available on another revision than before, and every pod is of it."""
    lws = experiment.lws
    revisions = {pod.labels.get(keys.REVISION) for pod in lws.pods}
    return lws.available and lws.revision != experiment.revision and revisions <= {lws.revision}


def surplus(lws: LiveLeaderWorkerSet) -> list[str]:
    """Pods, StatefulSets and Services of groups that should not be there."""
    expansion = lws.expansion
    sets = {one["metadata"]["name"] for one in (expansion.leader_stateful_set, *expansion.worker_stateful_sets)}
    services = {one["metadata"]["name"] for one in expansion.services}
    pods = {name for group in lws.groups[: lws.replicas] for name in group.expected}
    view = lws.deployed.view
    made = [one for one in view.all(SERVICES, lws.namespace) if one.labels.get(keys.NAME) == lws.name]
    owned = [one for one in made if (one.owner or {}).get("kind") in ("LeaderWorkerSet", "Pod")]
    return [
        *(pod.title for pod in lws.pods if pod.name not in pods),
        *(
            one.title
            for one in view.all(STATEFUL_SETS, lws.namespace)
            if _is_of(one.labels, lws) and one.name not in sets
        ),
        *(one.title for one in owned if one.name not in services),
    ]


def _is_of(labels: dict[str, str], lws: LiveLeaderWorkerSet) -> bool:
    return labels.get(keys.NAME) == lws.name


# The readiness of groups at each moment, from the lives of their pods.


def _changes(lives: Iterable[PodLife]) -> list[tuple[float, str, str, bool]]:
    """Moments at which a pod becomes or ceases to be ready: (time, group, uid, ready), in order."""
    found: list[tuple[float, str, str, bool]] = []
    for life in lives:
        ends = [end for end in (life.leaving, life.gone) if end is not None]
        end = min(ends, default=float("inf"))
        found += [(at, life.group, life.uid, ready) for at, ready in life.ready if at < end]
        if ends:
            found.append((end, life.group, life.uid, False))
    return sorted(found, key=lambda change: change[0])


def _ready_groups(lives: Iterable[PodLife], size: int) -> Iterable[tuple[float, set[str]]]:
    """The groups that are ready after each change, and when that was."""
    ready: dict[str, set[str]] = {}
    for at, group, uid, holds in _changes(lives):
        pods = ready.setdefault(group, set())
        if holds:
            pods.add(uid)
        else:
            pods.discard(uid)
        yield at, {index for index, members in ready.items() if len(members) >= size}


def fewest_ready(lives: Iterable[PodLife], size: int, since: float) -> int:
    """The smallest number of groups, all pods of which were ready at once, at any moment since."""
    before, counts = 0, []
    for at, groups in _ready_groups(lives, size):
        if at >= since:
            counts.append(len(groups))
        else:
            before = len(groups)
    return min([before, *counts])


def ever_ready(lives: Iterable[PodLife], size: int, since: float, first: int) -> set[int]:
    """Groups of index `first` and above, all pods of which were ready at once at some moment since."""
    return {
        int(group)
        for at, groups in _ready_groups(lives, size)
        if at >= since
        for group in groups
        if group.isdigit() and int(group) >= first
    }
