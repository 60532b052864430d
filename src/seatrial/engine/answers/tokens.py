"""A small tokenizer of our own: what counts as one token, always the same, without the model's vocabulary."""

import re

_TOKEN = re.compile(r"[ ]?[^\W\d_]{1,8}|[ ]?\d{1,3}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\s+|.", re.DOTALL)
TEMPLATE_TOKENS = 4
"""What the chat template adds to a message: its role and its marks."""


def split(text: str) -> list[str]:
    """A text as its tokens; together they are the text."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Tokens of a text."""
    return sum(1 for _ in _TOKEN.finditer(text))
