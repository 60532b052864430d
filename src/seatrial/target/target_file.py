"""Reads a `seatrial.toml`: strict, with the line of everything it does not understand, all problems at once."""

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from seatrial.manifests.source import open_file
from seatrial.target import waiver
from seatrial.target.fact_types import WrongValue
from seatrial.target.facts import FACTS, Fact, find, unknown
from seatrial.target.toml_lines import line_of, lines
from seatrial.target.waiver import Waiver

_LIMIT = 64 * 1024
_MOST = 100
_TOML_PLACE = re.compile(r"(?P<what>.*?) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL)


class TargetError(Exception):
    """A target that cannot be used. `problems` holds one line for each: place, what is wrong, how to mend it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Statements(NamedTuple):
    """What a file states: facts by full name, the file and line of each, and waivers."""

    facts: dict[str, Any]
    places: dict[str, tuple[str, int]]
    waivers: tuple[Waiver, ...]


def read(path: Path) -> Statements:
    """Read a target file. Raises TargetError with every problem of the file at once."""
    return parse(_text(path), path)


def parse(text: str, path: Path) -> Statements:
    """Read the text of a target file; `path` is what messages call it. Raises TargetError as `read` does."""
    document = _parsed(path, text)
    return _Reading(str(path), lines(text)).statements(document)


def _text(path: Path) -> str:
    try:
        with open_file(path) as file:
            content = file.read(_LIMIT + 1)
        if len(content) > _LIMIT:
            raise TargetError([f"{path}: is no target file: it has more than {_LIMIT:,} bytes"])
        return content.decode("utf-8-sig")
    except OSError as error:
        raise TargetError([f"{path}: cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError as error:
        raise TargetError([f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8"]) from None
    except ValueError as error:
        raise TargetError([f"{path}: cannot be read: {error}"]) from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TargetError([f"{path}: is nested too deeply; facts need two levels"]) from None
    except ValueError as error:
        found = _TOML_PLACE.fullmatch(str(error))
        line = int(found["line"] or 0) if found else 0
        line = line or text.count("\n") + 1
        what = found["what"] if found else "a number out of range"
        raise TargetError([f"{path}:{line}: is not valid TOML: {_one_line(what)}"]) from None


class _Reading:
    """One pass over the document of a target file, collecting facts, waivers and problems."""

    def __init__(self, file: str, found: Mapping[tuple[str | int, ...], int]) -> None:
        self._file = file
        self._lines = found
        self._facts: dict[str, Any] = {}
        self._places: dict[str, tuple[str, int]] = {}
        self._waivers: list[Waiver] = []
        self._problems: list[tuple[int, str]] = []

    def statements(self, document: dict[str, Any]) -> Statements:
        for key, value in document.items():
            if key == "waiver":
                self._read_waivers(value)
            else:
                self._read(value, (key,))
        if self._problems:
            ordered = sorted(self._problems, key=lambda problem: problem[0])
            shown = [f"{self._file}:{line}: {_one_line(text)}" for line, text in ordered]
            more = [f"{self._file}: may have more problems; mend these {len(shown)} first"]
            raise TargetError(shown + more * (len(shown) >= _MOST))
        return Statements(self._facts, self._places, tuple(self._waivers))

    def _problem(self, path: tuple[str | int, ...], text: str) -> None:
        self._problems.append((line_of(self._lines, path), text))

    def _read(self, value: object, path: tuple[str, ...]) -> None:
        if len(self._problems) >= _MOST:
            return
        name = ".".join(path)
        fact = _fact(path)
        if fact is not None:
            self._state(name, fact, value, path)
        elif not _is_table(path):
            self._problem(path, unknown(name))
        elif _entries(name):
            self._read_entries(value, path, _entries(name))
        elif isinstance(value, dict):
            for key, item in value.items():
                self._read(item, (*path, key))
        else:
            self._problem(path, f"`{name}` has to be a table: write [{name}] and its keys below")

    def _read_entries(self, value: object, path: tuple[str, ...], facts: list[Fact]) -> None:
        name = ".".join(path)
        keys = {fact.name.rpartition(".")[2]: fact for fact in facts}
        if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
            self._problem(path, f"`{name}` has to be a list of tables: {facts[0].entry(name)}")
            return
        for number, entry in enumerate(value):
            for key in entry.keys() - keys.keys():
                self._problem((*path, number, key), f"unknown key `{name}[].{key}`; its keys are {', '.join(keys)}")
        for key, fact in keys.items():
            absent = [number for number, entry in enumerate(value) if key not in entry]
            for number in absent:
                self._problem((*path, number), f"entry {number + 1} of `{name}` has no `{key}`: {fact.entry(name)}")
            if not absent:
                self._state(fact.name, fact, [entry[key] for entry in value], path)

    def _state(self, name: str, fact: Fact, raw: object, path: tuple[str, ...]) -> None:
        try:
            self._facts[name] = fact.check(raw)
            self._places[name] = (self._file, line_of(self._lines, path))
        except WrongValue as wrong:
            self._problem(path, f"`{name}` has to be {wrong}")

    def _read_waivers(self, value: object) -> None:
        if not isinstance(value, list):
            self._problem(("waiver",), "waivers are a list: write [[waiver]] with two brackets")
            return
        seen: dict[tuple[str, str], str] = {}
        for number, raw in enumerate(value):
            line = line_of(self._lines, ("waiver", number))
            found, problems = waiver.read(raw, f"{self._file}:{line}")
            self._problems += [(line, problem) for problem in problems]
            if found is None:
                continue
            first = seen.setdefault((found.id, found.object), found.place)
            if first != found.place:
                self._problem(("waiver", number), f"waives {found.id} for {found.object} again, as {first} does")
            self._waivers.append(found)


def _fact(path: tuple[str, ...]) -> Fact | None:
    """The fact at a path of keys; a key of the user's may hold dots only in quotes, which no fact allows."""
    return find(".".join(path)) if not any("." in key or "[" in key or not key for key in path) else None


@functools.lru_cache(256)
def _is_table(path: tuple[str, ...]) -> bool:
    """Whether facts are declared below this path."""
    return any(_leads(path, fact.name.split(".")) for fact in FACTS)


def _leads(path: tuple[str, ...], parts: list[str]) -> bool:
    if len(path) > len(parts) or (len(path) == len(parts) and not parts[-1].endswith("[]")):
        return False
    return all(
        part.removesuffix("[]") == key or (part.startswith("<") and key != "" and "." not in key)
        for key, part in zip(path, parts, strict=False)
    )


@functools.lru_cache(256)
def _entries(name: str) -> list[Fact]:
    return [fact for fact in FACTS if fact.name.startswith(f"{name}[].")]


def _one_line(text: str) -> str:
    return " ".join(text.split())
