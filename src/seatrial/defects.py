"""Defects: small edits of a good set that break one requirement each, and nothing else."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from seatrial import shipped
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.target import TARGET_FILE, Target, parse


class BadDefect(Exception):
    """A defect that does not say what it means. The message names it and the rule it breaks."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `old` by `new` in one file of the set.

    `old` occurs exactly once. With `nth` it may occur more often and only that occurrence, from 1, is replaced; with
    `every` all of them are, which is how leader and worker are changed alike. Without `old`, `new` is appended.
    """

    file: str
    old: str
    new: str
    nth: int = 0
    every: bool = False

    def apply(self, text: str) -> str:
        """The edited text. Raises ValueError when `old` does not occur as it has to."""
        if not self.old:
            return text + self.new
        count = text.count(self.old)
        if self.every and count > 1:
            return text.replace(self.old, self.new)
        if not self.every and (self.nth <= count if self.nth else count == 1):
            parts = text.split(self.old)
            at = max(self.nth, 1)
            return self.old.join(parts[:at]) + self.new + self.old.join(parts[at:])
        wanted = "several times" if self.every else f"{self.nth} times or more" if self.nth else "once"
        raise ValueError(f"`{self.old}` occurs {count} times in {self.file}, not {wanted}")


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
    edits = tuple(Edit(**entry) for entry in ({"old": ""} | entry for entry in raw)) if isinstance(raw, list) else ()
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
    """The files of the set with the defect in them. Raises BadDefect when an edit does not fit."""
    patched = dict(files)
    for edit in defect.edits:
        try:
            patched[edit.file] = edit.apply(patched.get(edit.file, ""))
        except ValueError as problem:
            raise BadDefect(f"{defect.title}: {problem}") from None
    return patched


@cache
def files(set: str) -> dict[str, str]:
    """The texts of a shipped set by file name, its `seatrial.toml` included."""
    folder = shipped.manifests() / set
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()) if path.is_file()}


def assemble(set: str, files: dict[str, str]) -> ManifestSet:
    """The set that these files make, judged against the target among them."""
    target = parse(files[TARGET_FILE], Path(TARGET_FILE)) if TARGET_FILE in files else Target.empty()
    return load_texts(set, {name: text for name, text in files.items() if name.endswith(".yaml")}, target)
