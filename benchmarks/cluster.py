#!/usr/bin/env python3
"""How fast the cluster layer is: a kwok cluster until it is ready, one set judged whole, and a fleet.

The fleet's time is that of seatrial's own process; what the control plane needs is told beside it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from seatrial import catalogue
from seatrial.clusters import assets
from seatrial.clusters.kwok import PROGRAMS

ROOT = Path(__file__).resolve().parents[1]
GOOD = ROOT / "manifests" / "deepseek-r1-tke"
GROUP_SIZE = 4
BINARIES = {
    "etcdBinary": "etcd",
    "kubeApiserverBinary": "kube-apiserver",
    "kubeControllerManagerBinary": "kube-controller-manager",
    "kubeSchedulerBinary": "kube-scheduler",
    "kubectlBinary": "kubectl",
    "kwokControllerBinary": "kwok",
}
"""kwokctl's options for programs that are there already."""
TICKS = os.sysconf("SC_CLK_TCK")
START = """
import time
from seatrial.clusters.kwok import Kwok
from seatrial.clusters.leftovers import Run

began = time.monotonic()
with Run.begin() as run:
    cluster = Kwok("0.9.0", [], run=run)
    try:
        cluster.start()
        print(time.monotonic() - began)
    finally:
        cluster.stop()
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one finished process, without its children: processor seconds, peak memory in MB; and its wall seconds."""

    cpu_s: float
    peak_mb: float
    wall_s: float
    output: str


def run(command: Sequence[str | Path], codes: Sequence[int] = (0,)) -> Usage:
    """Run a command to its end. Exits when it ends otherwise than expected."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=ROOT)
        peak = 0.0
        while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            peak = max(peak, _peak_mb(child.pid))
            time.sleep(0.1)
        wall = time.monotonic() - began
        # A process that has ended and is not waited for yet still tells its own times, apart from its children's.
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        code = child.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    if code not in codes:
        sys.exit(f"{command[0]} ended with {code}:\n{text[-4000:]}")
    return Usage((int(fields[11]) + int(fields[12])) / TICKS, peak, wall, text)


def _peak_mb(pid: int) -> float:
    """What /proc calls the high-water mark; 0 for a process that has just ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def seatrial(folder: Path, scratch: Path, *options: str) -> Usage:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "cluster", "-p", "no:cacheprovider", "--durations=5"]
    return run([*command, "--manifests", folder, "--report-dir", scratch / "reports", *options], codes=(0, 1))


def only_looking() -> str:
    """The expression for -k that leaves out what disturbs the set."""
    return " and ".join(f"not {one.id}" for one in catalogue.requirements("cluster") if one.disruptive)


def fleet(scratch: Path, groups: int) -> Path:
    """The good set with that many groups of four pods, on a pool with a node for each. Exits if the set has changed."""
    target = scratch / f"fleet-{groups}"
    shutil.copytree(GOOD, target)
    _edit(target / "leaderworkerset.yaml", "  replicas: 1\n", f"  replicas: {groups}\n")
    _edit(target / "leaderworkerset.yaml", "      maxUnavailable: 0\n      maxSurge: 1\n", "      maxUnavailable: 1\n")
    _edit(target / "leaderworkerset.yaml", "    size: 2\n", f"    size: {GROUP_SIZE}\n")
    _edit(target / "leaderworkerset.yaml", "- --tp-size=16", "- --pp-size=2\n          - --tp-size=16")
    _edit(target / "seatrial.toml", "nodes = 4 ", f"nodes = {groups * GROUP_SIZE} ")
    return target


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    if old not in text:
        sys.exit(f"{file.name} of {GOOD.name} has no line {old.strip()!r} any more: adapt {Path(__file__).name}")
    file.write_text(text.replace(old, new), encoding="utf-8")


def last_line(usage: Usage) -> str:
    return usage.output.rstrip().rpartition("\n")[2].strip("= ")


def measure_start(runs: int) -> None:
    """Ours and kwokctl's in turn, so that both meet the same machine."""
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(float(run([sys.executable, "-c", START]).output.split()[-1]))
        theirs.append(kwokctl_start())
    mine, peer = sorted(ours)[runs // 2], sorted(theirs)[runs // 2]
    print(
        f"kwok cluster with LWS ready: {mine:.1f} s wall (median of {runs}), goal 8; kwokctl create cluster --wait, "
        f"without LWS: {peer:.1f} s; ratio {mine / peer:.2f}",
        flush=True,
    )


def kwokctl_start() -> float:
    """Seconds until kwokctl itself, with the same programs, says that its cluster is ready; no LWS in it."""
    programs = assets.ensure(PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-kwok-") as folder:
        kwokctl = Path(folder) / "bin" / "kwokctl"
        kwokctl.parent.mkdir()
        kwokctl.symlink_to(programs["kwokctl"])
        # kwokctl on Linux wants an address that a route leads to; a machine without network has none.
        flags = [{"name": "kube-apiserver", "extraArgs": [{"key": "advertise-address", "value": "192.0.2.1"}]}]
        options = {"runtime": "binary", "bindAddress": "127.0.0.1"}
        options |= {option: str(programs[name]) for option, name in BINARIES.items()}
        document = {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokctlConfiguration"}
        configuration = Path(folder) / "kwokctl.yaml"
        configuration.write_text(yaml.safe_dump(document | {"options": options, "componentsPatches": flags}))
        environment = {**os.environ, "KWOK_WORKDIR": folder, "HOME": folder}
        command = [kwokctl, "--name", f"seatrial-bench-{os.getpid()}", "--config", configuration]
        began = time.monotonic()
        try:
            create = [*command, "create", "cluster", "--wait", "60s", "--kubeconfig", Path(folder) / "kubeconfig"]
            subprocess.run(create, env=environment, check=True, capture_output=True)
            return time.monotonic() - began
        finally:
            subprocess.run([*command, "delete", "cluster"], env=environment, check=True, capture_output=True)


def measure_set(scratch: Path) -> None:
    usage = seatrial(GOOD, scratch)
    print(
        f"one set, everything: {usage.wall_s:.0f} s wall, goal 90; {usage.cpu_s:.1f} s CPU; {last_line(usage)}",
        flush=True,
    )


def measure_fleets(scratch: Path, sizes: Sequence[int]) -> None:
    costs = []
    for groups in sizes:
        usage = seatrial(fleet(scratch, groups), scratch, "-k", only_looking())
        costs.append(usage.cpu_s)
        print(
            f"{groups} groups of {GROUP_SIZE} on {groups * GROUP_SIZE} nodes: {usage.cpu_s:.1f} s CPU of its own, "
            f"goal 20; {usage.peak_mb:.0f} MB, goal 500; {usage.wall_s:.0f} s wall; {last_line(usage)}",
            flush=True,
        )
    if len(sizes) > 2:
        first, middle, last = sizes[0], sizes[len(sizes) // 2], sizes[-1]
        early = (costs[len(sizes) // 2] - costs[0]) / (middle - first)
        late = (costs[-1] - costs[len(sizes) // 2]) / (last - middle)
        print(f"growth: {early * 1e3:.0f} ms a group up to {middle} groups, {late * 1e3:.0f} ms beyond")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, nargs="*", default=[10, 100, 250], help="sizes of fleets, rising")
    parser.add_argument("--starts", type=int, default=5, help="counted starts of a cluster; 0 for none")
    parser.add_argument("--no-set", action="store_true", help="without the one set judged whole")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as scratch:
        if arguments.starts:
            measure_start(arguments.starts)
        if not arguments.no_set:
            measure_set(Path(scratch))
        measure_fleets(Path(scratch), arguments.groups)


if __name__ == "__main__":
    main()
