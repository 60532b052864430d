"""Processes are known by the folder their program was started from, and by nothing else."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.clusters import processes
from seatrial.clusters.processes import Process


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sleeper").symlink_to("/bin/sleep")
    script = tmp_path / "bin" / "script"
    script.write_text("#!/bin/sh\nread line\n")
    script.chmod(0o755)
    yield tmp_path
    processes.kill_all(tmp_path)


def test_programs_and_scripts_of_the_folder_are_found_and_ended(folder: Path) -> None:
    sleeper = subprocess.Popen([folder / "bin" / "sleeper", "600"])
    script = subprocess.Popen([folder / "bin" / "script"], stdin=subprocess.PIPE)
    with script:
        assert {process.pid for process in processes.running_in(folder)} == {sleeper.pid, script.pid}
        assert processes.kill_all(folder) == []
        assert (sleeper.wait(), script.wait()) == (-signal.SIGKILL, -signal.SIGKILL)


def test_who_only_reads_a_file_of_the_folder_is_left_alone(folder: Path) -> None:
    log = folder / "bin" / "program.log"
    log.touch()
    with subprocess.Popen(["tail", "-f", str(folder / "logs" / "x"), str(log)], stderr=subprocess.DEVNULL) as reader:
        assert processes.running_in(folder) == []
        assert processes.kill_all(folder) == []
        assert reader.poll() is None
        reader.kill()


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        (("/run/x/bin/etcd", "--name=a"), True),
        (("/run/x/clusters/c/bin/etcd",), True),
        (("/bin/sh", "/run/x/bin/kubectl"), True),
        (("/run/xy/bin/etcd",), False),
        (("/run/x/etcd",), False),
        (("vim", "/run/x/logs/etcd.log"), False),
        (("/usr/bin/etcd", "--data-dir", "/run/x/bin/etcd"), False),
    ],
)
def test_what_belongs_to_a_folder(command: tuple[str, ...], ours: bool) -> None:
    assert processes.belongs(Process(1, command), Path("/run/x")) is ours


def test_a_number_that_is_in_use_again_is_not_killed(folder: Path) -> None:
    with subprocess.Popen([folder / "bin" / "script"], stdin=subprocess.PIPE) as other:
        processes.kill([Process(other.pid, ("/somewhere/bin/etcd",))])
        assert other.poll() is None
        other.kill()


def test_a_process_that_is_gone_is_passed_over() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    processes.kill([Process(gone.pid, (sys.executable,))])
    assert processes.read(gone.pid) is None


def test_interruptions_wait_until_the_block_is_done() -> None:
    done = []

    def interrupted() -> None:
        with processes.uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("rest of the block")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["rest of the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_child_is_collected_though_its_own_lock_was_left_taken(folder: Path) -> None:
    child = subprocess.Popen([folder / "bin" / "sleeper", "600"])
    child._waitpid_lock.acquire()  # what Ctrl-C in the middle of Popen.poll leaves behind
    assert processes.exit_code(child) is None
    processes.end(child)
    assert child.returncode == processes.exit_code(child) == -signal.SIGKILL
    processes.end(child)


def test_a_child_that_somebody_else_collected_is_no_error(folder: Path) -> None:
    child = subprocess.Popen([folder / "bin" / "sleeper", "0"])
    os.waitpid(child.pid, 0)
    assert processes.exit_code(child) == 0
    processes.end(child)
