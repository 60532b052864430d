"""Builds programs into the cache."""

import os
import time
from pathlib import Path

from seatrial.clusters.assets import go, lws_files
from seatrial.clusters.assets.errors import AssetError
from seatrial.clusters.assets.programs import Program
from seatrial.clusters.assets.store import Entry, Store
from seatrial.clusters.provider import Progress


def build(program: Program, store: Store, progress: Progress, count: str = "") -> Entry:
    """Build a program, or wait for the run that does. `count` such as "2 of 7" is told along. Raises AssetError."""
    chain = go.find(program.go)
    took = store.took(program)
    with store.lock(program, progress):
        if entry := store.find(program):
            return entry
        last = f"took {took:.0f} s last time" if took else "first build, which takes minutes"
        words = f"building {program.title} ({', '.join(filter(None, (count, last)))})"
        began = time.monotonic()
        with store.workspace(program) as work:
            files = work / "files"
            try:
                _make(program, chain, store, files, words, progress)
            except go.Failure as failure:
                raise AssetError(_explain(program, failure, store)) from failure
            return store.put(program, files, chain.version, time.monotonic() - began)


def _make(program: Program, chain: go.Go, store: Store, files: Path, words: str, progress: Progress) -> None:
    scratch = files.parent / "go"
    with store.writing():
        files.mkdir()
        scratch.mkdir()
    arguments = ["build", *program.flags, "-o", str(files / program.executable), program.package]
    go.run(chain, arguments, program.wrapper, {"GOTMPDIR": str(scratch)}, words, progress)
    if program.file:
        module = go.run(chain, ["list", "-m", "-f", "{{.Dir}}", program.module], program.wrapper, {})
        with store.writing():
            lws_files.copy(Path(module.strip()), files)
    if not os.access(files / program.executable, os.X_OK):
        raise AssetError(f"no program can run in the cache folder {store.root} (mounted noexec?); set XDG_CACHE_HOME")


def _explain(program: Program, failure: go.Failure, store: Store) -> str:
    line, remedy = failure.line()
    log = store.log(program, failure.output)
    whole = f"all of go's output: {log}" if log else "its output could not be kept"
    return f"cannot build {program.title}: {'; '.join(filter(None, (line, remedy, whole)))}"
