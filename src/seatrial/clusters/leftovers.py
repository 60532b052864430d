"""What a run leaves on this machine when it is killed, and how the next one removes it.

Every run owns one folder, `<state folder>/runs/<id>`, in which all that it makes lives, and holds a lock on the record
in it for as long as it lives. The system releases the lock when the run ends, however it ends; so whoever gets the
lock of a record knows that its run is gone, and is the only one who clears up after it.
"""

import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from seatrial.clusters import processes
from seatrial.clusters.provider import ClusterError, Progress, silent

RECORD = "run.json"
UNFINISHED = ".new-"
UNFINISHED_AGE = 60.0
"""Seconds after which a folder without a record is taken for the work of a run that was killed while it began."""


def state_folder() -> Path:
    """Where seatrial remembers between runs: $XDG_STATE_HOME/seatrial, by default ~/.local/state/seatrial.

    A relative $XDG_STATE_HOME is ignored, as the XDG Base Directory Specification demands.
    """
    configured = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        base = configured if configured.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise ClusterError(f"no folder for what seatrial keeps between runs: {error}; set XDG_STATE_HOME") from error
    return base.resolve() / "seatrial"


def runs_folder() -> Path:
    return state_folder() / "runs"


@dataclass(frozen=True, slots=True)
class Machine:
    """Which processes can be seen from here: those of this boot of this host, in this process namespace."""

    host: str
    boot: str
    namespace: str

    @classmethod
    def here(cls) -> "Machine":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return cls(os.uname().nodename, boot, str(Path("/proc/self/ns/pid").readlink()))

    def shows_processes_of(self, other: "Machine") -> bool:
        """False for a run of another machine or container that shares the folder: its processes are not ours to see."""
        if self.boot == other.boot:
            return self.namespace == other.namespace
        return self.host == other.host  # the same host, started anew: its processes are gone


@dataclass(slots=True)
class Run:
    """One run of seatrial and the folder that is its own. End it with `end`, or use it as a context manager."""

    id: str
    folder: Path
    _lock: int
    _guard: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def begin(cls, *, guarded: bool = True) -> "Run":
        """Make the folder, write and lock its record.

        `guarded` starts a small process that waits for the lock, so that even a run which is killed hard is cleared
        up at once, and not only by the next one. Raises ClusterError when the folder cannot be written.
        """
        if not processes.PROC.is_dir():
            raise ClusterError("clusters on this machine need Linux and its /proc; use --kubeconfig here")
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        runs = runs_folder()
        unfinished, folder = runs / f"{UNFINISHED}{name}", runs / name
        try:
            runs.mkdir(parents=True, exist_ok=True)
            unfinished.mkdir(mode=0o700)  # keys of clusters will lie here
            lock = os.open(unfinished / RECORD, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.write(lock, json.dumps(_record()).encode())
            # Only from here on do others see the run: its record is whole and locked.
            unfinished.rename(folder)
        except OSError as error:
            raise ClusterError(
                f"cannot keep a record of this run in {runs}: {error.strerror}; "
                "make it writable, or set XDG_STATE_HOME to a local folder that is"
            ) from error
        run = cls(name, folder, lock)
        if guarded:
            run._guard = _start_guard(folder)
        return run

    @property
    def guard(self) -> int | None:
        """The pid of the process that clears up when this one is killed."""
        return self._guard.pid if self._guard is not None else None

    def end(self) -> None:
        """End what still runs in the folder and remove it. Never raises; may be called again."""
        if self._lock < 0:
            return
        with processes.uninterrupted():
            _clear(self.folder)
            # Closing alone would leave the lock to a fork of this process.
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            os.close(self._lock)
            self._lock = -1
            if self._guard is not None:
                self._guard.wait()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def sweep(progress: Progress = silent) -> list[str]:
    """Clear up after every run that is gone; returns their ids. Runs that live are not touched.

    Any number of these may run at once. What belongs to another machine or container that shares the folder stays.
    """
    runs = runs_folder()
    if not runs.is_dir():
        return []
    removed = []
    for folder in sorted(runs.iterdir()):
        if folder.name.startswith(UNFINISHED):
            _remove_unfinished(folder)
            continue
        with _taken_over(folder, wait=False) as gone:
            if gone:
                progress(f"clearing up after run {folder.name}, which was killed")
                _clear(folder)
                removed.append(folder.name)
    return removed


def guard(folder: Path) -> None:
    """Wait until the run of this folder ends, and clear up if it did not do so itself."""
    with _taken_over(folder, wait=True) as gone:
        if gone:
            _clear(folder)


@contextmanager
def _taken_over(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Whether the run of the folder is gone and left to us; if so, it is ours alone inside the block."""
    try:
        lock = os.open(folder / RECORD, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        yield False
        return
    try:
        yield _locked(lock, wait=wait) and _is_of_this_machine(lock)
    finally:
        os.close(lock)


def _locked(lock: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(lock).st_nlink > 0  # else the run, or another sweep, has removed it meanwhile


def _clear(folder: Path) -> None:
    """Processes first, the record last: what cannot be removed now is still found by the next sweep."""
    if processes.kill_all(folder):
        return
    try:
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != RECORD:
                entry.unlink()
        if [entry.name for entry in folder.iterdir()] == [RECORD]:
            (folder / RECORD).unlink()
            folder.rmdir()
    except OSError:
        return


def _remove_unfinished(folder: Path) -> None:
    """Nothing was started yet when this was left."""
    try:
        age = time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return
    if age > UNFINISHED_AGE:
        shutil.rmtree(folder, ignore_errors=True)


def _record() -> dict[str, str | int]:
    machine = Machine.here()
    return {
        "pid": os.getpid(),
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": machine.host,
        "boot": machine.boot,
        "namespace": machine.namespace,
    }


def _is_of_this_machine(lock: int) -> bool:
    """False, too, for a record that cannot be read: it is not as we write them, so what it is about stays."""
    try:
        record = json.loads(os.pread(lock, 1 << 16, 0))
        machine = Machine(record["host"], record["boot"], record["namespace"])
    except (ValueError, KeyError, TypeError):
        return False
    return Machine.here().shows_processes_of(machine)


def _start_guard(folder: Path) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C in the terminal is not meant for it."""
    program = "import sys, pathlib; from seatrial.clusters import leftovers; leftovers.guard(pathlib.Path(sys.argv[1]))"
    sources = str(Path(__file__).resolve().parents[2])
    return subprocess.Popen(
        [sys.executable, "-S", "-c", program, str(folder)],
        env=os.environ | {"PYTHONPATH": sources},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
