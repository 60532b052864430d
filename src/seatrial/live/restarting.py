"""Containers that end and begin again while somebody looks."""

from datetime import UTC, datetime, timedelta
from typing import Any

from seatrial.live.objects import LiveObject, moment

LOOKED_AT = timedelta(minutes=10)
"""A restart that is not longer ago happened while the suite looked, or just before (own)."""


def restarting(status: dict[str, Any], now: datetime | None = None) -> str:
    """What the status of a container tells of restarts that go on; empty when it tells of none."""
    seen = LiveObject(status)
    if seen.at("state", "waiting", "reason") == "CrashLoopBackOff":
        return f"CrashLoopBackOff after {status.get('restartCount')} restarts"
    ended = seen.at("lastState", "terminated", "finishedAt")
    last = moment(ended)
    if last is not None and (now or datetime.now(UTC)) - last < LOOKED_AT:
        code = seen.at("lastState", "terminated", "exitCode")
        return f"restarted {status.get('restartCount')} times, last at {ended} with exit code {code}"
    return ""
