"""Workers that were replaced alone, so that a new rank meets ranks that wait for the old one.

It happens to a worker that is lost while the LWS controller is down (lws.md, 6.7) or races with it (lws#998).
"""

from collections.abc import Iterator
from datetime import datetime

from seatrial.live.group import LiveGroup
from seatrial.live.journal import PodLife
from seatrial.live.objects import LiveObject, moment
from seatrial.live.roll_call import lives

LATE_S = 60.0
"""A worker that is so much younger than its StatefulSet is not the first of its name (own)."""


def replaced_alone(group: LiveGroup) -> Iterator[tuple[LiveObject, str]]:
    """The workers that are newer than the group's leader is ready, each with what tells so."""
    leader = group.leader
    ready = _since(leader) if leader is not None else None
    if leader is None or ready is None:
        return
    earlier = _earlier(group, leader)
    for worker in group.workers:
        if worker.name in earlier:
            yield worker, f"it took the place of one that was lost while leader {leader.name} stayed"
        elif _late(group, worker, ready):
            yield worker, f"made at {worker.created:%F %T}, after leader {leader.name} was ready at {ready:%F %T}"
        else:
            yield from ((worker, said) for said in _restarted(worker, ready))


def _since(leader: LiveObject) -> datetime | None:
    """Since when the leader is Ready; None where it is not."""
    condition = leader.condition("Ready") or {}
    return moment(condition.get("lastTransitionTime")) if condition.get("status") == "True" else None


def _earlier(group: LiveGroup, leader: LiveObject) -> set[str]:
    """Names of workers that the run has seen go after the present leader had become ready."""
    everybody = _lives(group)
    now = {pod.uid for pod in group.pods}
    own = next((life for life in everybody if life.uid == leader.uid), None)
    first_ready = next((at for at, ready in own.ready if ready), None) if own is not None else None
    if first_ready is None:
        return set()
    return {
        life.name
        for life in everybody
        if life.uid not in now and life.gone is not None and (life.leaving or life.gone) > first_ready
    }


def _lives(group: LiveGroup) -> list[PodLife]:
    by_group: dict[str, list[PodLife]] = group.lws.shelf.get(_lives, lambda: _by_group(group))
    return by_group.get(str(group.index), [])


def _by_group(group: LiveGroup) -> dict[str, list[PodLife]]:
    found: dict[str, list[PodLife]] = {}
    for life in lives(group.lws):
        found.setdefault(life.group, []).append(life)
    return found


def _late(group: LiveGroup, worker: LiveObject, ready: datetime) -> bool:
    made_by = group.stateful_set
    if made_by is None or worker.created <= ready:
        return False
    return (worker.created - made_by.created).total_seconds() > LATE_S


def _restarted(worker: LiveObject, ready: datetime) -> Iterator[str]:
    for status in worker.each("status", "containerStatuses"):
        started = moment(((status.get("state") or {}).get("running") or {}).get("startedAt"))
        if status.get("restartCount") and started is not None and started > ready:
            yield f"container {status.get('name')} was started again at {started:%F %T}, after the leader was ready"
