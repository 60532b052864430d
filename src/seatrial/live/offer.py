"""Offering something to the API server, which may need a moment before it knows a new kind."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seatrial.live.api import ApiError

PATIENCE_S = 120.0
"""How long the quota controller may take to know a new kind (seen on TKE right after LWS was installed)."""
_FIRST_PAUSE_S = 0.5
_NO_RIGHT = re.compile(r'is forbidden: User ".*" cannot ')
_QUOTA = "status unknown for quota"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: the object as it would be stored, else why it would not."""

    object: dict[str, Any] | None
    error: ApiError | None = None
    waited_s: float = 0.0
    """How long the quota controller did not know the kind."""


def unknown_to_quota(error: ApiError | None) -> bool:
    """Whether the server refuses only because its quota controller does not know the kind yet."""
    return error is not None and _QUOTA in error.message


def not_allowed(error: ApiError | None) -> bool:
    """Whether the run's user may not make such an offer, which says nothing about the object."""
    return error is not None and (error.status == 401 or _NO_RIGHT.search(error.message) is not None)


class Patience:
    """Asks again, with growing pauses, while the quota does not know a kind: PATIENCE_S for all questions together."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._left_s = PATIENCE_S
        self._sleep = sleep
        self._clock = clock

    def ask(self, question: Callable[[], dict[str, Any]]) -> Answer:
        """Raises Unreachable."""
        began, pause = self._clock(), _FIRST_PAUSE_S
        while True:
            try:
                return Answer(question(), None, self._clock() - began)
            except ApiError as error:
                if not unknown_to_quota(error) or self._left_s <= 0:
                    return Answer(None, error, self._clock() - began)
            pause = min(pause, self._left_s)
            self._sleep(pause)
            self._left_s -= pause
            pause *= 2
