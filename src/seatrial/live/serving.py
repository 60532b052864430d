"""The SGLang engine that the pods of a LeaderWorkerSet run, as the manifests start it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from seatrial.finding import Blocked, CannotTell, NotApplicable
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject, moment
from seatrial.workload.serving import Group, Role, groups


def engine(lws: LiveLeaderWorkerSet) -> Group:
    """The engine of a LeaderWorkerSet. Raises NotApplicable where none of its containers runs SGLang."""
    for group in groups(lws.deployed.manifests):
        if group.document is lws.declared.document:
            return group
    raise NotApplicable(f"{lws.title} does not run SGLang")


def role_of(group: Group, worker_index: int) -> Role:
    """The role of a pod; workers share the leader's where they share its template."""
    return group.leader if worker_index == 0 or group.worker is None else group.worker


def port_of(role: Role) -> int:
    """The port of the engine. Raises CannotTell where the launch line does not say it."""
    try:
        return role.port
    except Blocked as blocked:
        raise CannotTell(
            f"on which port {role.title} listens: {blocked.reason}", f"`pytest -m static`, {blocked.by}"
        ) from None


def status_of(pod: LiveObject, container: str) -> dict[str, Any]:
    """The status of a container by name, empty where the kubelet has not told any."""
    found: Iterator[dict[str, Any]] = (
        one for one in pod.each("status", "containerStatuses") if one.get("name") == container
    )
    return next(found, {})


def started_at(pod: LiveObject, container: str) -> datetime | None:
    """When a container that runs was started; None where it does not run."""
    running = (status_of(pod, container).get("state") or {}).get("running") or {}
    return moment(running.get("startedAt"))
