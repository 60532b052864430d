"""Where the engine is in its life, and how busy it is: what health, metrics and server info are answered from."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from seatrial.engine.latency.load import Load


class Phase(Enum):
    STARTING = "starting"
    """The port is open and the warm-up runs."""
    UP = "up"
    UNHEALTHY = "unhealthy"
    """The last health check got no answer from the scheduler."""
    DRAINING = "draining"
    """SIGTERM has come."""


@dataclass(slots=True)
class State:
    phase: Phase = Phase.STARTING
    running: int = 0
    """Requests that are being generated."""
    queued: int = 0
    used_tokens: int = 0
    hung: bool = False
    """The scheduler answers nothing any more, though the process lives."""
    served: int = 0
    """Requests that were generated to the end."""
    pool_tokens: int = 0
    """Tokens of the KV pool; 0 where nothing models it."""
    load: Load | None = None
    """How busy the batch is, where there is a model of it."""
    flush: Callable[[], None] = lambda: None
    """Empties the prefix cache."""
    started_ns: int = field(default_factory=time.monotonic_ns)
