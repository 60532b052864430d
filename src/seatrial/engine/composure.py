"""What keeps the process from disturbing its own schedule: its core, its priority, and when garbage is collected."""

import asyncio
import gc
import os
from collections.abc import Callable

_EVERY_S = 1.0
_AT_LEAST_EVERY = 60
"""Seconds of uninterrupted work after which everything is collected all the same."""


def stay_on(core: int | None, realtime: bool) -> None:
    """Pin the process to a core, and ask for real-time priority.

    Raises:
        ValueError: the system does not allow it, or has no such core; the message is one line for the user.
    """
    if core is not None:
        try:
            os.sched_setaffinity(0, {core})
        except OSError as error:
            raise ValueError(f"--core {core}: {error.strerror}; there are {os.cpu_count()}, counted from 0") from None
    if realtime:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError as error:
            raise ValueError(f"--realtime: {error.strerror}; it needs CAP_SYS_NICE") from None


class Collection:
    """Collects garbage when no request runs, instead of in the middle of one.

    What a request or a connection leaves behind has no cycles, so there is little to collect, and a look at all that
    lives while a thousand streams run takes longer than they may be late.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, busy: Callable[[], bool]) -> None:
        self._loop, self._busy, self._seconds = loop, busy, 0
        gc.collect()
        gc.freeze()
        gc.disable()
        self._next = loop.call_later(_EVERY_S, self._collect)

    def _collect(self) -> None:
        self._seconds += 1
        if self._seconds >= _AT_LEAST_EVERY or (not self._busy() and any(gc.get_count())):
            gc.collect()
            self._seconds = 0
        self._next = self._loop.call_later(_EVERY_S, self._collect)

    def close(self) -> None:
        self._next.cancel()
        gc.enable()
        gc.unfreeze()
