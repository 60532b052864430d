"""The cache: one folder for each program, with the files and a manifest.

    <cache>/seatrial/assets/
      kube-apiserver-0f1e2d3c4b5a6978/   kube-apiserver manifest.json
      lws-0.9.0-8796a5b4c3d2e1f0/        manager crds/*.yaml webhooks.yaml manifest.json
      .work/      what is being built, the locks, the logs of failed builds

The name ends in the program's key, so another version, flag or platform is another folder. A folder appears whole, by
rename, or not at all; a reader needs no lock. Whoever builds holds the program's lock, which the kernel releases when
the process ends.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seatrial.clusters.assets.errors import AssetError
from seatrial.clusters.assets.programs import Program
from seatrial.clusters.provider import Progress

_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was when it was stored. `path` is relative to the entry, `bytes` its size, `mtime` in ns."""

    path: str
    bytes: int
    mtime: int
    sha256: str

    @classmethod
    def of(cls, folder: Path, path: Path) -> "File":
        status = path.stat()
        return cls(str(path.relative_to(folder)), status.st_size, status.st_mtime_ns, _sha256(path))

    def unharmed(self, folder: Path) -> bool:
        """Whether it is still what was stored. Its content is read only when size or time make one wonder."""
        path = folder / self.path
        try:
            status = path.stat()
            if status.st_size != self.bytes:
                return False
            return status.st_mtime_ns == self.mtime or _sha256(path) == self.sha256
        except OSError:
            return False


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A program in the cache. `seconds` is how long its build took, `built` when it ended, in Unix time."""

    folder: Path
    name: str
    key: str
    module: str
    version: str
    go: str
    seconds: float
    built: float
    files: tuple[File, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def unharmed(self, program: Program) -> bool:
        executable = self.folder / program.executable
        return os.access(executable, os.X_OK) and all(file.unharmed(self.folder) for file in self.files)

    @classmethod
    def read(cls, folder: Path) -> "Entry | None":
        """None where there is no entry, or its manifest is not one: then it is as if it were not there."""
        try:
            content: Any = json.loads((folder / _MANIFEST).read_bytes())
            files = tuple(File(**file) for file in content.pop("files"))
            return cls(folder=folder, files=files, **content)
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError, AttributeError):
            return None
        except OSError as error:
            raise AssetError(f"cannot read {folder / _MANIFEST}: {error.strerror}") from error

    def write(self) -> None:
        content = asdict(self)
        del content["folder"]
        (self.folder / _MANIFEST).write_text(json.dumps(content, indent=1) + "\n")


@dataclass(frozen=True, slots=True)
class Store:
    """The cache folder."""

    root: Path

    @classmethod
    def of_user(cls) -> "Store":
        """`$XDG_CACHE_HOME/seatrial/assets`, with ~/.cache where that is not set or, as its standard says, relative."""
        stated = Path(os.environ.get("XDG_CACHE_HOME", ""))
        try:
            base = stated if stated.is_absolute() else Path.home() / ".cache"
        except RuntimeError as error:
            raise AssetError("no home folder to keep programs in; set XDG_CACHE_HOME") from error
        return cls(base / "seatrial" / "assets")

    def folder(self, program: Program) -> Path:
        return self.root / f"{program.name}-{program.key}"

    def find(self, program: Program) -> Entry | None:
        """The program, when it is there and unharmed."""
        entry = Entry.read(self.folder(program))
        return entry if entry and entry.unharmed(program) else None

    def entries(self) -> list[Entry]:
        """All there are, other versions and harmed ones too."""
        try:
            folders = sorted(path for path in self.root.iterdir() if not path.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise AssetError(f"cannot read the cache {self.root}: {error.strerror}; set XDG_CACHE_HOME") from error
        return [entry for entry in map(Entry.read, folders) if entry]

    def took(self, program: Program) -> float | None:
        """Seconds that the newest build of this program took, whichever its version."""
        builds = [entry for entry in self.entries() if entry.name == program.name]
        return max(builds, key=lambda entry: entry.built).seconds if builds else None

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what goes wrong with the cache folder into one line. Raises AssetError."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = "free some space, or set XDG_CACHE_HOME" if full else "set XDG_CACHE_HOME, or use --assets DIR"
            raise AssetError(f"cannot write to the cache folder {self.root}: {error.strerror}; {remedy}") from error

    @contextlib.contextmanager
    def lock(self, program: Program, progress: Progress) -> Iterator[None]:
        """Hold the program's lock; wait for whoever has it."""
        with self.writing():
            held = self._acquire(program, progress)
        try:
            yield
        finally:
            os.close(held)

    def _acquire(self, program: Program, progress: Progress) -> int:
        path = self.root / ".work" / f"{program.name}-{program.key}.lock"
        while True:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                while not _locked(lock):
                    progress(f"waiting for another run that builds {program.title}")
                    time.sleep(0.5)
                if path.exists() and path.stat().st_ino == os.fstat(lock).st_ino:
                    return lock
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)  # the cache was cleaned while this run waited: what it holds is no longer the lock

    @contextlib.contextmanager
    def workspace(self, program: Program) -> Iterator[Path]:
        """An empty folder on the file system of the cache. The caller holds the lock."""
        folder = self.root / ".work" / f"{program.name}-{program.key}"
        with self.writing():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def put(self, program: Program, files: Path, go: str, seconds: float) -> Entry:
        """Make a folder of files, on the cache's file system, the program's entry. The caller holds the lock."""
        with self.writing():
            listed = tuple(File.of(files, path) for path in sorted(files.rglob("*")) if path.is_file())
            Entry(
                folder=files,
                name=program.name,
                key=program.key,
                module=program.module,
                version=program.version,
                go=go,
                seconds=round(seconds, 1),
                built=time.time(),
                files=listed,
            ).write()
            place = self.folder(program)
            if place.exists():  # harmed; a folder cannot be renamed onto one that has files
                place.rename(files.parent / "harmed")
            files.rename(place)
        entry = Entry.read(place)
        if entry is None:
            raise AssetError(f"{place} vanished while it was written; try again")
        return entry

    def clean(self) -> tuple[int, list[str]]:
        """Remove everything but what is being built now. Returns bytes removed and what is being built.

        Programs that run go on running.
        """
        work = self.root / ".work"
        removed = 0
        with self.writing(), contextlib.ExitStack() as held:
            # Listed before the locks are tried: what another run makes from here on is not touched.
            paths = [path for folder in (work, self.root) if folder.is_dir() for path in sorted(folder.iterdir())]
            locks = [path for path in paths if path.suffix == ".lock"]
            busy = [path.stem for path in locks if not _locked(held.enter_context(path.open("rb")).fileno())]
            for path in paths:
                if path != work and path.name.removesuffix(".lock") not in busy:
                    removed += _remove(path)
            for folder in (work, self.root):
                with contextlib.suppress(FileNotFoundError):
                    if not any(folder.iterdir()):
                        folder.rmdir()
        return removed, busy

    def log(self, program: Program, text: str) -> Path | None:
        """Keep what a failed build wrote. None when that cannot be written either, as on a full disk."""
        path = self.root / ".work" / f"{program.name}.log"
        try:
            path.write_text(text)
        except OSError:
            return None
        return path


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(path: Path) -> int:
    """Remove a file or folder. Returns its bytes."""
    if not path.is_dir() or path.is_symlink():
        size = path.lstat().st_size
        path.unlink()
        return size
    size = sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
    (path / _MANIFEST).unlink(missing_ok=True)  # first: from now on it is no entry
    shutil.rmtree(path)
    return size
