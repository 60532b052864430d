"""One line that says what a run is waiting for: rewritten on a terminal, a line for each new step elsewhere."""

import time
from contextlib import nullcontext
from typing import Any

import pytest

from seatrial.printable import printable

_DUE_S = 0.1
"""A terminal need not see more."""


class ProgressLine:
    """Steps of the run below the dots of pytest."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = time.monotonic()
        self._shown = 0.0
        self._last = ""

    def show(self, step: str) -> None:
        """Say what is being done; the empty text clears the line."""
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or self._config.get_verbosity() < 0:
            return
        capture = self._config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            self._write(reporter, step)

    def _write(self, reporter: Any, step: str) -> None:
        now = time.monotonic()
        if reporter.isatty:
            if now - self._shown >= _DUE_S or not step:
                reporter.rewrite(printable(f"{step} ({now - self._started:.0f} s)" if step else ""), erase=True)
                self._shown = now
        elif step and step.partition(":")[0] != self._last:
            reporter.write_line(printable(step))
            self._last = step.partition(":")[0]
