"""One pod of a group is lost, and what the controller makes of it: an experiment that several requirements judge."""

from collections.abc import Callable
from dataclasses import dataclass

from seatrial.finding import Blocked, NotApplicable
from seatrial.live.eventually import Waited, eventually
from seatrial.live.experiment import Experiment
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject
from seatrial.live.resources import PODS
from seatrial.live.roll_call import call, lives
from seatrial.lws import keys

_NOTICED_WITHIN_S = 5.0
"""How long a worker of ours takes to stop, at most, while the controller does nothing about it."""

Act = Callable[[Experiment, LiveObject], None]


@dataclass(frozen=True, slots=True)
class Loss:
    """What followed when one pod of a group was lost."""

    experiment: Experiment
    group: int
    victim: str
    recovered: Waited[bool]
    """Whether every pod of the group is a new one, and ready."""
    state: str
    """How the wait for that ended, in words."""
    stayed: tuple[str, ...]
    """Pods of the group that are still the old ones."""
    leaders: int
    """New leaders of the group since."""
    elsewhere: tuple[str, ...]
    """What became of other groups meanwhile."""
    orphans: tuple[str, ...]
    """Objects of the group that belong to its former leader."""

    @property
    def title(self) -> str:
        return f"group {self.group}, after {self.victim} was lost"

    def require_recovered(self, by: str) -> None:
        """Raises Blocked by the requirement that reports that the group was not recreated."""
        if not self.recovered.met:
            raise Blocked(by, f"{self.title}: {self.state}")


def recreates(lws: LiveLeaderWorkerSet) -> bool:
    """Whether the restart policy recreates the whole group when a pod of it fails."""
    return lws.restart_policy not in ("None", "Default")


def recreates_after_start(lws: LiveLeaderWorkerSet) -> bool:
    """Whether the policy leaves a group alone while it starts: of 0.9.0, or by annotation of 0.8.0."""
    annotations = lws.raw.get("metadata", {}).get("annotations") or {}
    return lws.restart_policy == "RecreateGroupAfterStart" or keys.RECREATE_AFTER_START in annotations


def worker_deleted(lws: LiveLeaderWorkerSet, by: str) -> Loss:
    """A worker of the last group is deleted. Raises Blocked, CannotTell, NotApplicable."""
    if lws.size < 2:
        raise NotApplicable("its groups have no workers")
    return _once(lws, "worker deleted", lambda: _lose(lws, by, -1, _delete))


def leader_deleted(lws: LiveLeaderWorkerSet, by: str) -> Loss:
    """The leader of the last group is deleted. Raises Blocked, CannotTell, NotApplicable."""
    return _once(lws, "leader deleted", lambda: _lose(lws, by, 0, _delete))


def restarted(lws: LiveLeaderWorkerSet, by: str, rank: int) -> Loss:
    """A container of the last group's pod of that rank (-1: the last) is reported as restarted, on a cluster of ours.

    Raises Blocked, CannotTell, NotApplicable.
    """
    return _once(lws, f"restarted {rank}", lambda: _lose(lws, by, rank, report_restart))


def _once(lws: LiveLeaderWorkerSet, what: str, make: Callable[[], Loss]) -> Loss:
    if lws.replicas == 0:
        raise NotApplicable("it has no groups: replicas is 0")
    return lws.deployed.workbench.once((what, lws.namespace, lws.name), make)


def _lose(lws: LiveLeaderWorkerSet, by: str, rank: int, act: Act) -> Loss:
    with Experiment(lws, by) as experiment:
        group = lws.groups[lws.replicas - 1]
        victim = group.pods[rank]
        whole = rank == 0 or recreates(lws)
        expected_new = set(group.expected) if whole else {victim.name}
        old = experiment.before.of(group.index)

        def stayed() -> list[str]:
            now = call(lws).of(group.index)
            return sorted(name for name in expected_new if now.get(name, old.get(name)) == old.get(name))

        act(experiment, victim)
        recovered = experiment.wait(lambda: not stayed() and is_whole(lws, group.index) and lws.available)
        state = "" if recovered.met else experiment.said(recovered)
        experiment.linger()
        leaders = [
            life
            for life in lives(lws)
            if life.leader and life.group == str(group.index) and life.seen >= experiment.began
        ]
        return Loss(
            experiment=experiment,
            group=group.index,
            victim=victim.name,
            recovered=recovered,
            state=state,
            stayed=tuple(stayed()),
            leaders=len(leaders),
            elsewhere=tuple(elsewhere(experiment, group.index)),
            orphans=tuple(_orphans(lws, group.leader)),
        )


def elsewhere(experiment: Experiment, group: int) -> list[str]:
    """What became of the pods of all other groups since the experiment began, readiness included."""
    said = experiment.before.changes(call(experiment.lws), besides=group)
    others = experiment.before.outside(group)
    for life in lives(experiment.lws):
        if life.uid in others and any(at >= experiment.began and not ready for at, ready in life.ready):
            said.append(f"{life.name} was not ready for a while")
    return said


def _orphans(lws: LiveLeaderWorkerSet, leader: LiveObject | None) -> list[str]:
    """StatefulSets and pods whose owner, or whose owner's owner, is a leader of before."""
    if leader is None:
        return []
    sets = [one for one in lws.stateful_sets if (one.owner or {}).get("uid") == leader.uid]
    uids = {leader.uid, *(one.uid for one in sets)}
    pods = [pod for pod in lws.pods if (pod.owner or {}).get("uid") in uids]
    return [one.title for one in (*sets, *pods)]


def report_restart(experiment: Experiment, pod: LiveObject) -> None:
    """Say of a pod what its kubelet says when a container ended and was started again."""
    statuses = [dict(status) for status in pod.each("status", "containerStatuses")]
    for status in statuses[:1]:
        status["restartCount"] = int(status.get("restartCount") or 0) + 1
    experiment.bench.report(pod, {"containerStatuses": statuses})


def report_phase(experiment: Experiment, pod: LiveObject, phase: str) -> None:
    """Say of a pod in which phase it is; one that is gone meanwhile is left alone."""
    if any(one.uid == pod.uid for one in experiment.lws.pods):
        experiment.bench.report(pod, {"phase": phase})


def _delete(experiment: Experiment, pod: LiveObject) -> None:
    """Delete a pod that takes a while to stop, as processes do.

    The controller may miss a worker that is gone in the moment in which it is told to go: kwok's pods are.
    """
    leader = next((one for one in experiment.lws.leaders if pod.name.startswith(f"{one.name}-")), None)
    if leader is None:
        experiment.bench.delete(PODS, pod)
        return
    experiment.hold(pod)
    experiment.bench.delete(PODS, pod)
    eventually(
        lambda: any(one.uid == leader.uid for one in experiment.lws.pods),
        lambda stays: not stays,
        _NOTICED_WITHIN_S,
        pulse=experiment.bench.view.pulse,
    )
    experiment.let_go(pod)


def is_whole(lws: LiveLeaderWorkerSet, index: int) -> bool:
    """Whether a group is complete and ready."""
    return any(group.index == index and group.ready for group in lws.groups)
