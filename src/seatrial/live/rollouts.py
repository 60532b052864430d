"""A change of the template on its way through the groups: an experiment that several requirements judge."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.finding import Blocked, CannotTell, NotApplicable
from seatrial.live.eventually import Waited
from seatrial.live.experiment import Experiment
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.readiness import ever_ready, fewest_ready
from seatrial.live.resources import SERVICES, STATEFUL_SETS
from seatrial.live.roll_call import lives
from seatrial.live.room import require_room
from seatrial.live.template_changes import marked
from seatrial.lws import keys
from seatrial.lws.rollout import Budget, GroupState, Step, budget, rollout_step


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

    def require_done(self) -> None:
        """Raises Blocked when it did not end, which another requirement reports."""
        if not self.done.met:
            raise Blocked("LIF-11", f"the rollout did not end: {self.state}")


def budget_of(lws: LiveLeaderWorkerSet, replicas: int | None = None) -> Budget:
    """The rollout fields as the controller reads them, of so many replicas if not its own. Raises CannotTell."""
    raw = dict(lws.raw)
    if replicas is not None:
        raw["spec"] = {**raw["spec"], "replicas": replicas}
    found = budget(raw, lws.release)
    if found is None:
        raise CannotTell(f"{lws.title}: maxUnavailable or maxSurge is no number of groups")
    return found


def surge_groups(lws: LiveLeaderWorkerSet, replicas: int | None = None) -> int:
    """How many groups a rollout of an available set adds for a while, with another number of groups if one is given."""
    fields = budget_of(lws, replicas)
    at_rest = [GroupState(ready=True, updated=False)] * fields.replicas
    step = rollout_step(fields, Step(fields.replicas, 0), at_rest, lws.release, changed=True)
    return max(0, step.replicas - fields.replicas)


def rolled(lws: LiveLeaderWorkerSet) -> Rollout:
    """Change the template, and change it back. LIF-15 tells what went wrong on the way back.

    Raises Blocked, CannotTell, NotApplicable.
    """
    if lws.replicas == 0:
        raise NotApplicable("it has no groups: replicas is 0")
    return lws.deployed.workbench.once(("rolled", lws.namespace, lws.name), lambda: _roll(lws))


def _roll(lws: LiveLeaderWorkerSet) -> Rollout:
    with Experiment(lws, "LIF-15") as experiment:
        if surge := surge_groups(lws):
            require_room(lws, experiment.bench.view, [lws.size] * surge)
        experiment.bench.amend(experiment.object, marked(lws, "LIF-15"))
        done = experiment.wait(lambda: is_updated(experiment))
        state = "" if done.met else experiment.said(done)
        if done.met:
            experiment.wait(lambda: not surplus(lws))
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
            revisions=tuple(
                sorted(
                    {pod.labels.get(keys.REVISION, "") for group in lws.groups[: lws.replicas] for pod in group.pods}
                )
            ),
        )


def is_updated(experiment: Experiment) -> bool:
    """Whether every group is of another revision than before, and ready, and the controller says that it is done.

    Surge groups may still be there.
    """
    live = experiment.lws.object
    if live is None or not live.holds("Available") or live.holds("UpdateInProgress"):
        return False
    return all(is_moved(experiment, index) for index in range(experiment.lws.replicas))


def is_rolled_out(experiment: Experiment, replicas: int | None = None) -> bool:
    """Whether the set is available on another revision than before, all pods of it, and of so many groups if given."""
    lws = experiment.lws
    if replicas is not None and lws.replicas != replicas:
        return False
    revisions = {pod.labels.get(keys.REVISION) for pod in lws.pods}
    return lws.available and lws.revision != experiment.revision and revisions <= {lws.revision}


def is_moved(experiment: Experiment, index: int) -> bool:
    """Whether one group is complete and ready, all of it of another revision than before."""
    group = next((group for group in experiment.lws.groups if group.index == index), None)
    if group is None or not group.ready:
        return False
    return experiment.revision not in {pod.labels.get(keys.REVISION, "") for pod in group.pods}


def out_of_order(order: Sequence[int], at_once: int) -> list[tuple[int, int]]:
    """Pairs of groups (higher, lower), the lower of which came first although they are too far apart to come together.

    `at_once` groups may be replaced together, and their order is nobody's promise.
    """
    return [
        (later, earlier)
        for place, earlier in enumerate(order)
        for later in order[place + 1 :]
        if later - earlier >= at_once
    ]


def most_groups(lws: LiveLeaderWorkerSet, replicas: int) -> int:
    """How many groups there may be at once when the set is scaled to `replicas` during a rollout."""
    return max(replicas, lws.replicas) + max(surge_groups(lws), surge_groups(lws, replicas))


def surplus(lws: LiveLeaderWorkerSet) -> list[str]:
    """Pods, StatefulSets and Services of groups that should not be there."""
    expansion = lws.expansion
    sets = {one["metadata"]["name"] for one in (expansion.leader_stateful_set, *expansion.worker_stateful_sets)}
    services = {one["metadata"]["name"] for one in expansion.services}
    pods = {name for group in lws.groups[: lws.replicas] for name in group.expected}
    view = lws.deployed.view
    made = [one for one in view.all(SERVICES, lws.namespace) if _is_of(one.labels, lws)]
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
