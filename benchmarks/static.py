#!/usr/bin/env python3
"""How fast the static layer is, alone and beside kubeconform and kubectl-validate on the same files."""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOOD = ROOT / "manifests" / "deepseek-r1-tke"
PEERS = {
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
    "kubectl-validate": "sigs.k8s.io/kubectl-validate",
}
KUBERNETES = "1.34"


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds and peak memory in MB of one finished process, and its exit code."""

    cpu_s: float
    peak_mb: float
    code: int


def run(command: Sequence[str | Path], expected: int = 0) -> Usage:
    """Run a command to its end with its output thrown away. Exits when it ends otherwise than expected."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != expected:
            output.seek(0)
            sys.exit(f"{command[0]} ended with {child.returncode}:\n{output.read().decode()[-2000:]}")
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, child.returncode)


def median(measure: Callable[[], Usage], runs: int) -> Usage:
    """The run with the median time of several, after one that is not counted."""
    measure()
    return sorted((measure() for _ in range(runs)), key=lambda usage: usage.cpu_s)[runs // 2]


def seatrial(folder: Path, reports: Path) -> Usage:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "static", "-p", "no:cacheprovider"]
    return run([*command, "--manifests", str(folder), "--report-dir", str(reports)])


def copies(folder: Path, count: int) -> Path:
    """A folder of `count` copies of the good set, each a set of its own."""
    target = folder / f"fleet-{count}"
    for number in range(count):
        shutil.copytree(GOOD, target / f"set-{number:04}")
    return target


def documents(folder: Path) -> int:
    return sum(
        text.count("\napiVersion:") + text.startswith("apiVersion:")
        for text in (path.read_text(encoding="utf-8") for path in folder.rglob("*.yaml"))
    )


def peer(name: str) -> Path:
    """The peer's program, built on first use. Exits with a line when Go is missing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "seatrial" / "benchmarks"
    program = cache / name
    if not program.exists():
        if shutil.which("go") is None:
            sys.exit("the peers are built with Go, which is not installed; use --no-peers")
        print(f"building {name} (minutes, once) …", flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        draft = cache / f"{name}.{os.getpid()}"
        command = ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(draft), PEERS[name]]
        subprocess.run(
            command, cwd=ROOT / "benchmarks" / "peers" / name, check=True, env=os.environ | {"CGO_ENABLED": "0"}
        )
        draft.replace(program)
    return program


def published_schemas(scratch: Path) -> Path:
    """The strict schemas of kubernetes-validate as kubeconform can read them: found by folder, not by address."""
    package = importlib.util.find_spec("kubernetes_validate")
    if package is None or package.origin is None:
        sys.exit("the schemas for kubeconform come from the package kubernetes-validate, an extra of `dev`")
    source = Path(package.origin).parent / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local-strict"
    target = scratch / "schemas"
    target.mkdir(exist_ok=True)
    for path in source.glob("*.json"):
        schema = json.loads(path.read_text(encoding="utf-8").replace('"/api/_definitions.json', '"_definitions.json'))
        schema.pop("$id", None)
        (target / path.name).write_text(json.dumps(schema), encoding="utf-8")
    return target


def kubeconform(folder: Path, schemas: Path) -> Usage:
    pattern = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    options = ["-strict", "-skip", "LeaderWorkerSet", "-schema-location", pattern]
    return run([peer("kubeconform"), *options, folder], expected=0)


def kubectl_validate(folder: Path) -> Usage:
    """Its newest built-in schemas are those of 1.30; it has none for LeaderWorkerSets, hence exit code 1."""
    return run([peer("kubectl-validate"), folder, "--version", "1.30"], expected=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-peers", action="store_true", help="seatrial alone")
    parser.add_argument("--copies", type=int, default=1000, help="size of the largest fleet (default: 1000)")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of one set (default: 5)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as scratch:
        measure(Path(scratch), arguments.copies, arguments.runs, peers=not arguments.no_peers)


def measure(scratch: Path, largest: int, runs: int, *, peers: bool) -> None:
    reports = scratch / "reports"
    one = median(lambda: seatrial(GOOD, reports), runs)
    print(f"one set, whole process: {one.cpu_s:.2f} s CPU, {one.peak_mb:.0f} MB, exit code {one.code}")
    fleets = [copies(scratch, count) for count in (largest // 10, largest)]
    costs = []
    for fleet in fleets:
        usage = seatrial(fleet, reports)
        count = documents(fleet)
        costs.append((usage.cpu_s - one.cpu_s) / count)
        print(
            f"{fleet.name}: {count} documents, {usage.cpu_s:.1f} s CPU, {usage.peak_mb:.0f} MB, "
            f"{costs[-1] * 1e3:.2f} ms a document"
        )
    print(f"growth: a document of the larger fleet costs {costs[1] / costs[0]:.2f} times one of the smaller")
    if peers:
        compare(fleets[0], scratch)


def compare(fleet: Path, scratch: Path) -> None:
    """Each peer beside seatrial, in turns, on the same fleet."""
    count = documents(fleet)
    schemas = published_schemas(scratch)
    programs: dict[str, Callable[[], Usage]] = {
        "kubeconform": lambda: kubeconform(fleet, schemas),
        "kubectl-validate": lambda: kubectl_validate(fleet),
    }
    for name, program in programs.items():
        program()
        pairs = [(seatrial(fleet, scratch / "reports").cpu_s, program().cpu_s) for _turn in range(3)]
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(
            f"{name}: {theirs / count * 1e3:.2f} ms a document, seatrial {ours / count * 1e3:.2f}; seatrial / {name} = "
            f"{statistics.median(one / other for one, other in pairs):.2f} (median of 3, whole processes)"
        )


if __name__ == "__main__":
    main()
