"""What a step of the batch costs: a pass over prompts, or one more token for all that run."""

from dataclasses import dataclass

_EXPERTS, _CHOSEN = 256, 8
"""Routed experts of a layer of DeepSeek-R1, and those that a token goes through (deepseek-r1 facts 1)."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Times are nanoseconds. A decode step reads weights, of its experts only those that some request needs."""

    overhead_ns: int
    """Of a request, before it reaches the queue: HTTP, tokenizer, the way back. It keeps nobody else waiting."""
    prefill_ns: int
    """Of a step over prompts, however short they are."""
    prefill_rate: float
    """Prompt tokens a second."""
    decode_ns: int
    """Of a step that adds a token, whoever is in it."""
    experts_ns: int
    """What it would cost more if all experts were read."""
    request_ns: int
    """For each request in it."""
    kv_ns: float
    """For each token of KV cache that it reads."""
    pool_tokens: int
    """Tokens that the KV cache has room for."""
    chunk_tokens: int
    """Prompt tokens in one step at most."""

    def prefill(self, tokens: int) -> int:
        """Nanoseconds of a step over so many tokens of prompts."""
        return self.prefill_ns + round(tokens * 1e9 / self.prefill_rate)

    def decode(self, requests: int, kv_tokens: int) -> int:
        """Nanoseconds of a step that adds a token to so many requests, which hold so many tokens."""
        return self.decode_ns + round(self.experts_ns * experts_read(requests)) + self.more(requests, kv_tokens)

    def more(self, requests: int, kv_tokens: int) -> int:
        """What decoding requests adds to a step that reads all weights anyway."""
        return self.request_ns * requests + round(self.kv_ns * kv_tokens)


def experts_read(tokens: int) -> float:
    """The share of a layer's experts that so many tokens are expected to need, if all are alike."""
    return 1.0 - (1.0 - _CHOSEN / _EXPERTS) ** tokens
