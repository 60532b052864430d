"""Runs a command that must not outlive whoever wanted it: `python tether.py COMMAND ARGUMENT...`.

Standard input is a pipe whose other end only the owner holds. When the owner ends, however it ends, the kernel closes
that end, and the tether kills its process group: itself, the command and all the command started. (Linux' parent death
signal reaches children only, not grandchildren such as the compilers of `go build`, and macOS has none.)

A script of its own that imports nothing of seatrial, so that it starts in milliseconds. It must lead a process group.
"""

import os
import signal
import subprocess
import sys
import threading


def _wait_for_the_end_of_the_owner() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    threading.Thread(target=_wait_for_the_end_of_the_owner, daemon=True).start()
    try:
        code = subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", flush=True)
        return 127
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
