"""Set latencies: every token's time is known when its request is admitted."""

import heapq
import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from seatrial.engine.latency.distributions import Draw, is_fixed, time_ns


@dataclass(frozen=True, slots=True)
class Even:
    """Tokens at equal distances: what is measured against."""

    first_ns: int
    step_ns: int

    def due_ns(self, token: int) -> int:
        return self.first_ns + token * self.step_ns

    def due_by(self, token: int, now_ns: int, most: int) -> Sequence[int]:
        first, step = self.first_ns + token * self.step_ns, self.step_ns
        return range(first, min(first + most * step, now_ns + 1), step) if step else [first] * most * (first <= now_ns)


class Drawn:
    """Tokens at distances that are drawn one by one, the same for the same seed."""

    __slots__ = ("_draw", "_random", "_times")

    def __init__(self, first_ns: int, draw: Draw, source: random.Random) -> None:
        self._times = array("q", [first_ns])
        self._draw, self._random = draw, source

    def due_ns(self, token: int) -> int:
        times = self._times
        while token >= len(times):
            times.append(times[-1] + round(self._draw(self._random)))
        return times[token]

    def due_by(self, token: int, now_ns: int, most: int) -> Sequence[int]:
        return list(takewhile(lambda due: due <= now_ns, map(self.due_ns, range(token, token + most))))


Schedule = Even | Drawn


class SetLatencies:
    """Time to the first token and between tokens as they are set; with slots, requests wait for a free one.

    Who waits is served in the order of arrival, and its schedule starts when a slot is free.
    """

    def __init__(self, ttft: str, itl: str, slots: int | None = None) -> None:
        """Raises ValueError where a time cannot be read."""
        self._ttft, self._itl = time_ns(ttft), time_ns(itl)
        self._step_ns = round(self._itl(random.Random(0))) if is_fixed(itl) else None
        self._free: list[int] | None = [0] * slots if slots else None

    def schedule(self, received_ns: int, tokens: int, seed: int) -> Schedule:
        """The times of a request's tokens, of which there are so many."""
        source = random.Random(seed)
        start = received_ns
        if self._free is not None:
            start = max(start, self._free[0])
        first = start + round(self._ttft(source))
        found: Schedule = Drawn(first, self._itl, source) if self._step_ns is None else Even(first, self._step_ns)
        if self._free is not None:
            heapq.heapreplace(self._free, found.due_ns(max(tokens - 1, 0)))
        return found
