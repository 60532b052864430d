"""`seatrial assets`: build, list and remove the programs of clusters."""

import os
import shutil
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from seatrial.clusters import leftovers
from seatrial.clusters.assets import AssetError, obtain
from seatrial.clusters.assets.programs import PROGRAMS, Program, program
from seatrial.clusters.assets.progress import ProgressLine
from seatrial.clusters.assets.store import Entry, Store
from seatrial.clusters.provider import ClusterError
from seatrial.printable import printable


def run(action: str, names: Sequence[str], into: Path | None) -> int:
    """Do what was asked. Returns the exit code: 0, 4 for a name that is not known, 1 for failure, 130 for Ctrl-C."""
    progress = ProgressLine()
    try:
        wanted = [program(name) for name in dict.fromkeys(names)] or list(PROGRAMS)
    except AssetError as error:
        print(f"seatrial: {printable(str(error))}", file=sys.stderr)
        return 4
    try:
        if action == "build":
            _build(wanted, into, progress)
        elif action == "list":
            _list()
        else:
            _clean(progress)
    except ClusterError as error:
        progress.end()
        print(f"seatrial: {printable(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress.end()
        print("seatrial: interrupted; what is built stays, the next build goes on from here", file=sys.stderr)
        return 130
    return 0


def _build(wanted: Sequence[Program], into: Path | None, progress: ProgressLine) -> None:
    store = Store.of_user()
    began = time.monotonic()
    places = obtain(wanted, store, progress=progress)
    progress.end()
    if into is None:
        print(f"{_programs(places)} in {store.root} ({_seconds(time.monotonic() - began)})")
        return
    try:
        for one in wanted:
            _copy(one, places[one.name], into)
    except OSError as error:
        raise AssetError(f"cannot write to {into}: {error.strerror}; free some space or name another folder") from error
    print(f"{_programs(places)} in {into}; use them with --assets {into}")


def _copy(one: Program, place: Path, into: Path) -> None:
    """Each file under its name only when it is whole."""
    target = into / one.name if one.file else into
    entry = Entry.read(place)
    for file in entry.files if entry else ():
        path = target / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            shutil.copy2(place / file.path, unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _list() -> None:
    store = Store.of_user()
    row = "{:<24} {:<8} {:>7} {:<16} {:>7}  {}".format
    print(row("PROGRAM", "VERSION", "SIZE", "BUILT", "TOOK", "WHERE"))
    known: set[Path] = set()
    for one in PROGRAMS:
        known.add(store.folder(one))
        entry = Entry.read(store.folder(one))
        if entry is None:
            print(row(one.name, one.version, "-", "not built", "-", "-"))
        elif not entry.unharmed(one):
            print(row(one.name, one.version, "-", "harmed", "-", f"{entry.folder}: will be built again"))
        else:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.built))
            where = entry.folder / one.executable
            print(row(one.name, one.version, _size(entry.bytes), when, _seconds(entry.seconds), where))
    if others := [entry for entry in store.entries() if entry.folder not in known]:
        bytes = sum(entry.bytes for entry in others)
        print(
            f"and {len(others)} of other versions ({_size(bytes)}) in {store.root}; seatrial assets clean removes all"
        )


def _clean(progress: ProgressLine) -> None:
    runs = leftovers.sweep(progress)
    store = Store.of_user()
    removed, busy = store.clean()
    progress.end()
    if runs:
        print(f"cleared up after what was killed: {', '.join(runs)}")
    print(f"removed {_size(removed)} from {store.root}")
    if busy:
        print(f"left what another run builds now: {', '.join(busy)}")


def _programs(programs: Collection[object]) -> str:
    return "1 program" if len(programs) == 1 else f"{len(programs)} programs"


def _size(bytes: int) -> str:
    return f"{bytes / 1e6:.0f} MB"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
