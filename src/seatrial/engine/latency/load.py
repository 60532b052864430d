"""How busy a batch is, for gauges."""

_RATED_STEPS = 40
"""Decode steps over which the throughput is told, as SGLang's --decode-log-interval has it."""


class Load:
    """What SGLang's gauges show."""

    __slots__ = ("_from_ns", "_steps", "_tokens", "hit_rate", "queued", "retracted", "running", "throughput",
                 "used_tokens")  # fmt: skip

    def __init__(self) -> None:
        self.running = self.queued = 0
        self.used_tokens = 0
        """Of the pool, without what may be evicted."""
        self.hit_rate = 0.0
        """Share of the prompts of the last step over prompts that the cache had."""
        self.throughput = 0.0
        """Generated tokens a second over the last steps; 0 when idle."""
        self.retracted = 0
        """Requests that were sent back to the queue so far."""
        self._steps = self._tokens = self._from_ns = 0

    def count(self, end_ns: int, generated: int) -> None:
        """A step has ended that generated so many tokens."""
        if not self._steps:
            self._from_ns, self._tokens = end_ns, 0
        self._steps += 1
        self._tokens += generated if self._steps > 1 else 0
        if self._steps > _RATED_STEPS:
            self.throughput = self._tokens * 1e9 / max(end_ns - self._from_ns, 1)
            self._steps, self._from_ns, self._tokens = 1, end_ns, 0

    def idle(self) -> None:
        """Nothing runs and nothing waits."""
        self._steps, self.throughput = 0, 0.0
