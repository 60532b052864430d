"""Groups that are recreated again and again. Restart counters stay 0 meanwhile: only events and uids show it.

LWS has neither back-off nor limit in any release up to 0.10.0 (lws#1048, lws#877).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from seatrial.live.events import began, happened
from seatrial.live.journal import PodLife
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject
from seatrial.live.obstacles import CHURN
from seatrial.live.roll_call import lives
from seatrial.lws import keys

WINDOW_S = 300.0
"""The time in which so many recreations of one group are churn, in seconds."""
RECREATIONS = ("RecreateGroup", "RecreateGroupOnPodRestart")
"""The reason of the event, from 0.9.0 on and before."""


@dataclass(frozen=True, slots=True)
class Churn:
    """One group that was recreated too often. `last` is what the newest event says of it, empty without one."""

    leader: str
    count: int
    last: str


def churn(lws: LiveLeaderWorkerSet) -> Iterator[Churn]:
    """The groups of a LeaderWorkerSet that were recreated at least CHURN times within WINDOW_S, up to now.

    By events, also those from before the run, and by the leaders that the run has seen. Raises CannotTell, Unreachable.
    """
    view = lws.deployed.view
    told = _by_leader(view.events(lws.namespace, "LeaderWorkerSet", lws.name), view.now, lws)
    seen = _leaders(lives(lws))
    for leader in sorted({*told, *seen}):
        count, last = told.get(leader, (0, ""))
        most = max(count, seen.get(leader, 0) - 1)  # the first leader of a group is no recreation
        if count >= CHURN or seen.get(leader, 0) >= CHURN:
            yield Churn(leader, most, last)
    view.journal.need_whole()


def _by_leader(events: Iterable[LiveObject], now: datetime, lws: LiveLeaderWorkerSet) -> dict[str, tuple[int, str]]:
    """Recreations within the last WINDOW_S by the leader's name, and the message of the last one."""
    found: dict[str, tuple[int, str]] = {}
    name = re.compile(rf"\bleader pod ({re.escape(lws.name)}-\d+)\b")
    for event in events:
        message = str(event.at("message") or "")
        leader = name.search(message)
        if event.at("reason") in RECREATIONS and leader is not None:
            count, _ = found.get(leader[1], (0, ""))
            found[leader[1]] = (count + _recent(event, now), message)
    return found


def _recent(event: LiveObject, now: datetime) -> int:
    """How often an event happened within the last WINDOW_S; repetitions count as evenly spread over their time."""
    count = int(event.at("series", "count") or event.at("count") or 1)
    last, first = happened(event), began(event)
    if last is None or first is None or now - last > timedelta(seconds=WINDOW_S):
        return 0
    span = (last - first).total_seconds()
    within = WINDOW_S - (now - last).total_seconds()
    return count if span <= within else max(1, int(count * within / span))


def _leaders(lives: Iterable[PodLife]) -> dict[str, int]:
    """The largest number of leaders that each group had within WINDOW_S, by name; those of one revision count together.

    A rollout makes new leaders, too, of another revision.
    """
    born: dict[tuple[str, str], list[float]] = {}
    for life in lives:
        if life.leader:
            born.setdefault((life.name, life.labels.get(keys.REVISION, "")), []).append(life.seen)
    most: dict[str, int] = {}
    for (name, _), times in born.items():
        for last in times:
            within = sum(last - WINDOW_S <= time <= last for time in times)
            most[name] = max(most.get(name, 0), within)
    return most
