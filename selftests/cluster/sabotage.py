"""What goes wrong while an experiment runs: somebody acts against it, each time the cluster changes."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from seatrial.live.live_view import LiveView


class Saboteur:
    """Runs `act` after every change until it returns True, or until the end. What `act` raises is raised at the end."""

    def __init__(self, view: LiveView, act: Callable[[], bool]) -> None:
        self._view = view
        self._act = act
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: BaseException | None = None
        self.done = False

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and not self.done:
                seen = self._view.pulse.count
                self.done = self._act()
                if not self.done:
                    self._view.pulse.wait(seen, 0.2)
        except BaseException as error:
            self._error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10.0)
        if self._error is not None and error is None:
            raise self._error
