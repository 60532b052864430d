"""The programs a cluster is made of, and the pinned Go modules they are built from.

`clusters/programs/<upstream>/go.mod` is the only place where a version stands; its go.sum guards every byte. There is
one module per upstream, so that none lifts the libraries of another. `tools/program_versions.py` raises a version or
adds a release of LWS; nothing here has to change then.
"""

import difflib
import hashlib
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.clusters.assets.errors import AssetError

WRAPPERS = Path(__file__).resolve().parent.parent / "programs"

# Part of every key: raised when entries of the cache get another form.
_FORM = "1"


@dataclass(frozen=True, slots=True)
class Program:
    """A program that can be built.

    `wrapper` is the folder with go.mod and go.sum, `module` the upstream in it, `package` the main package.
    `stamps` are the Go variables that get the version: programs derive what they say, and kwokctl what it does, from
    them. `asks` are the arguments to which the program answers with its version.
    """

    name: str
    wrapper: Path
    module: str
    package: str
    stamps: tuple[tuple[str, str], ...] = ()
    asks: tuple[str, ...] = ("--version",)
    file: str = field(default="")
    """Name of the executable; the program's own when empty."""

    @property
    def executable(self) -> str:
        return self.file or self.name

    @property
    def title(self) -> str:
        """For people: name and version."""
        return f"{'LWS manager' if self.file else self.name} {self.version}"

    @property
    def version(self) -> str:
        """Of the upstream module, with its v. Raises AssetError when the wrapper cannot be read."""
        return self._line(rf"^\s*(?:require\s+)?{re.escape(self.module)}\s+(v\S+)")

    @property
    def go(self) -> str:
        """The oldest Go that builds it: the `go` line of the wrapper."""
        return self._line(r"^go\s+(\S+)")

    @property
    def flags(self) -> tuple[str, ...]:
        """What `go build` is told: no symbols, nothing for debuggers (a tenth of the time), no paths, the version."""
        version = self.version
        major, minor, *_ = version.removeprefix("v").split(".")
        values = {"version": version, "major": major, "minor": minor}
        stamps = (f"-X {variable}={value.format(**values)}" for variable, value in self.stamps)
        return ("-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", " ".join(("-s -w", *stamps)))

    @property
    def key(self) -> str:
        """Hash over all that decides what is built, 16 hex digits.

        Go's own version is not part of it: another Go makes the same program of the same sources, and each update of
        Go would cost ten minutes. The entry's manifest says which Go it was.
        """
        digest = hashlib.sha256()
        for part in (_FORM, platform.system(), platform.machine(), self.name, self.package, *self.flags):
            digest.update(part.encode() + b"\0")
        for name in ("go.mod", "go.sum"):
            digest.update(_read(self.wrapper / name) + b"\0")
        return digest.hexdigest()[:16]

    def _line(self, pattern: str) -> str:
        path = self.wrapper / "go.mod"
        found = re.search(pattern, _read(path).decode(), re.MULTILINE)
        if found is None:
            raise AssetError(f"{path}: no line for {self.module}; install seatrial again")
        return found[1]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AssetError(f"{path}: {error.strerror}; install seatrial again") from error


def _kubernetes(name: str, *asks: str) -> Program:
    # What `make` stamps; without it components have the version v0.0.0-master and refuse to talk to each other.
    values = {
        "gitVersion": "{version}",
        "gitMajor": "{major}",
        "gitMinor": "{minor}",
        "gitCommit": "unknown",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    stamps = tuple((f"{package}.{variable}", value) for package in packages for variable, value in values.items())
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Program(name, WRAPPERS / "kubernetes", "k8s.io/kubernetes", package, stamps, asks or ("--version",))


def _kwok(name: str) -> Program:
    stamps = (("sigs.k8s.io/kwok/pkg/consts.Version", "{version}"),)
    return Program(name, WRAPPERS / "kwok", "sigs.k8s.io/kwok", f"sigs.k8s.io/kwok/cmd/{name}", stamps)


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


LWS_VERSIONS: tuple[str, ...] = tuple(
    sorted((path.name.removeprefix("lws-") for path in WRAPPERS.glob("lws-*")), key=_release)
)
"""Releases of LWS whose manager can be had, oldest first."""


def _manager(version: str) -> Program:
    # Managers before 0.8.0 know no --version; that they print their help shows that they run here.
    asks = "--version" if _release(version) >= (0, 8, 0) else "--help"
    stamps = (("sigs.k8s.io/lws/pkg/version.GitVersion", "{version}"),)
    name = f"lws-{version}"
    return Program(name, WRAPPERS / name, "sigs.k8s.io/lws", "sigs.k8s.io/lws/cmd", stamps, (asks,), "manager")


PROGRAMS: tuple[Program, ...] = (
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kubectl", "version", "--client"),
    Program("etcd", WRAPPERS / "etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    _kwok("kwok"),
    _kwok("kwokctl"),
    *(_manager(version) for version in LWS_VERSIONS),
)


def program(name: str) -> Program:
    """Raises AssetError for a name that is not known, naming the closest one."""
    for known in PROGRAMS:
        if known.name == name:
            return known
    names = [known.name for known in PROGRAMS]
    close = difflib.get_close_matches(name, names, n=1)
    raise AssetError(
        f"no program {name!r}; " + (f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}")
    )
