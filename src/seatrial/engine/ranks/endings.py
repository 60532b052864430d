"""How a process ends: by release, rank, and whether it is the first of its container (sglang-server facts 2.6)."""

import os
import signal
from dataclasses import dataclass

from seatrial.engine.release import Release


@dataclass(frozen=True, slots=True)
class Ending:
    """An exit code, or a signal that the process dies by."""

    code: int = 0
    by: signal.Signals | None = None

    def carry_out(self) -> None:
        """End the process now. The kernel ignores SIGKILL that the first process of a namespace sends itself."""
        if self.by is not None:
            signal.signal(self.by, signal.SIG_DFL) if self.by is not signal.SIGKILL else None
            os.kill(os.getpid(), self.by)
        os._exit(self.code)


def after_failed_rank(release: Release, *, first: bool) -> Ending:
    """A rank has raised: SIGQUIT to the main process, which kills its children and then itself."""
    if not first:
        return Ending(by=signal.SIGKILL)
    return Ending(0 if release.since("0.5.0") else 1)


def after_local_kill(release: Release, *, first: bool, serving: bool) -> Ending | None:
    """A rank of this node was killed. None where nothing notices it."""
    if release.since("0.5.10.post1"):
        return after_failed_rank(release, first=first) if serving else Ending(1)
    return None if serving else Ending(1)


def after_drain(release: Release, *, first: bool) -> Ending:
    """SIGTERM, and no request is left."""
    if release.since("0.5.20"):
        return Ending(0)
    if first and release.since("0.5.0"):
        return Ending(0)
    return Ending(by=signal.SIGKILL) if not first else Ending(137)


def after_leader_left(release: Release) -> Ending:
    """What other nodes end with once the first one has shut down."""
    if release.since("0.5.23"):
        return Ending(0)
    return Ending(3 if release.since("0.5.0") else 1)


def is_first() -> bool:
    """Whether this is process 1 of its namespace."""
    return os.getpid() == 1
