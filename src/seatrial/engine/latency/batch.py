"""A batch that runs in steps, as SGLang's scheduler does: prompts first, then a token for all that run.

The clock is virtual: a step begins where the one before ended, or when the first request comes to an idle batch.
Whoever looks late finds the times that he would have found in time; only what he was not told yet is missing.
After sgl-project/sglang python/sglang/srt/managers/{scheduler,schedule_policy,schedule_batch}.py.
"""

from collections import deque
from dataclasses import dataclass

from seatrial.engine.latency.costs import Costs
from seatrial.engine.latency.load import Load
from seatrial.engine.latency.prefixes import PrefixCache
from seatrial.engine.latency.task import Task

_CLIP = 4096
"""No more tokens than these are kept free for one request, whatever it may ask for."""
_FIRST_RATIO, _LEAST_RATIO, _RATIO_STEPS = 0.7, 0.14, 600
"""What share of those is kept free for running ones: the first after idling, and how far and fast it sinks."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the command line sets."""

    running: int
    prefill_tokens: int = 16384
    """Prompt tokens in one step at most, besides the size of chunks."""
    mixed: bool = False
    """Steps over prompts add a token for those that run, too."""
    caches: bool = True
    conservativeness: float = 1.0


class Batch:
    """Requests go in; `advance` says whose tokens have come. Times are nanoseconds of any clock."""

    def __init__(self, costs: Costs, limits: Limits) -> None:
        self._costs, self._limits = costs, limits
        self._budget = min(costs.chunk_tokens, limits.prefill_tokens)
        self.cache = PrefixCache()
        self._queue: deque[Task] = deque()
        self._running: list[Task] = []
        self._partial: Task | None = None
        """Whose prompt is not through yet."""
        self._prefilling: list[Task] = []
        self._decoding: list[Task] = []
        self._clock_ns = 0
        self._end_ns: int | None = None
        """Of the step that runs."""
        self._own_tokens = self._slots = self._orders = 0
        self._ratio = self._first_ratio = min(_FIRST_RATIO * limits.conservativeness, 1.0)
        self.load = Load()

    def add(self, task: Task) -> None:
        """Put a request at the end of the queue. Raises ValueError where the pool is too small for it alone."""
        if task.most > self._costs.pool_tokens:
            raise ValueError(f"{task.most} tokens do not fit into a pool of {self._costs.pool_tokens}")
        self._orders += 1
        task.order, task.waiting = self._orders, True
        self._queue.append(task)
        self._tell()

    def remove(self, task: Task) -> None:
        """Nobody wants its tokens any more. What it holds is free at the end of the step."""
        if task.waiting:
            task.waiting = False
            self._queue.remove(task)
            self._tell()
        task.gone = True

    @property
    def next_ns(self) -> int | None:
        """When to look again; None while there is nothing to do."""
        if self._end_ns is not None:
            return self._end_ns
        if self._running or self._partial is not None:
            return self._clock_ns
        return max(self._clock_ns, self._queue[0].ready_ns) if self._queue else None

    def advance(self, now_ns: int) -> list[Task]:
        """Run all steps that have ended by now, and begin the next. Returns whose tokens came, the oldest first."""
        came: dict[Task, None] = {}
        while self._end_ns is not None or self._begin(now_ns):
            end = self._end_ns
            if end is None or end > now_ns:
                break
            self._end(end, came)
        self._tell()
        return list(came)

    # The beginning of a step.

    def _begin(self, now_ns: int) -> bool:
        start = self.next_ns
        if start is None:
            self._idle()
            return False
        if start > now_ns:
            return False
        self._clock_ns = start
        tokens = self._take_prompts(start)
        if self._prefilling and not self._limits.mixed:
            self._end_ns = start + self._costs.prefill(tokens)
            return True
        requests = self._make_room()
        self._decoding = self._running[:]
        kv_tokens = self._own_tokens + self.cache.held_tokens
        for task in self._decoding:
            task.held += task.alive
        self._own_tokens += requests
        costs = self._costs
        if self._prefilling:
            self._end_ns = start + costs.prefill(tokens) + costs.more(requests, kv_tokens)
        else:
            self._end_ns = start + costs.decode(requests, kv_tokens)
        return True

    def _idle(self) -> None:
        self._ratio = self._first_ratio
        self.load.idle()

    def _take_prompts(self, start_ns: int) -> int:
        """Choose what a step over prompts is about. Returns its tokens."""
        budget = self._budget
        if self._partial is not None:
            budget -= self._prefill(self._partial, budget)
        hits = 0
        promised = self._promised() if self._ready(start_ns) else 0
        while budget > 0 and self._partial is None and self._ready(start_ns):
            task = self._queue[0]
            if not self._fits(task, promised):
                break
            hits += self._admit(task)
            promised += min(task.limit - len(task.times), _CLIP) * task.alive
            budget -= self._prefill(task, budget)
        tokens = self._budget - budget
        if self._prefilling:
            self.load.hit_rate = hits / (hits + tokens)
        return tokens

    def _ready(self, start_ns: int) -> bool:
        return bool(self._queue) and self._queue[0].ready_ns <= start_ns

    def _prefill(self, task: Task, most: int) -> int:
        tokens = min(task.left, most)
        task.left -= tokens
        self._prefilling.append(task)
        self._partial = task if task.left else None
        return tokens

    def _promised(self) -> float:
        """Tokens that are kept free so that those who run can go on."""
        running = self._running if self._partial is None else [*self._running, self._partial]
        return self._ratio * sum(min(task.limit - len(task.times), _CLIP) * task.alive for task in running)

    def _fits(self, task: Task, promised: float) -> bool:
        if not self._running and not self._prefilling:
            return True  # it can be sure of the whole pool
        if self._slots + self._slots_of(task) > self._limits.running:
            return False
        found = self.cache.found(task.prefix, task.prompt_tokens - 1)
        hits = sum(block.tokens for block in found)
        idle_hits = sum(block.tokens for block in found if not block.holders)
        free = self._costs.pool_tokens - self._own_tokens - self.cache.held_tokens - idle_hits
        need = task.prompt_tokens - hits + task.output + min(task.limit - len(task.times), _CLIP) * task.alive
        return need + promised <= free

    def _slots_of(self, task: Task) -> int:
        return min(len(task.lengths), self._limits.running)

    def _admit(self, task: Task) -> int:
        """Give the first of the queue what it needs. Returns tokens of its prompt that are there already."""
        self._queue.popleft()
        task.waiting = False
        task.blocks = self.cache.found(task.prefix, task.prompt_tokens - 1) if self._limits.caches else []
        self.cache.hold(task.blocks)
        hits = sum(block.tokens for block in task.blocks)
        if task.cached < 0:
            task.cached = hits
        task.left = task.held = task.prompt_tokens - hits + task.output
        self._own_tokens += task.held
        self._slots += self._slots_of(task)
        self.cache.evict(self._excess)
        return hits

    @property
    def _excess(self) -> int:
        return self._own_tokens + self.cache.tokens - self._costs.pool_tokens

    def _make_room(self) -> int:
        """See that all that run can have a token more. Returns how many tokens that are."""
        need = sum(task.alive for task in self._running)
        while self._own_tokens + self.cache.held_tokens + need > self._costs.pool_tokens:
            youngest = min(self._running, key=lambda task: (len(task.times), -task.order))
            self._running.remove(youngest)
            need -= youngest.alive
            self._free(youngest)
            self.load.retracted += 1
            if not youngest.gone:
                youngest.waiting = True
                self._queue.appendleft(youngest)
            self._reconsider()
        self.cache.evict(self._excess + need)
        return need

    def _reconsider(self) -> None:
        """Keep as much free from now on as those who run have turned out to need."""
        limits = sum(task.limit for task in self._running)
        came = sum(len(task.times) for task in self._running)
        if limits:
            self._ratio = min((came + 20 * len(self._running)) / limits, 1.0)

    # The end of a step.

    def _end(self, end_ns: int, came: dict[Task, None]) -> None:
        self._clock_ns, self._end_ns = end_ns, None
        generated = 0
        running: list[Task] = []
        for task in self._decoding:
            if task.gone:
                self._free(task)
                continue
            generated += task.alive
            came[task] = None
            if task.come(end_ns):
                self._free(task)
            else:
                running.append(task)
        if self._decoding:
            self._running = running
            self._count(end_ns, generated)
        self._end_prompts(end_ns, came)
        self._decoding, self._prefilling = [], []

    def _end_prompts(self, end_ns: int, came: dict[Task, None]) -> None:
        for task in self._prefilling:
            if task.gone:
                self._free(task)
                if task is self._partial:
                    self._partial = None
            elif not task.left:
                if self._limits.caches:
                    moved = self.cache.add(task.prefix, task.blocks)
                    task.held -= moved
                    self._own_tokens -= moved
                came[task] = None
                if task.come(end_ns):
                    self._free(task)
                else:
                    self._running.append(task)

    def _free(self, task: Task) -> None:
        self._own_tokens -= task.held
        task.held = task.left = 0
        self.cache.release(task.blocks)
        task.blocks = []
        self._slots -= self._slots_of(task)

    def _count(self, end_ns: int, generated: int) -> None:
        least = self._first_ratio * _LEAST_RATIO
        self._ratio = max(self._ratio - (self._first_ratio - least) / _RATIO_STEPS, least)
        self.load.count(end_ns, generated)

    def _tell(self) -> None:
        load = self.load
        load.queued = len(self._queue)
        load.running = len(self._running) + (self._partial is not None)
        load.used_tokens = self._own_tokens + self.cache.held_tokens
