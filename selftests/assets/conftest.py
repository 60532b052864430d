"""A tiny program in a Go module of its own, and a stand-in for go that builds it in no time and does as it is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.clusters.assets.programs import Program
from seatrial.clusters.assets.store import Store

OBTAIN = """
import sys
from pathlib import Path
from seatrial.clusters.assets import obtain
from seatrial.clusters.assets.programs import Program
from seatrial.clusters.assets.store import Store
wrapper, root = sys.argv[1:]
tool = Program("tool", Path(wrapper), "example.invalid/upstream", "example.invalid/upstream/cmd/tool",
               (("main.version", "{version}"),))
print(obtain([tool], Store(Path(root)), progress=lambda words: print(words, flush=True))["tool"])
"""

FAKE_GO = """#!{python} -IS
import os, pathlib, subprocess, sys, time
state = pathlib.Path({state!r})
if sys.argv[1] == "env":
    print((state / "version").read_text())
    print("linux\\namd64")
    sys.exit()
compiler = subprocess.Popen(["sleep", "600"])
with open(state / "builds", "a") as builds:
    print(os.getpid(), compiler.pid, file=builds)
while (state / "hold").exists():
    time.sleep(0.02)
compiler.kill()
if (state / "fails").exists():
    print((state / "fails").read_text())
    sys.exit(1)
out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
pathlib.Path(os.environ["GOTMPDIR"], "object").write_text("of no use when it is built")
out.write_text("#!/bin/sh\\necho tool v1.2.3\\n")
out.chmod(0o755)
"""

MAIN = """package main

import "os"

var version = "unknown"

func main() { os.Stdout.WriteString("tool " + version + "\\n") }
"""


class FakeGo:
    """Told what to do by files, so that it can be told from outside while it runs."""

    def __init__(self, state: Path, path: Path) -> None:
        self.state = state
        self.path = path
        self.version("go1.99.0")

    def version(self, version: str) -> None:
        (self.state / "version").write_text(version)

    def hold(self) -> None:
        """Builds wait from now on."""
        (self.state / "hold").touch()

    def go_on(self) -> None:
        (self.state / "hold").unlink()

    def fail(self, output: str) -> None:
        (self.state / "fails").write_text(output)

    def succeed(self) -> None:
        (self.state / "fails").unlink()

    @property
    def builds(self) -> list[list[int]]:
        """For each build the pids of go and of its compiler."""
        try:
            lines = (self.state / "builds").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [[int(pid) for pid in line.split()] for line in lines]


@pytest.fixture
def fake_go(tmp_path, monkeypatch):
    state, folder = tmp_path / "go-state", tmp_path / "go-bin"
    state.mkdir()
    folder.mkdir()
    path = folder / "go"
    path.write_text(FAKE_GO.format(python=sys.executable, state=str(state)))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return FakeGo(state, path)


@pytest.fixture
def tool(tmp_path):
    wrapper = tmp_path / "wrapper"
    main = wrapper / "upstream" / "cmd" / "tool"
    main.mkdir(parents=True)
    (main / "main.go").write_text(MAIN)
    (wrapper / "upstream" / "go.mod").write_text("module example.invalid/upstream\n\ngo 1.24.0\n")
    (wrapper / "go.mod").write_text(
        "module example.invalid/wrapper\n\ngo 1.24.0\n\nrequire example.invalid/upstream v1.2.3\n\n"
        "replace example.invalid/upstream => ./upstream\n"
    )
    (wrapper / "go.sum").write_text("")
    return Program(
        "tool",
        wrapper,
        "example.invalid/upstream",
        "example.invalid/upstream/cmd/tool",
        (("main.version", "{version}"),),
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache" / "seatrial" / "assets")


@pytest.fixture
def in_another_process(tool, store):
    """Obtains the tool; its standard output is what was told, and last where the tool is."""

    def start(**how):
        return subprocess.Popen(
            [sys.executable, "-c", OBTAIN, tool.wrapper, store.root],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )

    return start
