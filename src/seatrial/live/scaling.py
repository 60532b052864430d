"""One group more, and back: an experiment that several requirements judge."""

from dataclasses import dataclass

from seatrial.finding import Blocked, CannotTell, NotApplicable
from seatrial.live.eventually import Waited
from seatrial.live.experiment import Experiment
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.roll_call import RollCall, call
from seatrial.live.rollouts import surplus
from seatrial.live.room import has_room, require_room
from seatrial.live.traffic import misrouted
from seatrial.workload.autoscalers import autoscalers_of


@dataclass(frozen=True, slots=True)
class Step:
    """What followed when the number of groups was changed once."""

    replicas: int
    arrived: Waited[bool]
    """Whether exactly these groups are there, and all of them ready."""
    state: str
    misrouted: tuple[str, ...]
    """Where the API Services do not lead to exactly these groups."""
    changed: tuple[str, ...]
    """What became of the pods of groups that were there before and stay."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """One group more and back, or one group less where there is no room for more."""

    experiment: Experiment
    out: Step | None
    into: Step

    def require_out(self) -> None:
        """Raises Blocked when the group that is taken away again never came to be."""
        if self.out is not None and not self.out.arrived.met:
            raise Blocked("LIF-08", f"one more group did not come up: {self.out.state}")


def scaled_out(lws: LiveLeaderWorkerSet, by: str) -> Scaling:
    """Scale out by one, then in by one. Raises Blocked, CannotTell without room for one more group."""
    require_unscaled(lws)
    return lws.deployed.workbench.once(("out", lws.namespace, lws.name), lambda: _out_and_in(lws, by))


def scaled_in(lws: LiveLeaderWorkerSet, by: str) -> Scaling:
    """Scale in by one: after scaling out where there is room. Raises Blocked, CannotTell, NotApplicable."""
    if has_room(lws, lws.deployed.workbench.view, [lws.size]):
        return scaled_out(lws, by)
    require_unscaled(lws)
    if lws.replicas < 2:
        require_room(lws, lws.deployed.workbench.view, [lws.size])
    return lws.deployed.workbench.once(("in", lws.namespace, lws.name), lambda: _in(lws, by))


def require_unscaled(lws: LiveLeaderWorkerSet) -> None:
    """Raises NotApplicable without groups, CannotTell where an autoscaler would act against the experiment."""
    if lws.replicas == 0:
        raise NotApplicable("it has no groups: replicas is 0")
    scalers = autoscalers_of(lws.declared)
    if scalers:
        raise CannotTell(f"{scalers[0].document.title} decides about the number of groups")


def _out_and_in(lws: LiveLeaderWorkerSet, by: str) -> Scaling:
    with Experiment(lws, by) as experiment:
        replicas = lws.replicas
        require_room(lws, experiment.bench.view, [lws.size])
        out = _to(experiment, replicas + 1, experiment.before)
        return Scaling(experiment, out, _to(experiment, replicas, experiment.before))


def _in(lws: LiveLeaderWorkerSet, by: str) -> Scaling:
    with Experiment(lws, by) as experiment:
        last = lws.replicas - 1
        rest = {index: pods for index, pods in experiment.before.groups.items() if index < last}
        return Scaling(experiment, None, _to(experiment, last, RollCall(rest, experiment.before.restarts)))


def _to(experiment: Experiment, replicas: int, before: RollCall) -> Step:
    lws = experiment.lws
    experiment.bench.scale(experiment.object, replicas)
    arrived = experiment.wait(lambda: lws.replicas == replicas and lws.available and not surplus(lws))
    state = "" if arrived.met else "; ".join([experiment.said(arrived), *surplus(lws)])
    # The slices follow the pods within moments.
    routed = experiment.wait(lambda: not misrouted(lws)) if arrived.met else None
    return Step(
        replicas=replicas,
        arrived=arrived,
        state=state,
        misrouted=() if routed is None or routed.met else tuple(misrouted(lws)),
        changed=tuple(before.changes(call(lws))),
    )
