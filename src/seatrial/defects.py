"""Defects: small edits of a good set that break one requirement each, and nothing else."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from seatrial import shipped


class BadDefect(Exception):
    """A defect that does not say what it means. The message names it and the rule it breaks."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `old` by `new` in one file of the set. `old` occurs exactly once; a missing `old` appends."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Defect:
    """One way to break a requirement.

    `file` and `line_of` say where the finding has to stand: the line of the edited file that holds this text.
    `also` names other requirements that the same edit breaks by necessity; `verdict` is what must be reported.
    """

    requirement: str
    name: str
    set: str
    edits: tuple[Edit, ...]
    file: str
    line_of: str
    verdict: str
    also: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.requirement}/{self.name}"


def load(folder: Path | None = None) -> list[Defect]:
    """Every defect of fixtures/defects, in the order of files. Raises BadDefect."""
    folder = folder or shipped.fixtures() / "defects"
    return [
        _defect(path, number, table)
        for path in sorted(folder.glob("*.toml"))
        for number, table in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get("defect", []), 1)
    ]


_KEYS = {"requirement", "name", "set", "edit", "file", "line_of", "verdict", "also"}


def _defect(path: Path, number: int, table: dict[str, object]) -> Defect:
    label = f"{path.name}, defect {number}"
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise BadDefect(f"{label}: unknown key {unknown[0]}; known are {', '.join(sorted(_KEYS))}")
    raw = table.get("edit")
    edits = tuple(Edit(str(e["file"]), str(e.get("old", "")), str(e.get("new", ""))) for e in raw) if isinstance(raw, list) else ()
    requirement = str(table.get("requirement", ""))
    if not edits or not requirement or "name" not in table:
        raise BadDefect(f"{label}: needs requirement, name and at least one edit")
    if requirement.partition("-")[0] != path.stem:
        raise BadDefect(f"{label}: {requirement} belongs in {requirement.partition('-')[0]}.toml")
    also = table.get("also", [])
    return Defect(
        requirement,
        str(table["name"]),
        str(table.get("set", "deepseek-r1-tke")),
        edits,
        str(table.get("file", edits[0].file)),
        str(table.get("line_of", _first_line(edits[0].new))),
        str(table.get("verdict", "broken")),
        tuple(str(item) for item in also) if isinstance(also, list) else (),
    )


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def apply(defect: Defect, files: dict[str, str]) -> dict[str, str]:
    """The files of the set with the defect in them. Raises BadDefect when an edit does not fit exactly once."""
    patched = dict(files)
    for edit in defect.edits:
        if not edit.old:
            patched[edit.file] = patched.get(edit.file, "") + edit.new
            continue
        count = patched.get(edit.file, "").count(edit.old)
        if count != 1:
            raise BadDefect(f"{defect.title}: `{edit.old}` occurs {count} times in {edit.file}, not once")
        patched[edit.file] = patched[edit.file].replace(edit.old, edit.new)
    return patched
