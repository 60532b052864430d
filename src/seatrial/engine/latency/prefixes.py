"""Which beginnings of prompts the KV cache still holds: blocks in chains, the least recently used go first.

SGLang's radix tree is exact to the token; here prompts are cut into blocks of their text, since the tokens are not
those of the model either.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BLOCK_BYTES = 256


@dataclass(slots=True, eq=False)
class Block:
    key: int
    """Stands for the block and all before it."""
    tokens: int
    holders: int = 0
    """Requests that need it to stay."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prompt as the cache sees it."""

    keys: tuple[int, ...]
    tokens: tuple[int, ...]

    @classmethod
    def of(cls, text: bytes, tokens: int) -> "Prefix":
        """The whole blocks of a prompt; its tokens are taken to be spread evenly."""
        keys: list[int] = []
        key = 0
        for start in range(0, len(text) - BLOCK_BYTES + 1, BLOCK_BYTES):
            key = hash((key, text[start : start + BLOCK_BYTES]))
            keys.append(key)
        ends = [tokens * BLOCK_BYTES * number // len(text) for number in range(len(keys) + 1)] if keys else [0]
        return cls(tuple(keys), tuple(end - start for start, end in pairwise(ends)))


NOTHING = Prefix((), ())


class PrefixCache:
    """Blocks that are held by requests, and those that stay until their room is needed."""

    def __init__(self) -> None:
        self._blocks: dict[int, Block] = {}
        # A block behind another is always nearer to the left, so nothing is evicted before what hangs on it.
        self._idle: OrderedDict[int, Block] = OrderedDict()
        self.idle_tokens = self.held_tokens = 0

    @property
    def tokens(self) -> int:
        return self.idle_tokens + self.held_tokens

    def found(self, prefix: Prefix, most: int) -> list[Block]:
        """The blocks at the beginning of a prompt that are there, with so many tokens at most."""
        found: list[Block] = []
        for key in prefix.keys:
            block = self._blocks.get(key)
            if block is None or block.tokens > most:
                break
            most -= block.tokens
            found.append(block)
        return found

    def hold(self, blocks: Sequence[Block]) -> None:
        """Keep blocks until they are released."""
        for block in blocks:
            if not block.holders:
                del self._idle[block.key]
                self.idle_tokens -= block.tokens
                self.held_tokens += block.tokens
            block.holders += 1

    def release(self, blocks: Sequence[Block]) -> None:
        """They may go, the last of the chain first."""
        for block in reversed(blocks):
            block.holders -= 1
            if not block.holders:
                self._idle[block.key] = block
                self.held_tokens -= block.tokens
                self.idle_tokens += block.tokens

    def add(self, prefix: Prefix, held: list[Block]) -> int:
        """Put in what a prompt has beyond the blocks that it holds, and hold that too.

        Stops where another request has put the block in meanwhile: then this one's copy stays its own. Returns the
        tokens that are now the cache's.
        """
        moved = 0
        for key, tokens in zip(prefix.keys[len(held) :], prefix.tokens[len(held) :], strict=True):
            if key in self._blocks:
                break
            block = self._blocks[key] = Block(key, tokens, holders=1)
            held.append(block)
            moved += tokens
        self.held_tokens += moved
        return moved

    def evict(self, tokens: int) -> None:
        """Give up idle blocks until so many tokens are free, or none is left."""
        while tokens > 0 and self._idle:
            key, block = self._idle.popitem(last=False)
            del self._blocks[key]
            self.idle_tokens -= block.tokens
            tokens -= block.tokens

    def clear(self) -> None:
        """Give up all idle blocks."""
        self.evict(self.idle_tokens + 1)
