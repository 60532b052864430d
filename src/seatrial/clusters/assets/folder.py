"""Programs that the user gives: `--assets DIR`.

    DIR/kube-apiserver, DIR/etcd, ...                       executables by the names seatrial knows
    DIR/lws-0.9.0/manager, crds/*.yaml, webhooks.yaml       a release of LWS

`seatrial assets build --into DIR` makes such a folder for a machine that cannot build. Own builds and those of a
distribution do as well, as long as they are of the same minor version (of LWS: the same release). What is there has to
be right: a file that is no program for this machine, or of another version, ends the run and is never passed over.
"""

import mmap
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from seatrial.clusters.assets.errors import AssetError
from seatrial.clusters.assets.programs import PROGRAMS, Program

_VERSION = re.compile(r"\bv?(\d+\.\d+\.\d+\S*)")
_ANSWERS_WITHIN_S = 30


def find(program: Program, folders: Sequence[Path]) -> Path | None:
    """The folder that has the program's files, the first of those given. Raises AssetError for one that is wrong."""
    for folder in folders:
        place = folder / program.name if program.file else folder
        if (place if program.file else place / program.executable).exists():
            _check(program, place)
            return place
    return None


def check(folders: Sequence[Path]) -> None:
    """Raises AssetError for a folder that has no program at all."""
    for folder in folders:
        if not folder.is_dir():
            raise AssetError(f"--assets {folder}: {'not a folder' if folder.exists() else 'no such folder'}")
        if not any((folder / known.name).exists() for known in PROGRAMS):
            names = ", ".join(known.name for known in PROGRAMS)
            raise AssetError(f"--assets {folder}: holds no program; seatrial knows {names}")


def _check(program: Program, place: Path) -> None:
    path = place / program.executable
    said = _ask(program, path)
    package, release = _linked(path, program.module)
    if package != program.package and package in {known.package for known in PROGRAMS}:
        raise AssetError(f"{path}: is {package}, expected {program.package}")
    expected = program.version.removeprefix("v")
    if program.file:
        found = release or _first_version(said)
        if found not in (None, expected):
            raise AssetError(f"{path}: version {found}, expected {expected}")
        for needed in ("webhooks.yaml", "crds/*.yaml"):
            if not any(place.glob(needed)):
                raise AssetError(f"{place}: no {needed}; seatrial assets build --into DIR makes such a folder")
        return
    found = _first_version(said)
    if found is None:
        line = (said.strip().splitlines() or ["nothing"])[0][:120]
        raise AssetError(f"{path}: says {line!r} to {' '.join(program.asks)}, expected version {_minor(expected)}.x")
    if _minor(found) != _minor(expected):
        raise AssetError(f"{path}: version {found}, expected {_minor(expected)}.x")


def _ask(program: Program, path: Path) -> str:
    """What the program says to the question for its version."""
    try:
        answer = subprocess.run(
            [path.absolute(), *program.asks],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_ANSWERS_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AssetError(f"{path}: no answer to {' '.join(program.asks)} within {_ANSWERS_WITHIN_S} s") from error
    except OSError as error:
        here = f"{platform.system()} {platform.machine()}"
        raise AssetError(f"{path}: does not run ({error.strerror}), expected {program.title} for {here}") from error
    if answer.returncode < 0:
        raise AssetError(f"{path}: broken (ended by signal {-answer.returncode}), expected {program.title}")
    return answer.stdout.decode(errors="replace")


def _first_version(text: str) -> str | None:
    found = _VERSION.search(text)
    return found[1] if found else None


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _linked(path: Path, module: str) -> tuple[str | None, str | None]:
    """Main package and release of a module, from what Go's linker left in the binary; None where it left none."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return None, None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            package = re.search(rb"path\t(\S+)\n(?:mod|dep)\t", content)
            pattern = rb"\n(?:mod|dep)\t" + re.escape(module.encode()) + rb"\tv([^\s+]+)"
            # `(devel)` and the like say nothing.
            release = re.search(pattern, content[package.start() : package.start() + (1 << 20)]) if package else None
            return package and package[1].decode(), release and release[1].decode()
