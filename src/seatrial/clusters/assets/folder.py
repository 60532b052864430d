"""Programs that the user gives: `--assets DIR`.

    DIR/kube-apiserver, DIR/etcd, ...                       executables by the names seatrial knows
    DIR/lws-0.9.0/manager, crds/*.yaml, webhooks.yaml       a release of LWS

`seatrial assets build --into DIR` makes such a folder for a machine that cannot build. Own builds and those of a
distribution do as well, as long as they are of the same minor version (of LWS: the same release). What is there has to
be right: a file that is no program for this machine, or of another version, ends the run and is never passed over.
"""

import re
import subprocess
from pathlib import Path

from seatrial.clusters.assets.errors import AssetError
from seatrial.clusters.assets.programs import Program

_VERSION = re.compile(r"\bv?(\d+\.\d+\.\d+\S*)")
_ANSWERS_WITHIN_S = 30


def find(program: Program, folders: tuple[Path, ...]) -> Path | None:
    """The folder that has the program's files, the first of those given. Raises AssetError for one that is wrong."""
    for folder in folders:
        if not folder.is_dir():
            raise AssetError(f"--assets {folder}: {'not a folder' if folder.exists() else 'no such folder'}")
        place = folder / program.name if program.file else folder
        if (place / program.executable).exists() or (program.file and place.exists()):
            _check(program, place)
            return place
    return None


def _check(program: Program, place: Path) -> None:
    path = place / program.executable
    said = _ask(program, path)
    expected = program.version.removeprefix("v")
    if program.file:
        found = _linked(program, path) or _first_version(said)
        if found not in (None, expected):
            raise AssetError(f"{path}: version {found}, expected {expected}")
        for needed in ("webhooks.yaml", "crds/*.yaml"):
            if not list(place.glob(needed)):
                raise AssetError(f"{place}: no {needed}; seatrial assets build --into DIR makes such a folder")
        return
    minor = _minor(expected)
    found = _first_version(said)
    if found is None:
        line = (said.strip().splitlines() or ["nothing"])[0][:120]
        raise AssetError(f"{path}: says {line!r} to {' '.join(program.asks)}, expected version {minor}.x")
    if _minor(found) != minor:
        raise AssetError(f"{path}: version {found}, expected {minor}.x")


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
        # "Exec format error" is what a program for another machine gives.
        raise AssetError(f"{path}: does not run here: {error.strerror}; expected {program.version}") from error
    if answer.returncode < 0:
        raise AssetError(f"{path}: broken, ended by signal {-answer.returncode}; expected {program.version}")
    return answer.stdout.decode(errors="replace")


def _first_version(text: str) -> str | None:
    found = _VERSION.search(text)
    return found[1] if found else None


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _linked(program: Program, path: Path) -> str | None:
    """The release of the upstream module, from what Go's linker left in the binary; None where it left none."""
    pattern = rb"(?:mod|dep)\t" + re.escape(program.module).encode() + rb"\tv([^\s(]+)"
    found = re.search(pattern, path.read_bytes())
    return found[1].decode() if found else None
