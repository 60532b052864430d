"""Changes of a LeaderWorkerSet's spec with which experiments start rollouts, as merge patches of the spec."""

from typing import Any

from seatrial.finding import CannotTell
from seatrial.live.experiment import Experiment
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.live_view import LiveView
from seatrial.live.objects import LiveObject
from seatrial.live.room import MORE_NODES, has_room
from seatrial.lws import keys
from seatrial.lws.admission import refusals

MARK = "seatrial/rollout"
"""The annotation of the pod templates that a rollout changes: nobody reads it."""
NOWHERE = "seatrial/nowhere"
"""A label that no node has."""


def template_patch(lws: LiveLeaderWorkerSet, change: dict[str, Any]) -> dict[str, Any]:
    """A merge patch of the spec that changes every pod template that the set has."""
    template = lws.raw["spec"]["leaderWorkerTemplate"]
    return {
        "leaderWorkerTemplate": {name: change for name in ("leaderTemplate", "workerTemplate") if template.get(name)}
    }


def marked(lws: LiveLeaderWorkerSet, mark: str) -> dict[str, Any]:
    """A merge patch of the spec that makes a new revision and changes nothing that runs."""
    return template_patch(lws, {"metadata": {"annotations": {MARK: mark}}})


def partition(index: int) -> dict[str, Any]:
    """Only groups of this index and above take a new revision."""
    return {"rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": {"partition": index}}}


def unplaceable(lws: LiveLeaderWorkerSet) -> dict[str, Any]:
    """A template whose pods no node takes: the nearest thing to an image that does not start."""
    return template_patch(lws, {"spec": {"nodeSelector": {NOWHERE: "true"}}})


def placeable(lws: LiveLeaderWorkerSet, mark: str) -> dict[str, Any]:
    """A new template that nodes take, whatever the one before was."""
    change = {"spec": {"nodeSelector": {NOWHERE: None}}, "metadata": {"annotations": {MARK: mark}}}
    return template_patch(lws, change)


def unplaced(experiment: Experiment) -> list[LiveObject]:
    """The pods that wait for a node that there is not."""
    return [pod for pod in experiment.lws.pods if NOWHERE in (pod.at("spec", "nodeSelector") or {})]


def other_size(lws: LiveLeaderWorkerSet, view: LiveView, surge: int) -> int:
    """Another size that the set may have and that has room, `surge` groups beside the others. Raises CannotTell."""
    for size in (lws.size + 1, lws.size - 1):
        growth = [1] * lws.replicas if size > lws.size else []
        after = {**lws.raw, "spec": {**lws.raw["spec"], **_sized(lws, size)}}
        allowed = size >= 1 and not refusals(after, lws.release, before=dict(lws.raw))
        if allowed and has_room(lws, view, [size] * surge + growth):
            return size
    raise CannotTell(
        f"neither {lws.size + 1} nor {lws.size - 1} pods in a group would be accepted and find nodes", MORE_NODES
    )


def _sized(lws: LiveLeaderWorkerSet, size: int) -> dict[str, Any]:
    return {"leaderWorkerTemplate": {**lws.raw["spec"]["leaderWorkerTemplate"], "size": size}}


def says_size(pod: LiveObject, size: int) -> bool:
    """Whether every container is told this size of the group."""
    told = [
        {variable.get("name"): variable.get("value") for variable in container.get("env") or ()}
        for container in (*pod.each("spec", "initContainers"), *pod.each("spec", "containers"))
    ]
    return all(variables.get(keys.GROUP_SIZE_ENV) == str(size) for variables in told)
