"""The one way of waiting: until something holds, until it can no longer come, or until the time is over."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_LONGEST_PAUSE_S = 1.0
_SHORTEST_PAUSE_S = 0.02
"""A rollout of a fleet changes something every millisecond; looking that often would slow it down."""
_SHARE = 0.05
_LONGEST_REST_S = 5.0
"""Looking may take this share of a wait, unless the rest in between would become longer than that."""


class Pulse:
    """Counts changes, so that whoever waits misses none. Its `lock` guards what changes."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.count = 0
        self.last = time.monotonic()
        """When something changed last."""

    def beat(self) -> None:
        """Something has changed. The caller holds `lock`."""
        self.count += 1
        self.last = time.monotonic()
        self.lock.notify_all()

    def wait(self, since: int, longest_s: float) -> None:
        """Until something has changed since `since` was read from `count`, or the time is over."""
        with self.lock:
            self.lock.wait_for(lambda: self.count != since, longest_s)


@dataclass(frozen=True, slots=True)
class Waited(Generic[T]):
    """How a wait ended. `observed` is the last observation; `stopped` says why it was given up before its time."""

    met: bool
    observed: T
    waited_s: float
    stopped: str = ""

    def __str__(self) -> str:
        return self.stopped or f"not within {self.waited_s:.0f} s"


def eventually(
    observe: Callable[[], T],
    expect: Callable[[T], bool],
    deadline_s: float,
    stop_if: Callable[[T], str | None] = lambda _observed: None,
    pulse: Pulse | None = None,
) -> Waited[T]:
    """Observe again and again until `expect` holds.

    `stop_if` names a state from which it cannot come any more, and ends the wait at once; None goes on. With `pulse`
    the next observation is made when something has changed, and at least once a second; less often where observing
    takes long. Whatever `observe` raises ends the wait.
    """
    started = time.monotonic()
    while True:
        seen = pulse.count if pulse else 0
        began = time.monotonic()
        observed = observe()
        waited = time.monotonic() - started
        if expect(observed):
            return Waited(True, observed, waited)
        reason = stop_if(observed)
        if reason:
            return Waited(False, observed, waited, reason)
        if waited >= deadline_s:
            return Waited(False, observed, waited)
        looking = time.monotonic() - began
        longest = min(_LONGEST_PAUSE_S, deadline_s - waited)
        rest = max(_SHORTEST_PAUSE_S if pulse else 0.2, looking * (1 / _SHARE - 1))
        time.sleep(min(rest, _LONGEST_REST_S, deadline_s - waited))
        if pulse:
            pulse.wait(seen, longest)
