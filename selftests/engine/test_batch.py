"""The batch model: its laws for any load, and what can be worked out by hand."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.engine.latency.batch import Batch, Limits
from seatrial.engine.latency.costs import Costs, experts_read
from seatrial.engine.latency.prefixes import BLOCK_BYTES, NOTHING, Prefix
from seatrial.engine.latency.presets import read
from seatrial.engine.latency.task import Task

MS = 1_000_000
COSTS = Costs(
    overhead_ns=0,
    prefill_ns=10 * MS,
    prefill_rate=10_000,
    decode_ns=5 * MS,
    experts_ns=0,
    request_ns=MS,
    kv_ns=0,
    pool_tokens=100_000,
    chunk_tokens=1000,
)
"""A step over 1,000 tokens takes 110 ms; a token for n requests 5 + n ms."""
MANY = Limits(running=2048)


def run(batch: Batch, arrivals: Sequence[tuple[int, Task]], look: Callable[[], None] = lambda: None) -> list[Task]:
    """Let requests arrive at their times and the batch go on to the end. Returns whose tokens came, as they came."""
    came: list[Task] = []
    waiting = sorted(arrivals, key=lambda arrival: arrival[0])
    for _ in range(100_000):
        following = batch.next_ns
        if waiting and (following is None or waiting[0][0] <= following):
            batch.add(waiting.pop(0)[1])
        elif following is None:
            return came
        else:
            came += batch.advance(following)
        look()
    raise AssertionError("it does not end")


def task(at: int, prompt: int, tokens: int, limit: int = 0, text: bytes = b"") -> tuple[int, Task]:
    return at, Task(at, prompt, (tokens,), limit, Prefix.of(text, prompt) if text else NOTHING)


def test_one_request_alone() -> None:
    _, one = task(7 * MS, 2500, 4)
    run(Batch(COSTS, MANY), [(0, one)])
    first = 7 * MS + 3 * 10 * MS + 250 * MS
    assert list(one.times) == [first + token * 6 * MS for token in range(4)]


def test_due_times_are_known_as_far_as_the_batch_has_come() -> None:
    batch = Batch(COSTS, MANY)
    _, one = task(0, 100, 3)
    batch.add(one)
    batch.advance(0)
    assert one.due_ns(0) is None
    assert batch.advance(20 * MS - 1) == []
    assert batch.advance(20 * MS) == [one]
    assert one.due_ns(0) == 20 * MS and one.due_ns(1) is None
    batch.advance(1000 * MS)
    assert list(one.due_by(1, 1000 * MS, 64)) == [26 * MS, 32 * MS]
    assert list(one.due_by(1, 31 * MS, 64)) == [26 * MS]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 3000), st.integers(1, 40)), min_size=1, max_size=12),
       st.integers(1, 400))  # fmt: skip
@settings(deadline=None, max_examples=50)
def test_lateness_of_the_process_moves_nothing(load: list[tuple[int, int, int]], pause_ms: int) -> None:
    def times(look_every_ns: int | None) -> list[list[int]]:
        batch = Batch(COSTS, MANY)
        tasks = [task(at * MS, prompt, tokens)[1] for at, prompt, tokens in sorted(load)]
        for one in tasks:
            batch.add(one)
        now = 0
        while (following := batch.next_ns) is not None:
            now = following if look_every_ns is None else now + look_every_ns
            batch.advance(now)
        return [list(one.times) for one in tasks]

    assert times(pause_ms * MS) == times(None)


@dataclass
class Laws:
    """What holds after every step."""

    batch: Batch
    costs: Costs
    limits: Limits
    peaks: Counter[str] = field(default_factory=Counter)

    def __call__(self) -> None:
        batch, load = self.batch, self.batch.load
        assert 0 <= load.used_tokens <= load.used_tokens + batch.cache.idle_tokens <= self.costs.pool_tokens
        assert load.running <= self.limits.running
        self.peaks["running"] = max(self.peaks["running"], load.running)


REQUEST = st.tuples(
    st.integers(0, 2000),  # arrives, ms
    st.integers(1, 900),  # prompt
    st.lists(st.integers(1, 120), min_size=1, max_size=2),  # tokens of each choice
    st.integers(0, 2000),  # limit
    st.integers(0, 5),  # blocks of a shared beginning
)


@given(
    st.lists(REQUEST, min_size=1, max_size=25),
    st.integers(1, 8),
    st.integers(1200, 4000),
    st.integers(16, 2000),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.3, 1.0]),
)
@settings(deadline=None, max_examples=150)
def test_laws(
    requests: list[tuple[int, int, list[int], int, int]],
    running: int,
    pool: int,
    chunk: int,
    mixed: bool,
    caches: bool,
    conservativeness: float,
) -> None:
    costs = replace(COSTS, pool_tokens=pool, chunk_tokens=chunk)
    limits = Limits(running, mixed=mixed, caches=caches, conservativeness=conservativeness)
    batch = Batch(costs, limits)
    shared = bytes(range(256)) * 5
    arrivals = [
        (at * MS, Task(at * MS, prompt, lengths, limit, Prefix.of(shared[: blocks * BLOCK_BYTES] + b"end", prompt)))
        for at, prompt, lengths, limit, blocks in requests
    ]
    came = Counter(run(batch, arrivals, Laws(batch, costs, limits)))
    for at, one in arrivals:
        # Everybody gets all tokens, none twice, in order and after arriving: nobody starves.
        assert len(one.times) == one.longest == came[one]
        assert at < one.times[0]
        assert all(a < b for a, b in zip(one.times, one.times[1:], strict=False))
        assert not one.held and not one.blocks
    assert batch.load.used_tokens == batch.load.running == batch.load.queued == 0
    assert batch.cache.held_tokens == 0
    batch.cache.clear()
    assert batch.cache.tokens == 0


@given(st.lists(REQUEST, min_size=2, max_size=20), st.integers(1, 4))
@settings(deadline=None, max_examples=50)
def test_with_room_for_all_first_tokens_come_in_order_of_arrival(
    requests: list[tuple[int, int, list[int], int, int]], running: int
) -> None:
    arrivals = [task(at * MS, prompt, lengths[0]) for at, prompt, lengths, *_ in sorted(requests)]
    run(Batch(COSTS, Limits(running)), arrivals)
    firsts = [one.times[0] for _, one in arrivals]
    assert firsts == sorted(firsts)


@given(st.lists(REQUEST, min_size=1, max_size=15), st.data())
@settings(deadline=None, max_examples=80)
def test_who_leaves_frees_what_he_held(
    requests: list[tuple[int, int, list[int], int, int]], data: st.DataObject
) -> None:
    costs = replace(COSTS, pool_tokens=1500)
    batch = Batch(costs, Limits(4))
    waiting = sorted(
        (task(at * MS, prompt, lengths[0]) for at, prompt, lengths, *_ in requests), key=lambda one: one[0]
    )
    tasks = [one for _, one in waiting]
    gone: set[Task] = set()
    while waiting or batch.next_ns is not None:
        following = batch.next_ns
        if waiting and (following is None or waiting[0][0] <= following):
            batch.add(waiting.pop(0)[1])
        elif following is not None:
            assert not gone & set(batch.advance(following))
        if data.draw(st.booleans()):
            leaving = data.draw(st.sampled_from(tasks))
            if leaving.order and leaving not in gone:
                gone.add(leaving)
                batch.remove(leaving)
    assert batch.load.used_tokens == batch.load.running == batch.load.queued == 0
    assert all(len(one.times) == one.longest for one in tasks if one not in gone)


def test_newcomers_hold_up_those_who_run() -> None:
    batch = Batch(COSTS, MANY)
    _, old = task(0, 100, 60)
    run(batch, [(0, old), *(task(100 * MS, 2000, 1) for _ in range(1))])
    gaps = sorted(b - a for a, b in zip(old.times, old.times[1:], strict=False))
    assert gaps[-1] == 6 * MS + 2 * 110 * MS  # both chunks of the newcomer's prompt go first
    assert gaps[-2] == 6 * MS


def test_mixed_steps_hold_them_up_less() -> None:
    batch = Batch(COSTS, replace(MANY, mixed=True))
    _, old = task(0, 100, 60)
    run(batch, [(0, old), task(100 * MS, 2000, 1)])
    assert max(b - a for a, b in zip(old.times, old.times[1:], strict=False)) == 110 * MS + MS


def test_slots_let_the_rest_wait() -> None:
    batch = Batch(COSTS, Limits(running=1))
    (_, first), (_, second) = task(0, 100, 3), task(0, 100, 1)
    run(batch, [(0, first), (0, second)])
    assert second.times[0] == first.times[-1] + 20 * MS


def test_a_full_pool_sends_the_youngest_back() -> None:
    costs = replace(COSTS, pool_tokens=400)
    batch = Batch(costs, replace(MANY, conservativeness=0.0, caches=False))
    (_, old), (_, young) = task(0, 150, 100), task(30 * MS, 100, 100, limit=100)
    run(batch, [(0, old), (30 * MS, young)])
    assert batch.load.retracted == 1
    # The old one ends undisturbed; then the young one is computed anew, with what it had said already.
    break_ns = max(b - a for a, b in zip(young.times, young.times[1:], strict=False))
    said = next(i for i, (a, b) in enumerate(zip(young.times, young.times[1:], strict=False), 1) if b - a == break_ns)
    resumed = young.times[said]
    assert resumed - old.times[-1] == 10 * MS + (100 + said) * 1e9 / 10_000
    assert len(young.times) == 100


def test_what_is_too_large_for_the_pool_is_refused() -> None:
    batch = Batch(replace(COSTS, pool_tokens=100), MANY)
    with pytest.raises(ValueError, match="101 tokens do not fit into a pool of 100"):
        batch.add(task(0, 91, 10)[1])
    assert batch.next_ns is None


def test_a_known_beginning_costs_nothing() -> None:
    text = bytes(range(256)) * 8
    batch = Batch(COSTS, MANY)
    _, first = task(0, 800, 1, text=text)
    _, second = task(1000 * MS, 800, 1, text=text[: 6 * BLOCK_BYTES] + bytes(2 * BLOCK_BYTES))
    _, third = task(2000 * MS, 800, 1, text=text)
    run(batch, [(0, first), (1000 * MS, second), (2000 * MS, third)])
    assert (first.cached, second.cached, third.cached) == (0, 600, 700)  # the last token is always computed
    assert first.times[0] == 90 * MS
    assert second.times[0] == 1000 * MS + 30 * MS
    assert batch.load.hit_rate == 700 / 800


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    costs = replace(COSTS, pool_tokens=1000)
    batch = Batch(costs, MANY)
    texts = [bytes([number]) * BLOCK_BYTES * 4 for number in range(3)]
    arrivals = [task(at * 1000 * MS, 400, 1, text=texts[which]) for at, which in enumerate((0, 1, 0, 2, 0, 1))]
    run(batch, arrivals)
    # The end of a text goes before its beginning: of the second, which was used least, half is left.
    assert [one.cached for _, one in arrivals] == [0, 0, 300, 0, 300, 200]


def test_saturation_and_littles_law() -> None:
    """With n in a closed loop, n = throughput x time of a request."""
    batch, n = Batch(COSTS, MANY), 16
    started: dict[Task, int] = {}
    spans: list[int] = []

    def begin(now: int) -> None:
        one = task(now, 100, 50 + len(started) % 7)[1]
        started[one] = now
        batch.add(one)

    for _ in range(n):
        begin(0)
    ends, now = 0, 0
    while now < 200_000 * MS:
        now = batch.next_ns or now
        for one in batch.advance(now):
            if len(one.times) == one.longest:
                spans.append(now - started[one])
                ends += 1
                begin(now)
    assert ends / now * (sum(spans) / len(spans)) == pytest.approx(n, rel=0.01)


def test_throughput_of_a_step_that_all_share() -> None:
    batch = Batch(COSTS, MANY)
    for _ in range(16):
        batch.add(task(0, 10, 60)[1])
    batch.advance(26 * MS + 50 * 21 * MS)
    assert batch.load.throughput == pytest.approx(16 / 21e-3)
    batch.advance(10_000 * MS)
    assert batch.load.throughput == 0


def test_experts_are_read_once() -> None:
    assert experts_read(0) == 0
    assert experts_read(1) == pytest.approx(1 / 32)
    assert experts_read(1000) == pytest.approx(1)


PUBLISHED = {8: (12.8, 74.6), 16: (17.2, 111.9), 32: (25.6, 151.1), 64: (34.6, 223.6)}
"""SemiAnalysisAI/InferenceX#870, 8 H200: mean TPOT in ms, output tok/s of a GPU, prompts and answers of 1k."""


@pytest.mark.parametrize("streams", PUBLISHED)
def test_8xh200_is_as_fast_as_published(streams: int) -> None:
    costs = replace(read("8xh200").costs, pool_tokens=677_000)
    batch = Batch(costs, MANY)
    lengths = [820 + 29 * number % 205 for number in range(4 * streams)]
    left = iter(lengths)
    tasks: list[Task] = []

    def begin(now: int) -> None:
        if (tokens := next(left, None)) is not None:
            tasks.append(task(now + costs.overhead_ns, tokens, tokens)[1])
            batch.add(tasks[-1])

    for _ in range(streams):
        begin(0)
    now = 0
    while (following := batch.next_ns) is not None:
        now = following
        for one in batch.advance(now):
            if len(one.times) == one.longest:
                begin(now)
    tpot = sum((one.times[-1] - one.times[0]) / (one.longest - 1) for one in tasks) / len(tasks) / MS
    published_tpot, published_rate = PUBLISHED[streams]
    assert tpot == pytest.approx(published_tpot, rel=0.05)
    assert sum(lengths) * 1e9 / now / 8 == pytest.approx(published_rate, rel=0.08)


@pytest.mark.parametrize(("prompt", "ttft", "tpot"), [(128, 180, 23.1), (2048, 191, 23.3), (8192, 264, 24.0)])
def test_2x8xh100_is_as_fast_as_published(prompt: int, ttft: float, tpot: float) -> None:
    """tenstorrent/tt-inference-server#356, one stream."""
    costs = replace(read("2x8xh100").costs, pool_tokens=334_000)
    _, one = task(costs.overhead_ns, prompt, 128)
    run(Batch(costs, MANY), [(0, one)])
    assert one.times[0] / MS == pytest.approx(ttft, rel=0.06)
    assert (one.times[-1] - one.times[0]) / 127 / MS == pytest.approx(tpot, rel=0.01)


def test_2x8xh100_under_load_is_as_slow_as_published() -> None:
    """sgl-project/sglang#3812: 600 requests at 40 a second, 180/400 at random, 1,099 output tok/s on 2 x 8 H800."""
    costs = replace(read("2x8xh100").costs, pool_tokens=334_000)
    source = random.Random(3)
    at, arrivals = 0.0, []
    for _ in range(600):
        at += source.expovariate(40) * 1e9
        arrivals.append(task(round(at) + costs.overhead_ns, source.randint(1, 180), source.randint(1, 400)))
    run(Batch(costs, MANY), arrivals)
    tokens = sum(one.longest for _, one in arrivals)
    assert tokens * 1e9 / max(one.times[-1] for _, one in arrivals) == pytest.approx(1099, rel=0.05)
