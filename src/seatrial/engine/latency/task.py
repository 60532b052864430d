"""A request in the batch: what it needs, what it holds, and when its tokens came."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from seatrial.engine.latency.prefixes import NOTHING, Block, Prefix


class Task:
    """A request. Its choices share the prompt and advance together. It is the schedule of its own events."""

    __slots__ = ("alive", "blocks", "cached", "gone", "held", "left", "lengths", "limit", "longest", "order", "prefix",
                 "prompt_tokens", "ready_ns", "times", "waiting")  # fmt: skip

    def __init__(
        self, ready_ns: int, prompt_tokens: int, lengths: Sequence[int], limit: int, prefix: Prefix = NOTHING
    ) -> None:
        """`lengths`: tokens that each choice will have; `limit`: tokens that a choice might have, for all one knows."""
        self.ready_ns, self.prompt_tokens, self.prefix = ready_ns, max(prompt_tokens, 1), prefix
        self.lengths = tuple(max(length, 1) for length in lengths) or (1,)
        self.longest = max(self.lengths)
        self.limit = max(limit, self.longest)
        self.times = array("q")
        self.order = 0
        self.cached = -1
        """Tokens of the prompt that the cache had when it was first looked at; -1 before."""
        self.left = 0
        """Tokens that a pass over the prompt has still to come to."""
        self.held = 0
        """Tokens of the pool that are its own."""
        self.blocks: list[Block] = []
        """Of the cache, which it holds with others."""
        self.waiting = self.gone = False
        self.alive = len(self.lengths)
        """Choices that have not ended."""

    def come(self, at_ns: int) -> bool:
        """A token of each choice has come. Returns whether they were the last."""
        times = self.times
        times.append(at_ns)
        came = len(times)
        if len(self.lengths) > 1:
            self.alive = sum(length > came for length in self.lengths)
        return came >= self.longest

    @property
    def output(self) -> int:
        """Tokens generated so far, over all choices."""
        came = len(self.times)
        return came if len(self.lengths) == 1 else sum(min(length, came) for length in self.lengths)

    @property
    def most(self) -> int:
        """Tokens of the pool that it holds in the end."""
        return self.prompt_tokens + sum(self.lengths)

    def due_ns(self, token: int) -> int | None:
        return self.times[token] if token < len(self.times) else None

    def due_by(self, token: int, now_ns: int, most: int) -> Sequence[int]:
        times = self.times
        return times[token : min(token + most, bisect_right(times, now_ns))]
