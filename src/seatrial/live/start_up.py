"""How far the rank of a pod has come in its start, as its log tells.

Source: srt/model_executor/model_runner.py and srt/entrypoints/http_server.py of SGLang 0.4.3.post2, 0.5.9, 0.5.23.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

READY = "The server is fired up and ready to roll!"
_BEGUN = ("Init torch distributed begin", "Init parallel begin")
_JOINED = ("Init torch distributed ends", "Init parallel ends", "Load weight begin")
_LOADED = ("Load weight end",)
_LOADING = "Load weight begin"
_SERVING = (READY, "Dummy health check server started")
_SHARDS = re.compile(
    r"[Ll]oading (?:safetensors|pt) checkpoint shards:.*?(\d+)/(\d+)|Multi-thread loading shards:.*?(\d+)/(\d+)"
)


class Step(IntEnum):
    """Steps of a start, each after the one before."""

    SILENT = 0
    """The log has none of the engine's lines."""
    BEGUN = 1
    """It waits for the other ranks."""
    JOINED = 2
    LOADING = 3
    LOADED = 4
    SERVING = 5


@dataclass(frozen=True, slots=True)
class StartUp:
    """The last start in a log. `shards` counts loaded and all shards, where the log tells them."""

    step: Step
    shards: tuple[int, int] | None = None


def start_up(log: str) -> StartUp:
    """How far the last start in a log has come."""
    lines = log.splitlines()
    first = max((number for number, line in enumerate(lines) if _has(line, _BEGUN)), default=None)
    step, shards = Step.SILENT, None
    for line in lines[first or 0 :]:
        step = max(step, _step(line))
        if (found := _SHARDS.search(line)) is not None:
            loaded, of = (int(number) for number in found.groups() if number is not None)
            shards, step = (loaded, of), max(step, Step.LOADING)
    return StartUp(step, shards)


def _step(line: str) -> Step:
    for words, step in (
        (_SERVING, Step.SERVING),
        (_LOADED, Step.LOADED),
        ((_LOADING,), Step.LOADING),
        (_JOINED, Step.JOINED),
        (_BEGUN, Step.BEGUN),
    ):
        if _has(line, words):
            return step
    return Step.SILENT


def _has(line: str, words: tuple[str, ...]) -> bool:
    return any(word in line for word in words)
