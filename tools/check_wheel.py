#!/usr/bin/env python3
"""Builds the wheel and runs it from an empty folder, as somebody without a checkout would."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="seatrial-wheel-") as scratch:
        check(Path(scratch))


def check(scratch: Path) -> None:
    """Exits with a line that says what does not work."""
    packed, installed, empty = scratch / "dist", scratch / "site", scratch / "empty"
    empty.mkdir()
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", packed], cwd=ROOT, check=True)
    wheel = next(packed.glob("*.whl"))
    print(f"{wheel.name}: {wheel.stat().st_size / 1024:.0f} KiB")
    options = ["--quiet", "--no-deps", "--no-index", "--target", str(installed)]
    pip = [sys.executable, "-m", "pip", "install", *options, str(wheel)]
    subprocess.run(pip, check=True)
    environment = os.environ | {"PYTHONPATH": str(installed)}
    for extra, expected in ((["--manifests", str(ROOT / "manifests" / "deepseek-r1-tke")], 0), ([], 1)):
        reports = scratch / f"reports-{expected}"
        command = [sys.executable, "-P", "-m", "pytest", "-q", "-m", "static", "--report-dir", str(reports), *extra]
        run = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True)
        if run.returncode != expected:
            sys.exit(f"pytest {' '.join(extra)} ended with {run.returncode}, not {expected}:\n{run.stdout}{run.stderr}")
        rows = [json.loads(line) for line in (reports / "results.jsonl").read_text(encoding="utf-8").splitlines()]
        print(f"pytest -m static {' '.join(extra[:1])}: exit code {expected}, {len(rows)} verdicts")
    listing = subprocess.run(
        [sys.executable, "-P", "-m", "seatrial", "requirements", "TOP-01"], cwd=empty, env=environment, check=True
    )
    print(f"seatrial requirements: exit code {listing.returncode}")


if __name__ == "__main__":
    main()
