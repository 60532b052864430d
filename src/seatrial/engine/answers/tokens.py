"""A small tokenizer of our own: what counts as one token, always the same, without the model's vocabulary."""

import re

_TOKEN = re.compile(
    r"[ ]?[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00010000-\U0010ffff]{1,8}|[ ]?[0-9]{1,3}"
    r"|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[ \t\r]+|\n+|.",
    re.DOTALL,
)
_WIDE = re.compile(r"[\U00010000-\U0010ffff]")
TEMPLATE_TOKENS = 4
"""What the chat template adds to a message: its role and its marks."""


def split(text: str) -> list[str]:
    """A text as what each of its tokens adds to it; together they are the text.

    A character of four bytes, such as an emoji, takes two tokens: the first adds nothing, since half a character
    is held back until the rest of it is there (sglang-server facts 4.4).
    """
    found: list[str] = []
    for token in _TOKEN.findall(text):
        if len(token) == 1 and token > "\uffff":
            found.append("")
        found.append(token)
    return found


def count(text: str) -> int:
    """Tokens of a text."""
    return len(_TOKEN.findall(text)) + (0 if text.isascii() else len(_WIDE.findall(text)))
