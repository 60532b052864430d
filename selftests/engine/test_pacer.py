"""The pacer calls in the order of due times, never early, and what it calls may put more on the heap."""

import asyncio
import time
from collections.abc import Callable

from seatrial.engine.pacer import Pacer

MS = 1_000_000


class Noted:
    """Notes when it was called for which time."""

    def __init__(self, then: Callable[[int], int | None] = lambda due: None) -> None:
        self.calls: list[tuple[int, int]] = []
        self._then = then

    def due(self, due_ns: int, /) -> int | None:
        self.calls.append((due_ns, time.monotonic_ns()))
        return self._then(due_ns)


def paced(script: Callable[[Pacer, int], None], seconds: float) -> None:
    async def run() -> None:
        pacer = Pacer(asyncio.get_running_loop())
        script(pacer, time.monotonic_ns())
        await asyncio.sleep(seconds)
        pacer.close()

    asyncio.run(run())


def test_nothing_is_called_early_and_all_in_order() -> None:
    items = [Noted() for _ in range(50)]

    def script(pacer: Pacer, now: int) -> None:
        for index, item in enumerate(items):
            pacer.at(now + (50 - index) * MS, item)

    paced(script, 0.2)
    calls = sorted((item.calls[0] for item in items), key=lambda call: call[1])
    assert [len(item.calls) for item in items] == [1] * 50
    assert calls == sorted(calls)
    assert all(called >= due for due, called in calls)


def test_the_next_time_counts_from_the_plan_and_not_from_the_call() -> None:
    start = []

    def slowly(due: int) -> int | None:
        time.sleep(0.002)
        return due + 5 * MS if due < start[0] + 50 * MS else None

    item = Noted(slowly)

    def script(pacer: Pacer, now: int) -> None:
        start.append(now)
        pacer.at(now + 5 * MS, item)

    paced(script, 0.3)
    assert [(due - start[0]) // MS for due, _ in item.calls] == list(range(5, 55, 5))


def test_what_has_passed_is_called_at_once() -> None:
    item = Noted()
    paced(lambda pacer, now: pacer.at(now - 1_000 * MS, item), 0.05)
    assert len(item.calls) == 1


def test_a_call_may_put_something_earlier_on_the_heap() -> None:
    late, early = Noted(), Noted()

    def script(pacer: Pacer, now: int) -> None:
        def put(due: int) -> int | None:
            pacer.at(due - 1, early)
            return due + 10 * MS if len(first.calls) < 3 else None

        first = Noted(put)
        pacer.at(now + MS, first)
        pacer.at(now + 2 * MS, late)

    paced(script, 0.2)
    assert len(early.calls) == 3
    assert len(late.calls) == 1


def test_sockets_are_served_while_everything_is_overdue() -> None:
    """Items that are always due must not keep the loop from its other work."""
    turns = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        pacer = Pacer(loop)
        pacer.at(time.monotonic_ns(), Noted(lambda due: due + 1))
        for _ in range(5):
            await asyncio.sleep(0)
            turns.append(time.monotonic_ns())
        pacer.close()

    asyncio.run(run())
    assert len(turns) == 5
