"""Calls what is due at absolute times of the monotonic clock.

One timer of the kernel and one heap for all streams: nothing sleeps after the last token, so lateness of one event
never moves the next.
"""

import asyncio
import ctypes
import heapq
import itertools
import os
import time
from typing import Protocol

_TURN_NS = 3_000_000
"""How long due things may be called in one go before sockets are read again."""
_WAKE_NS = 100_000
"""About what the loop needs to come here and back."""
_LONGEST_REST_NS = 1_000_000
_BATCH = 32
"""Calls between two looks at the clock."""
_CLOCK_MONOTONIC, _ABSOLUTE = 1, 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


class Timed(Protocol):
    """Something that happens at times that it names itself."""

    def due(self, due_ns: int, /) -> int | None:
        """Do what was due at `due_ns`. Returns the next due time, None when there is none (any more)."""
        ...


class Pacer:
    """A heap of due times over a kernel timer, in an asyncio loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[int, int, Timed]] = []
        self._order = itertools.count()
        self._timer = _Timer()
        self._armed_ns = self._rest_until_ns = 0
        self._firing = self._paused = False
        loop.add_reader(self._timer.fd, self._fire)

    def pause(self, paused: bool) -> None:
        """Call nothing any more until it goes on; then all that has become due meanwhile."""
        if self._paused and not paused and self._heap:
            self._arm(self._heap[0][0])
        self._paused = paused

    def close(self) -> None:
        self._loop.remove_reader(self._timer.fd)
        self._timer.close()
        self._heap.clear()

    def at(self, due_ns: int, item: Timed) -> None:
        """Have `item.due` called at a time of `time.monotonic_ns()`, at once when it has passed."""
        heapq.heappush(self._heap, (due_ns, next(self._order), item))
        if not self._firing and (self._armed_ns == 0 or due_ns < self._armed_ns):
            self._arm(due_ns)

    def _arm(self, due_ns: int) -> None:
        self._armed_ns = max(due_ns, self._rest_until_ns, 1)
        self._timer.set(self._armed_ns)

    def _fire(self) -> None:
        began = time.monotonic_ns()
        self._armed_ns = 0
        self._firing = not self._paused
        try:
            if self._firing:
                self._call_due()
        finally:
            # Each wake costs the same, however much is due: the more there is to do, the more of it is done at once.
            ended = time.monotonic_ns()
            self._rest_until_ns = ended + min(ended - began + _WAKE_NS, _LONGEST_REST_NS)
            if self._firing and self._heap:
                self._arm(self._heap[0][0])
            else:
                self._timer.stop()
            self._firing = False

    def _call_due(self) -> None:
        heap, clock = self._heap, time.monotonic_ns
        replace, pop = heapq.heapreplace, heapq.heappop
        now = clock()
        until = now + _TURN_NS
        while heap and heap[0][0] <= now < until:
            for _ in range(_BATCH):
                due, order, item = heap[0]
                if due > now:
                    break
                # The item may put others on the heap, so it leaves first unless it stays the first.
                following = item.due(due)
                if heap[0][1] != order:
                    _remove(heap, order)
                    if following is not None:
                        heapq.heappush(heap, (following, next(self._order), item))
                elif following is None:
                    pop(heap)
                else:
                    replace(heap, (following, order, item))
                if not heap:
                    break
            now = clock()


def _remove(heap: list[tuple[int, int, Timed]], order: int) -> None:
    """Take an entry out of the middle; rare: only when a call put something earlier on the heap."""
    index = next(index for index, entry in enumerate(heap) if entry[1] == order)
    heap[index] = heap[-1]
    heap.pop()
    heapq.heapify(heap)


class _Timer:
    """A timerfd: exact to the microsecond, where the time-outs of epoll count whole milliseconds."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "the kernel gave no timer")
        # Seconds and nanoseconds of the interval (none), then of the first expiry.
        self._time = (ctypes.c_long * 4)(0, 0, 0, 0)

    def set(self, due_ns: int) -> None:
        self._time[2], self._time[3] = divmod(due_ns, 1_000_000_000)
        if self._libc.timerfd_settime(self.fd, _ABSOLUTE, self._time, None) < 0:
            raise OSError(ctypes.get_errno(), "the kernel refused to set a timer")

    def stop(self) -> None:
        """Setting it anew, or to nothing, also takes back that it has expired."""
        self._time[2] = self._time[3] = 0
        self._libc.timerfd_settime(self.fd, 0, self._time, None)

    def close(self) -> None:
        os.close(self.fd)
