"""The processes of a folder: programs that were started by a path inside it.

Whatever a run starts, it starts by a path below its own folder (`.../bin/etcd`). A process is therefore known by its
command line alone: nothing has to be written down after it was started, so nothing is missed when seatrial is killed
between the two, and no process of anybody else can be mistaken for one of ours because its number was used again.
"""

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PROC = Path("/proc")
PATIENCE = 10.0
"""Seconds for processes that were killed to be gone."""

MOMENTS = 100
"""Looks, a millisecond apart, at a process that is just becoming another."""
_KERNEL_THREAD = 0x00200000


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    command: tuple[str, ...]

    @property
    def name(self) -> str:
        return Path(self.command[0]).name


def read(pid: int) -> Process | None:
    """The process, or None when there is none with this number, or nothing of it but its exit status."""
    for _ in range(MOMENTS):
        try:
            command = (PROC / str(pid) / "cmdline").read_bytes()
            if command:
                return Process(pid, tuple(os.fsdecode(command).rstrip("\0").split("\0")))
            if not _is_becoming(pid):
                return None
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return None
        time.sleep(0.001)
    return None


def _is_becoming(pid: int) -> bool:
    """Whether a process without a command line is about to get one: it is in the middle of exec, or of its end.

    Threads of the kernel never have one. Source: proc_pid_stat(5), fields 3 and 9.
    """
    state, *rest = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return state not in "ZX" and not int(rest[5]) & _KERNEL_THREAD


def belongs(process: Process, folder: Path) -> bool:
    """Whether a program below the folder was started, or a script there, which is its interpreter's first argument.

    The program must be in a folder named bin: an editor or pager that shows one of our logs is not ours.
    """
    return any(path.parent.name == "bin" and folder in path.parents for path in map(Path, process.command[:2]))


def running_in(folder: Path) -> list[Process]:
    """All processes that belong to the folder (an absolute path as it stood on their command lines)."""
    numbers = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    found = (read(pid) for pid in numbers)
    return [process for process in found if process is not None and belongs(process, folder)]


def kill(found: Iterable[Process], patience: float = PATIENCE) -> None:
    """End these processes at once and wait until they are gone with all they held open, ports included.

    One that has ended is passed over, even if its number is in use again.
    """
    deadline = time.monotonic() + patience
    handles = [handle for process in found if (handle := _killed(process)) is not None]
    for handle in handles:
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        ended.poll(max(0.0, deadline - time.monotonic()) * 1000)
        os.close(handle)


def exit_code(child: subprocess.Popen[bytes]) -> int | None:
    """None while the child runs.

    Popen's own poll takes a lock, which stays taken for ever when Ctrl-C comes between taking and using it; whoever
    waits for the child afterwards never returns.
    """
    if child.returncode is None:
        _collect(child, os.WNOHANG)
    return child.returncode


def end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child, if it still runs, and wait until it is gone."""
    if exit_code(child) is None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        _collect(child, 0)


def _collect(child: subprocess.Popen[bytes], options: int) -> None:
    try:
        done, status = os.waitpid(child.pid, options)
    except ChildProcessError:
        child.returncode = 0  # collected by an interrupted call of this; Popen, too, takes what it cannot know for 0
        return
    if done:
        child.returncode = os.waitstatus_to_exitcode(status)


def kill_all(folder: Path, patience: float = PATIENCE) -> list[Process]:
    """End every process of the folder, those included that others start meanwhile; returns what did not end.

    Two looks in a row must find nothing: during one look a process can start its successor and end.
    """
    deadline = time.monotonic() + patience
    quiet = 0
    while quiet < 2:
        found = running_in(folder)
        if found and time.monotonic() > deadline:
            return found
        kill(found, max(0.0, deadline - time.monotonic()))
        quiet = 0 if found else quiet + 1
    return []


def _killed(process: Process) -> int | None:
    """A handle that becomes readable when the process is gone; None when it is already."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    # Only now the number cannot change hands any more.
    if read(process.pid) != process:
        os.close(handle)
        return None
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    return handle


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM until the block is done: a half stopped cluster is what they would leave.

    Only the main thread is ever interrupted; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        held.append(number)

    before = {number: signal.signal(number, hold) for number in (signal.SIGINT.value, signal.SIGTERM.value)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(held):
            signal.raise_signal(number)
