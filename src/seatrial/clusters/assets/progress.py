"""Shows progress: one line that is written again and again on a terminal, else one line for each step."""

import os
import shutil
import sys
import time
from typing import TextIO

_CLEAR = "\r\x1b[K"


class ProgressLine:
    """A Progress for a stream. Call `end` when there is nothing more to tell, so that others can write."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._rewrites = self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._step = ""
        self._began = 0.0

    def __call__(self, step: str) -> None:
        if step != self._step:
            self._step, self._began = step, time.monotonic()
            if not self._rewrites:
                self._stream.write(f"{step}\n")
        if self._rewrites:
            elapsed = time.monotonic() - self._began
            text = step if elapsed < 1 else f"{step}, {elapsed:.0f} s"
            self._stream.write(_CLEAR + text[: shutil.get_terminal_size().columns - 1])
        self._stream.flush()

    def end(self) -> None:
        if self._rewrites and self._step:
            self._stream.write(_CLEAR)
            self._stream.flush()
        self._step = ""
