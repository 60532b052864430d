"""Where manifests come from: folders, files and standard input, decoded to text."""

import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

SUFFIXES = (".yaml", ".yml", ".json")
KUSTOMIZATION = "Kustomization"  # kustomize reads a file of this name too
REPORT = ("report.json", "results.jsonl")  # what a run leaves behind, perhaps in the folder that it judged
STDIN = "-"
# An object in etcd is at most 1.5 MiB; nothing that is applied to a cluster comes near this.
LARGEST_FILE = 16 * 1024 * 1024


class UnreadableManifest(Exception):
    """Input that cannot be judged at all. The message is one line: what, where, how to mend."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a set: the name shown to the user and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Location:
    """One set as found on disk: its name, the folder that may hold its `seatrial.toml`, its files."""

    name: str
    folder: Path | None
    files: tuple[Path, ...]


def display(path: Path) -> str:
    """The path as a user at the current folder would type it."""
    return os.path.abspath(path).removeprefix(os.getcwd() + os.sep)  # noqa: PTH100, PTH109 - pathlib asks the disk


def locate(arguments: list[str]) -> list[Location]:
    """Turn `--manifests` arguments into sets.

    The topmost folder that holds manifests is a set, with everything below it. Files that are named one by
    one form one set together, as with `kubectl apply -f a.yaml -f b.yaml`.

    A path that is named twice counts once. Raises UnreadableManifest for a path that does not exist or holds no
    manifests.
    """
    named: dict[str, Path] = {}
    for argument in arguments:
        named.setdefault(_identity(argument), Path(argument))
    found: list[Location] = []
    single: list[Path] = []
    for identity, path in named.items():
        if identity == STDIN:
            found.append(Location("standard input", None, ()))
        elif path.is_dir():
            found.extend(_sets_below(path))
        else:
            single.append(path)
    if single:
        found.append(Location(single[0].stem if len(single) == 1 else "files", single[0].parent, tuple(single)))
    return _uniquely_named(found)


def _identity(argument: str) -> str:
    """What an argument leads to, however it is spelled. Raises UnreadableManifest when that is nothing."""
    if argument == STDIN:
        return STDIN
    try:
        if argument:
            Path(argument).stat()
            return os.path.realpath(argument)
        problem = "an empty path"
    except FileNotFoundError:
        problem = f"{argument}: no such file or folder"
    except OSError as error:
        problem = f"{argument[:200]}: {error.strerror}"
    raise UnreadableManifest(f"--manifests {problem}; give a folder of YAML files")


def _sets_below(folder: Path) -> list[Location]:
    found = _walk(folder, set())
    if not found:
        raise UnreadableManifest(
            f"{folder}: no manifests in this folder (looked for *{', *'.join(SUFFIXES)}); nothing to judge"
        )
    return found


def _walk(folder: Path, seen: set[str]) -> list[Location]:
    """The sets below a folder. A folder that links lead to again, perhaps from inside itself, counts once."""
    place = os.path.realpath(folder)
    if place in seen:
        return []
    seen.add(place)
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise UnreadableManifest(f"{folder}: cannot be read: {error.strerror}; check its permissions") from None
    if any(_is_manifest(entry) for entry in entries):
        files = sorted(path for path in folder.rglob("*") if _is_manifest(path) and not _hidden(path, folder))
        return [Location(folder.resolve().name, folder, tuple(files))]
    return [location for entry in entries if entry.is_dir() for location in _walk(entry, seen)]


def _hidden(path: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(below).parts)


def _is_manifest(path: Path) -> bool:
    """Whether the name says so; a link that leads nowhere is one too, and reading it will say what is wrong."""
    if path.name == REPORT[0] and path.with_name(REPORT[1]).exists():
        return False
    return (path.suffix in SUFFIXES or path.name == KUSTOMIZATION) and not path.is_dir()


def _uniquely_named(locations: list[Location]) -> list[Location]:
    count = Counter(location.name for location in locations)
    return [
        replace(location, name=display(location.folder)) if location.folder and count[location.name] > 1 else location
        for location in locations
    ]


def read(location: Location) -> list[Source]:
    """The decoded files of a set. Raises UnreadableManifest for what is not UTF-8 text of a sane size."""
    if location.folder is None:
        return [Source("<stdin>", decode(sys.stdin.buffer.read(LARGEST_FILE + 1), "<stdin>"))]
    return [Source(display(path), decode(_bytes(path), display(path))) for path in location.files]


def _bytes(path: Path) -> bytes:
    try:
        with open_file(path) as stream:
            return stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UnreadableManifest(f"{display(path)}: cannot be read: {error.strerror}; mend or remove it") from None


def open_file(path: Path) -> BinaryIO:
    """A file opened for reading. A pipe without a writer is at its end, where plain opening would wait for ever.

    Raises OSError.
    """
    if not path.is_fifo():
        return path.open("rb")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "rb")


def decode(data: bytes, name: str) -> str:
    """UTF-8 text of `data`. Raises UnreadableManifest, naming the encoding that it seems to have."""
    if len(data) > LARGEST_FILE:
        raise UnreadableManifest(
            f"{name}: larger than {LARGEST_FILE // 1024 // 1024} MiB, more than a cluster accepts; "
            "is this a manifest? Split it or name the right file"
        )
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        raise UnreadableManifest(f"{name}:1: UTF-32 text; save it as UTF-8 (iconv -f UTF-32 -t UTF-8)")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnreadableManifest(f"{name}:1: UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableManifest(
            f"{name}:{line}: not UTF-8 text; save it as UTF-8, or remove the binary file"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableManifest(f"{name}:{line}: holds a NUL byte: a binary file or UTF-16 text, not a manifest")
    return text
