"""Whether a command line starts SGLang, and which of its words are SGLang's arguments.

Entry points: ``sglang.launch_server`` in every release, ``sglang serve`` from 0.5.4 on (python/sglang/cli).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.manifests.shell.command import Word
from seatrial.manifests.shell.invocation import basename, shell_call

_PYTHON = re.compile(r"python(3(\.\d+)?)?\Z")
_VALUED = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_MODULES = {"sglang.launch_server": 0, "sglang.cli.main": 1}
_MENTION = re.compile(r"sglang\.launch_server|sglang/launch_server\.py|\bsglang serve\b")
_HARMLESS = frozenset({"echo", "printf", "pkill", "pgrep", "grep", "kill", "cat", "ps", "trap"})


@dataclass(frozen=True, slots=True)
class EngineCall:
    """``launcher`` is the engine as started, e.g. "python3 -m sglang.launch_server"; ``arguments`` follow it."""

    launcher: str
    arguments: tuple[Word, ...]


def engine_call(words: Sequence[Word]) -> EngineCall | None:
    """The SGLang start that these (unwrapped) words are, or None."""
    if not words:
        return None
    name = basename(words[0])
    if name == "sglang":
        return _served(words, 1)
    if not _PYTHON.match(name):
        return None
    at = 1
    while at < len(words) and words[at].text.startswith("-") and not words[at].text.startswith("-m"):
        if words[at].text == "-c":
            return None
        at += 2 if words[at].text in _VALUED else 1
    return _python(words, at)


def _python(words: Sequence[Word], at: int) -> EngineCall | None:
    if at >= len(words):
        return None
    text = words[at].text
    if text.startswith("-m"):
        module = text[2:] or (words[at + 1].text if at + 1 < len(words) else "")
        behind = at + (1 if text[2:] else 2)
        if module == "sglang.launch_server":
            return _call(words, behind)
        return _served(words, behind) if module in _MODULES else None
    if text.endswith("sglang/launch_server.py"):
        return _call(words, at + 1)
    return _served(words, at + 1) if basename(words[at]) == "sglang" else None


def _served(words: Sequence[Word], at: int) -> EngineCall | None:
    return _call(words, at + 1) if at < len(words) and words[at].text == "serve" else None


def _call(words: Sequence[Word], behind: int) -> EngineCall:
    return EngineCall(" ".join(word.text for word in words[:behind]), tuple(words[behind:]))


def is_engine(words: Sequence[Word]) -> bool:
    return engine_call(words) is not None


def mentions_engine(words: Sequence[Word]) -> bool:
    """Whether a command speaks of SGLang's entry point without being a start that can be followed."""
    if not words or basename(words[0]) in _HARMLESS or shell_call(words) is not None:
        return False
    return _MENTION.search(" ".join(word.text for word in words)) is not None
