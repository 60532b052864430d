"""An engine in a process of its own, for tests that speak to it over the network."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_OPEN = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")
QUICK = ("--ttft", "2ms", "--itl", "200us", "--output", "12")


@contextmanager
def running(version: str, flags: Sequence[str] = QUICK, args: Sequence[str] = ()) -> Iterator[str]:
    """The address of an engine that is ready."""
    command = [sys.executable, "-m", "seatrial.engine", "--port", "0", "--release", version, *flags]
    with subprocess.Popen([*command, *(("--", *args) if args else ())], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{_port(process)}"
        finally:
            process.kill()


def _port(process: "subprocess.Popen[str]") -> int:
    port, said = None, []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if (found := _OPEN.search(line)) is not None:
            port = int(found[1])
        if port is not None and "fired up and ready to roll" in line:
            return port
    raise AssertionError("".join(said))
