#!/usr/bin/env python3
"""How exactly the engine keeps its times, how much it can send, and what it needs: measured by a client of raw sockets.

The engine stays on the first core and the client on the last. Times are those at which the kernel received an event,
against the set schedule counted from the client's own send time.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
EVENT = struct.Struct("<IIIxxxxqqq")
"""stream, request, event, then sent, kernel and user time in nanoseconds: raw_client.c."""
TOKENS = 100
GOALS = {256: (1.0, 3.0), 1024: (None, 15.0)}
"""Streams → p50 and p99 of the error in milliseconds."""
RATE_GOAL, READY_GOAL_S, MEMORY_GOAL_MB = 80_000, 0.5, 150


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the client: errors in milliseconds, events a second, peak memory of the engine in MB."""

    p50: float
    p99: float
    rate: float
    memory_mb: float


@contextlib.contextmanager
def engine(ttft: str, itl: str, realtime: bool) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
    """An engine, its port, and the seconds until it was healthy."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["--port", str(port), "--ttft", ttft, "--itl", itl, "--core", "0", "--reasoning-share", "0"]
    began = time.monotonic()
    command = [sys.executable, "-m", "seatrial.engine", *words, *(["--realtime"] if realtime else [])]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not _answers(port):
            if process.poll() is not None or time.monotonic() - began > 20:
                sys.exit(f"{' '.join(command)} does not answer (exit code {process.poll()})")
            time.sleep(0.005)
        yield process, port, time.monotonic() - began
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=1):
            return True
    except OSError:
        return False


def measure(client: Path, body: Path, streams: int, seconds: float, ttft_ms: float, itl_ms: float, fifo: bool) -> Run:
    with engine(f"{ttft_ms}ms", f"{itl_ms}ms", fifo) as (process, port, _):
        words = [str(client), str(port), str(streams), str(seconds), "500", str(body)]
        core = str((os.cpu_count() or 1) - 1)
        done = subprocess.run(["taskset", "-c", core, *words], capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"the client ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
        memory = _peak_mb(process.pid)
    errors, first, last = [], 2**63, 0
    for _, _, event, sent, kernel, _ in EVENT.iter_unpack(done.stdout):
        errors.append((kernel - sent) / 1e6 - ttft_ms - event * itl_ms)
        first, last = min(first, kernel), max(last, kernel)
    errors.sort()
    size = len(errors)
    return Run(
        errors[size // 2], errors[min(size * 99 // 100, size - 1)], size / max((last - first) / 1e9, 1e-9), memory
    )


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def built(folder: Path) -> Path:
    """The client, compiled."""
    compiler = shutil.which("cc") or sys.exit("a C compiler is needed: install gcc or clang")
    program = folder / "raw_client"
    subprocess.run([compiler, "-O2", "-o", program, HERE / "raw_client.c"], check=True)
    return program


def verdict(value: float, goal: float | None) -> str:
    return "" if goal is None else f" (goal {goal:g}: {'reached' if value <= goal else 'MISSED'})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 64, 256, 1024])
    parser.add_argument("--runs", type=int, default=5, help="runs of each, of which the median counts (5)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a run (5)")
    parser.add_argument("--realtime", action="store_true", help="give the engine real-time priority")
    given = parser.parse_args()
    print(f"load of the machine before: {os.getloadavg()[0]:.2f}")
    ready = []
    for _ in range(given.runs):
        with engine("50ms", "10ms", given.realtime) as (_, _, seconds):
            ready.append(seconds)
    middle = statistics.median(ready)
    print(f"answers after {middle:.2f} s{verdict(middle, READY_GOAL_S)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as scratch:
        client, body = built(Path(scratch)), Path(scratch) / "body.json"
        ask = {"model": "m", "stream": True, "max_tokens": TOKENS, "ignore_eos": True}
        body.write_text(json.dumps(ask | {"messages": [{"role": "user", "content": "go"}]}))
        for streams in given.streams:
            runs = [measure(client, body, streams, given.seconds, 50, 10, given.realtime) for _ in range(given.runs)]
            p50, p99 = (statistics.median(getattr(run, name) for run in runs) for name in ("p50", "p99"))
            goals = GOALS.get(streams, (None, None))
            memory = max(run.memory_mb for run in runs)
            bound = MEMORY_GOAL_MB if streams == 1024 else None
            print(
                f"{streams} streams x 100 tokens/s: error p50 {p50:.2f} ms{verdict(p50, goals[0])}, p99 {p99:.2f} ms"
                f"{verdict(p99, goals[1])}; {memory:.0f} MB{verdict(memory, bound)}",
                flush=True,
            )
        most = statistics.median(
            measure(client, body, 1024, given.seconds, 1, 0.001, given.realtime).rate for _ in range(given.runs)
        )
        print(
            f"at saturation {most:,.0f} events/s (goal {RATE_GOAL:,}: {'reached' if most >= RATE_GOAL else 'MISSED'})"
        )
    print(f"load of the machine after: {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
