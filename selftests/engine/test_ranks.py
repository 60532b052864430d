"""Nodes of one group as processes of this machine: how they meet, and how they end when something is wrong."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from seatrial.engine.launch import main; raise SystemExit(main())"]
RELEASES = ("0.4.3.post2", "0.5.9", "0.5.23")
PATIENCE_S = 30.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Process:
    """One node. Its standard error is read from a file, so that it never blocks."""

    def __init__(self, log: Path, *words: str, release: str = "0.5.23", **environment: str) -> None:
        self.log = log
        given = {"PYTHONPATH": str(ROOT / "src"), "SEATRIAL_ENGINE_RELEASE": release, **environment}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEATRIAL_ENGINE_")}
        with log.open("wb") as out:
            self.process = subprocess.Popen([*COMMAND, *words], env=inherited | given, stdout=out, stderr=out)

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def until(self, words: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while words not in self.text:
            assert time.monotonic() < end and self.process.poll() is None, f"{words!r} is not in: {self.text[-2000:]}"
            time.sleep(0.02)

    def ended(self) -> int:
        return self.process.wait(PATIENCE_S)


class Group:
    """Nodes that share a rendezvous address and a release."""

    def __init__(self, folder: Path, release: str = "0.5.23", tp: int = 16, nodes: int = 2) -> None:
        self.folder, self.release, self.tp, self.nodes = folder, release, tp, nodes
        self.address = f"127.0.0.1:{free_port()}"
        self.processes: list[Process] = []

    def start(self, rank: int, *more: str, **environment: str) -> Process:
        words = ["--model-path", "deepseek-ai/DeepSeek-R1", "--tp-size", str(self.tp), "--nnodes", str(self.nodes)]
        words += ["--node-rank", str(rank), "--port", str(free_port())]
        if not any(word.startswith("--dist-init-addr") for word in more):
            words += ["--dist-init-addr", self.address]
        log = self.folder / f"{len(self.processes)}.log"
        found = Process(log, *words, *more, release=self.release, **environment)
        self.processes.append(found)
        return found


@contextmanager
def group(folder: Path, *arguments: object, **named: object) -> Iterator[Group]:
    found = Group(folder, *arguments, **named)  # type: ignore[arg-type]
    try:
        yield found
    finally:
        for one in found.processes:
            if one.process.poll() is None:
                one.process.kill()
            one.process.wait()


def port_of(node: Process) -> int:
    found = re.search(r"(?:running on http://|background thread at )127\.0\.0\.1:(\d+)", node.text)
    assert found is not None, node.text
    return int(found[1])


def status(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("release", RELEASES)
def test_two_nodes_meet_serve_and_end_together(tmp_path: Path, release: str) -> None:
    with group(tmp_path, release) as nodes:
        worker = nodes.start(1)  # workers start first now and then
        time.sleep(0.3)
        leader = nodes.start(0)
        leader.until("The server is fired up and ready to roll!")
        assert len(re.findall(r"Load weight begin", leader.text)) == 8
        assert " TP15] Load weight begin" in worker.text
        if release != "0.4.3.post2":
            worker.until("Dummy health check server started")
            assert status(port_of(worker), "/health") == 200
            assert status(port_of(worker), "/v1/models") == 404
        leader.process.send_signal(signal.SIGTERM)
        drained = {"0.4.3.post2": -9, "0.5.9": -9, "0.5.23": 0}
        assert leader.ended() == drained[release], leader.text
        assert worker.ended() == {"0.4.3.post2": 1, "0.5.9": 3, "0.5.23": 0}[release], worker.text


def test_who_is_missing_is_waited_for_until_the_timeout(tmp_path: Path) -> None:
    with group(tmp_path) as nodes:
        leader = nodes.start(0, "--dist-timeout", "1")
        assert leader.ended() == -signal.SIGKILL
        assert "Timed out after 2 seconds waiting for clients. 8/16 clients joined." in leader.text
        assert "Scheduler hit an exception" in leader.text
        assert "Load weight begin" not in leader.text


def test_a_worker_without_a_leader_gives_up(tmp_path: Path) -> None:
    with group(tmp_path) as nodes:
        worker = nodes.start(1, "--dist-timeout", "1")
        assert worker.ended() == -signal.SIGKILL
        assert "The client socket has timed out after 1000ms while trying to connect to (127.0.0.1, " in worker.text


def test_a_name_that_nobody_knows_ends_it_at_once(tmp_path: Path) -> None:
    with group(tmp_path) as nodes:
        worker = nodes.start(1, "--dist-init-addr", "no-such-leader.invalid:5000")
        assert worker.ended() == -signal.SIGKILL
        assert "cannot be retrieved (gai error" in worker.text


@pytest.mark.parametrize("wrong", ["twice", "out of range", "another world"])
def test_ranks_that_do_not_fit_are_not_counted(tmp_path: Path, wrong: str) -> None:
    with group(tmp_path) as nodes:
        leader = nodes.start(0, "--dist-timeout", "2")
        leader.until("Init parallel begin.")
        if wrong == "twice":
            other = nodes.start(0, "--dist-timeout", "2")
            assert other.ended() == -signal.SIGKILL
            assert "address already in use" in other.text
        elif wrong == "out of range":
            nodes.start(2, "--dist-timeout", "2")
        else:
            nodes.start(1, "--tp-size", "8", "--dist-timeout", "2")
        assert leader.ended() == -signal.SIGKILL
        assert "8/16 clients joined." in leader.text


def test_different_arguments_meet_and_then_hang(tmp_path: Path) -> None:
    with group(tmp_path) as nodes:
        leader = nodes.start(0, "--dist-timeout", "2")
        worker = nodes.start(1, "--dist-timeout", "2", "--context-length", "4096")
        for node in (leader, worker):
            assert node.ended() == -signal.SIGKILL
            assert "Load weight begin" in node.text
            assert "Watchdog caught collective operation timeout" in node.text


def test_a_slow_rank_holds_all_and_one_that_stops_ends_all(tmp_path: Path) -> None:
    with group(tmp_path) as nodes:
        leader = nodes.start(0, "--dist-timeout", "3")
        worker = nodes.start(1, "--dist-timeout", "3", SEATRIAL_ENGINE_LOAD_TIME="1s")
        leader.until("ready to roll")
        assert "Load weight end" in worker.text
    with group(tmp_path) as nodes:
        leader = nodes.start(0, "--dist-timeout", "2")
        worker = nodes.start(1, "--dist-timeout", "2", SEATRIAL_ENGINE_MISBEHAVE="stop-loading=40")
        worker.until("| 40/163")
        assert leader.ended() == -signal.SIGKILL
        assert "Watchdog caught collective operation timeout" in leader.text
        assert worker.process.poll() is None


def test_a_dead_leader_takes_its_workers_along(tmp_path: Path) -> None:
    with group(tmp_path) as nodes:
        leader, worker = nodes.start(0), nodes.start(1)
        leader.until("ready to roll")
        worker.until("Dummy health check server started")
        leader.process.kill()
        assert worker.ended() == -signal.SIGKILL
        assert "Connection closed by peer" in worker.text


def test_a_dead_worker_hangs_the_leader_until_the_watchdog(tmp_path: Path) -> None:
    with group(tmp_path) as nodes:
        leader, worker = nodes.start(0, "--watchdog-timeout", "0.4"), nodes.start(1, "--watchdog-timeout", "0.4")
        leader.until("ready to roll")
        worker.process.kill()
        port = port_of(leader)
        body = b'{"messages":[{"role":"user","content":"hello"}],"max_tokens":4}'
        ask = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions", body, {"content-type": "application/json"}
        )
        with pytest.raises((ConnectionError, urllib.error.URLError)):
            urllib.request.urlopen(ask, timeout=PATIENCE_S)
        assert leader.ended() == -signal.SIGKILL
        assert "Scheduler watchdog timeout (self.watchdog_timeout=0.4, self.soft=False)" in leader.text


def test_strangers_on_the_port_do_no_harm(tmp_path: Path) -> None:
    with group(tmp_path) as nodes:
        leader = nodes.start(0)
        leader.until("Init parallel begin.")
        host, port = nodes.address.split(":")
        strangers = []
        for said in (
            b"",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01" * 10_000,
            b'{"seatrial-rank":1,"ranks":"x"}\n',
            b"[1]\n",
        ):
            end = time.monotonic() + PATIENCE_S
            while True:
                try:
                    stranger = socket.create_connection((host, int(port)), timeout=5)
                    break
                except OSError:
                    assert time.monotonic() < end
            strangers.append(stranger)
            with suppress(OSError):
                stranger.sendall(said)
        nodes.start(1)
        leader.until("ready to roll")
        for stranger in strangers:
            stranger.close()


def test_more_ranks_than_gpus(tmp_path: Path) -> None:
    with group(tmp_path, tp=8, nodes=1) as nodes:
        node = nodes.start(0, SEATRIAL_ENGINE_GPUS="4")
        assert node.ended() == -signal.SIGKILL
        assert "CUDA error: invalid device ordinal" in node.text


@pytest.mark.parametrize(
    ("release", "words", "code", "last"),
    [
        ("0.5.9", ["--enable-metric"], 2, "launch_server.py: error: ambiguous option: --enable-metric could match"),
        ("0.5.23", ["--enable_metrics"], 2, "sglang serve: error: unrecognized arguments: --enable_metrics"),
        (
            "0.4.3.post2",
            ["--reasoning-parser", "x"],
            2,
            "launch_server.py: error: unrecognized arguments: --reasoning-parser x",
        ),
        ("0.5.23", ["--node-rank", "--port"], 2, "error: argument --node-rank: expected one argument"),
        ("0.5.9", ["--tp-size", "15"], 1, "AssertionError: tp_size must be divisible by number of nodes"),
        ("0.5.23", ["--dp-size", "2"], 1, "multi-node data-parallel replicas are not supported"),
        ("0.5.9", ["--served-model-name", "a:b"], 1, "AssertionError: served_model_name cannot contain a colon"),
        ("0.5.9", ["--context-length", "200000"], 1, "ValueError: User-specified context_length (200000)"),
        ("0.5.9", ["--model-path", "/no/such/model"], 1, "OSError: /no/such/model does not appear to have a file"),
    ],
)
def test_launch_lines_that_are_refused(tmp_path: Path, release: str, words: list[str], code: int, last: str) -> None:
    with group(tmp_path, release) as nodes:
        node = nodes.start(0, *words)
        assert node.ended() == code, node.text
        assert last in node.text.rstrip().splitlines()[-1]
        assert ("usage: " in node.text) == (code == 2)
