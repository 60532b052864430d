#!/usr/bin/env python3
"""Pins another version of a program that clusters are made of: writes src/seatrial/clusters/programs/<upstream>/.

    python tools/program_versions.py kubernetes 1.35.2
    python tools/program_versions.py lws 0.10.0         adds a release and leaves the others

Needs Go and its module proxy. Afterwards: `seatrial assets build`, the selftests, a look at the change of go.mod.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.clusters.assets.programs import WRAPPERS


@dataclass(frozen=True, slots=True)
class Upstream:
    module: str
    packages: tuple[str, ...]


KUBERNETES = "k8s.io/kubernetes"
UPSTREAMS = {
    "kubernetes": Upstream(
        KUBERNETES,
        tuple(
            f"{KUBERNETES}/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
        ),
    ),
    "etcd": Upstream("go.etcd.io/etcd/server/v3", ("go.etcd.io/etcd/server/v3",)),
    "kwok": Upstream("sigs.k8s.io/kwok", ("sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok/cmd/kwokctl")),
    "lws": Upstream("sigs.k8s.io/lws", ("sigs.k8s.io/lws/cmd",)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("upstream", choices=UPSTREAMS)
    parser.add_argument("version", help="without v, such as 1.35.2")
    arguments = parser.parse_args()
    upstream = UPSTREAMS[arguments.upstream]
    name = f"lws-{arguments.version}" if arguments.upstream == "lws" else arguments.upstream
    folder = WRAPPERS / name
    folder.mkdir(exist_ok=True)
    (folder / "go.sum").unlink(missing_ok=True)
    (folder / "go.mod").write_text(_go_mod(name, upstream, arguments.version))
    _go("mod", "tidy", folder=folder)
    print(f"{folder} is at {arguments.version}")
    return 0


def _go_mod(name: str, upstream: Upstream, version: str) -> str:
    """What `go mod tidy` completes. Staging modules of Kubernetes are published with its minor and patch version."""
    published = json.loads(_go("mod", "download", "-json", f"{upstream.module}@v{version}", folder=Path.home()))
    theirs = Path(published["GoMod"]).read_text()
    go = re.search(r"^go (\S+)", theirs, re.MULTILINE)
    staged = re.findall(r"^\s*(?:replace )?(\S+) => \./staging/", theirs, re.MULTILINE)
    library = f"v0.{version.partition('.')[2]}"
    parts = [
        f"module seatrial.invalid/programs/{name}",
        f"go {go[1] if go else ''}",
        _block("tool", upstream.packages),
        _block("require", [f"{upstream.module} v{version}"]),
        _block("replace", [f"{module} => {module} {library}" for module in staged]),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _block(directive: str, lines: Sequence[str]) -> str:
    if len(lines) < 2:
        return "".join(f"{directive} {line}" for line in lines)
    return f"{directive} (\n" + "".join(f"\t{line}\n" for line in lines) + ")"


def _go(*arguments: str, folder: Path) -> str:
    run = subprocess.run(["go", *arguments], cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        sys.exit(run.returncode)
    return run.stdout


if __name__ == "__main__":
    sys.exit(main())
