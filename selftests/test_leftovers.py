"""Runs that ended without clearing up are cleared up after; those that live are not."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.clusters import leftovers, processes
from seatrial.clusters.leftovers import Machine, Run
from seatrial.clusters.provider import ClusterError


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def start(folder: Path) -> subprocess.Popen:
    """A program below the folder, which runs until it is ended."""
    program = folder / "bin" / "sleeper"
    program.parent.mkdir(exist_ok=True)
    if not program.exists():
        program.symlink_to("/bin/sleep")
    return subprocess.Popen([program, "600"])


@pytest.fixture
def killed() -> Iterator[Path]:
    """The folder of a run that was killed, with a process that went on."""
    program = (
        "import subprocess, os, signal; from seatrial.clusters.leftovers import Run; run = Run.begin(guarded=False)\n"
        "(run.folder / 'bin').mkdir(); (run.folder / 'bin' / 'sleeper').symlink_to('/bin/sleep')\n"
        "subprocess.Popen([run.folder / 'bin' / 'sleeper', '600'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(run.folder, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    sources = str(Path(leftovers.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": sources}, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = Path(done.stdout.strip())
    yield folder
    processes.kill_all(folder)


class TestRun:
    def test_its_folder_is_nobody_elses_and_goes_with_it(self, state: Path) -> None:
        with Run.begin(guarded=False) as run:
            assert run.folder.parent == state / "seatrial" / "runs"
            assert run.folder.stat().st_mode & 0o777 == 0o700
            assert json.loads((run.folder / leftovers.RECORD).read_text())["pid"] == os.getpid()
            (run.folder / "work").mkdir()
            (run.folder / "work" / "file").touch()
            sleeper = start(run.folder)
        assert sleeper.wait() == -signal.SIGKILL
        assert not run.folder.exists()
        run.end()

    def test_the_guard_ends_with_it(self) -> None:
        with Run.begin() as run:
            guard = run.guard
            assert guard is not None
            assert processes.read(guard) is not None
        assert processes.read(guard) is None

    def test_a_folder_that_somebody_removed_is_no_error(self) -> None:
        run = Run.begin(guarded=False)
        (run.folder / leftovers.RECORD).unlink()
        run.folder.rmdir()
        run.end()

    def test_a_state_folder_that_is_a_file_is_told_in_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
        with pytest.raises(ClusterError, match=r"cannot keep a record of this run in .*; make it writable, or set XDG"):
            Run.begin()

    def test_a_relative_state_folder_is_ignored(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", "here")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert leftovers.runs_folder() == tmp_path / ".local" / "state" / "seatrial" / "runs"


class TestSweep:
    def test_nothing_there(self) -> None:
        assert leftovers.sweep() == []

    def test_a_killed_run_goes_and_a_living_one_stays(self, killed: Path) -> None:
        assert [process.name for process in processes.running_in(killed)] == ["sleeper"]
        with Run.begin(guarded=False) as alive:
            sleeper = start(alive.folder)
            steps: list[str] = []
            assert leftovers.sweep(steps.append) == [killed.name]
            assert steps == [f"clearing up after run {killed.name}, which was killed"]
            assert processes.running_in(killed) == []
            assert not killed.exists()
            assert sleeper.poll() is None
            assert leftovers.sweep() == []
        sleeper.wait()

    @pytest.mark.parametrize(
        "other", [{"boot": "another"}, {"namespace": "another"}], ids=lambda change: next(iter(change))
    )
    def test_a_run_of_another_machine_stays(self, killed: Path, other: dict[str, str]) -> None:
        record = json.loads((killed / leftovers.RECORD).read_text())
        changed = {**record, "host": "elsewhere", **other}
        (killed / leftovers.RECORD).write_text(json.dumps(changed))
        assert leftovers.sweep() == []
        assert killed.exists()

    def test_a_run_from_before_the_machine_was_started_anew_goes(self, killed: Path) -> None:
        processes.kill_all(killed)
        record = json.loads((killed / leftovers.RECORD).read_text())
        (killed / leftovers.RECORD).write_text(json.dumps({**record, "boot": "before", "namespace": "before"}))
        assert leftovers.sweep() == [killed.name]

    def test_a_record_that_is_damaged_stays_and_stops_nobody(self, killed: Path) -> None:
        (killed / leftovers.RECORD).write_text("{")
        assert leftovers.sweep() == []
        assert killed.exists()

    def test_a_run_that_is_just_beginning_stays(self, state: Path) -> None:
        beginning = state / "seatrial" / "runs" / f"{leftovers.UNFINISHED}x"
        beginning.mkdir(parents=True)
        leftovers.sweep()
        assert beginning.exists()
        long_ago = time.time() - 2 * leftovers.UNFINISHED_AGE
        os.utime(beginning, (long_ago, long_ago))
        leftovers.sweep()
        assert not beginning.exists()

    def test_folders_without_a_record_are_not_ours(self, state: Path) -> None:
        foreign = state / "seatrial" / "runs" / "notes"
        foreign.mkdir(parents=True)
        (foreign / "file").touch()
        assert leftovers.sweep() == []
        assert (foreign / "file").exists()


class TestMachine:
    def test_what_can_be_seen_from_here(self) -> None:
        here = Machine.here()
        assert here.shows_processes_of(here)
        assert not here.shows_processes_of(replace(here, namespace="container"))
        assert here.shows_processes_of(replace(here, boot="before", namespace="before"))
        assert not here.shows_processes_of(replace(here, boot="other", host="other"))
