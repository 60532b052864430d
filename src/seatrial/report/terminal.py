"""The summary that a person reads: findings by file, what could not be told, the counts of each set."""

import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seatrial.printable import printable
from seatrial.report.tally import Row, Tally
from seatrial.verdict import Verdict

# More than this is a list for a program; it stands complete in results.jsonl.
MOST_SHOWN = 200
_COLUMN = 15
_JOINT = "\N{NO-BREAK SPACE}"
_COLOUR = {Verdict.FAILED: "red", Verdict.ERROR: "red", Verdict.PASSED: "green"}


def show(reporter: Any, tally: Tally, problems: list[str], folder: Path, complete: bool) -> None:
    """Write the summary through pytest's terminal, which knows width and colours."""
    page = _Page(reporter)
    _findings(page, tally.open)
    _errors(page, [row for row in tally.open if row["verdict"] == Verdict.ERROR])
    _unknown(page, [row for row in tally.open if row["verdict"] == Verdict.CANNOT_TELL])
    _blocked(page, [row for row in tally.open if row["verdict"] == Verdict.NOT_RUN])
    if problems:
        page.heading("the run fails because of")
        for problem in problems:
            page.line(problem, "red")
        page.gap()
    _counts(page, tally, complete)
    page.line(f"results: {folder / 'results.jsonl'}")


class _Page:
    """Lines of at most the terminal's width, coloured where the terminal has colours."""

    def __init__(self, reporter: Any) -> None:
        self._writer = reporter._tw
        self.width = max(40, min(self._writer.fullwidth, 140))
        self.quiet = reporter.config.get_verbosity() < 0

    def heading(self, text: str) -> None:
        self._writer.sep("─", printable(text), bold=True)

    def line(self, text: str = "", *markup: str) -> None:
        self._writer.line(printable(text), **dict.fromkeys(markup, True))

    def gap(self) -> None:
        """An empty line between things, which a quiet run does without."""
        if not self.quiet:
            self.line()

    def paragraph(self, label: str, text: str, indent: int, *markup: str) -> None:
        """A labelled text in a column of its own; a label that is too long for its column stands above the text."""
        first = f"{' ' * indent}{label:<{_COLUMN - 1 - indent}} "
        if len(first) > _COLUMN:
            for part in _wrap(label, self.width - indent):
                self.line(" " * indent + part, *markup)
            first = " " * _COLUMN
        for number, part in enumerate(_wrap(printable(text), self.width - _COLUMN)):
            self.line((first if number == 0 else " " * _COLUMN) + part, *markup)


def _wrap(text: str, width: int) -> list[str]:
    return [
        part
        for line in text.splitlines() or [""]
        for part in textwrap.wrap(_breakable(line, width), width, break_on_hyphens=False) or [""]
    ]


def _breakable(line: str, width: int) -> str:
    """The line with words that are wider than the column, paths mostly, taken apart after their dots and slashes."""
    return " ".join(piece for word in line.split(" ") for piece in _pieces(word, width))


def _pieces(word: str, width: int) -> Iterator[str]:
    piece = ""
    for part in re.findall(r"[^./,]*[./,]?", word) if len(word) > width else [word]:
        if piece and len(piece) + len(part) > width:
            yield piece
            piece = ""
        piece += part
    yield piece


Found = list[tuple[Row, dict[str, Any]]]


def _findings(page: _Page, rows: list[Row]) -> None:
    by_file: dict[tuple[str, str], Found] = {}
    for row in rows:
        for finding in row["findings"]:
            by_file.setdefault((row["set"], finding["file"]), []).append((row, finding))
    left = MOST_SHOWN
    for (_, file), found in by_file.items():
        if left > 0:
            page.heading(file)
            for row, findings in _by_requirement(found[:left]):
                _requirement(page, row, findings)
        left -= len(found)
    if left < 0:
        page.line(f"… and {-left} more findings in results.jsonl", "yellow")


def _by_requirement(found: Found) -> list[tuple[Row, list[dict[str, Any]]]]:
    """The findings of each requirement together: what failed first, then what is warned about, by line."""
    grouped: dict[str, tuple[Row, list[dict[str, Any]]]] = {}
    for row, finding in sorted(found, key=lambda pair: (pair[0]["verdict"], pair[1]["line"])):
        grouped.setdefault(row["requirement"], (row, []))[1].append(finding)
    return list(grouped.values())


def _requirement(page: _Page, row: Row, findings: list[dict[str, Any]]) -> None:
    colour = "red" if row["verdict"] == Verdict.FAILED else "yellow"
    page.paragraph(f"{row['requirement']} {row['verdict']}", row["sentence"], 0, colour, "bold")
    for finding in findings:
        page.paragraph(
            f"line {finding['line']}" if finding["line"] else "", f"{finding['object']} {finding['path']}", 2
        )
        page.paragraph("", f"{finding['observed']}; expected: {finding['expected']}", 2, colour)
    if page.quiet:
        return
    for label in ("why", "fix", "source"):
        for text in dict.fromkeys(finding[label] for finding in findings if finding[label]):
            page.paragraph(label, text, 2)
    page.gap()


def _errors(page: _Page, rows: list[Row]) -> None:
    if not rows:
        return
    page.heading("errors of seatrial's own")
    for row in rows:
        page.paragraph(row["requirement"], f"{row['reason']} (set {row['set']})", 2, "red")
    page.paragraph("", "The manifests are not to blame. Run again with --tb=long to see where; please report it.", 2)
    page.gap()


def _unknown(page: _Page, rows: list[Row]) -> None:
    if not rows:
        return
    page.heading("cannot tell")
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        grouped.setdefault((row["reason"], "; ".join(row["supply"])), []).append(row["requirement"])
    for (reason, supply), ids in grouped.items():
        page.paragraph(", ".join(dict.fromkeys(ids)), reason, 2, "yellow")
        if supply:
            page.paragraph("", f"→ {supply}", 2)
    page.gap()


def _blocked(page: _Page, rows: list[Row]) -> None:
    if not rows:
        return
    page.heading("not run")
    grouped: dict[str, list[str]] = {}
    for row in rows:
        grouped.setdefault(row["reason"], []).append(row["requirement"])
    for reason, ids in grouped.items():
        page.paragraph(", ".join(dict.fromkeys(ids)), reason, 2, "yellow")
    page.gap()


def _counts(page: _Page, tally: Tally, complete: bool) -> None:
    page.heading("verdicts" if complete else "verdicts until the run was stopped")
    names = list(_shown(tally))
    wide = max((len(name) for name in names), default=0)
    for name in names:
        counts = tally.counts[name]
        words = ", ".join(f"{counts[verdict]} {verdict}".replace(" ", _JOINT) for verdict in Verdict if counts[verdict])
        colour = next((_COLOUR.get(verdict, "yellow") for verdict in Verdict if counts[verdict]), "yellow")
        for number, part in enumerate(_wrap(words, max(page.width - wide - 2, 20))):
            page.line(f"{name if number == 0 else '':<{wide}}  {part}".replace(_JOINT, " "), colour)
        for text in evidence_of(tally, name):
            page.line(f"{'':<{wide}}  evidence: {text}")
    if len(names) < len(tally.counts):
        so_far = "" if complete else " so far"
        page.line(f"… and {len(tally.counts) - len(names)} more sets in which everything is right{so_far}", "green")


def evidence_of(tally: Tally, name: str) -> Iterator[str]:
    """Where a set's evidence is, once: the folder that holds all of it; and why some is not there."""
    texts = dict.fromkeys(row["evidence"] for row in tally.open if row["set"] == name and row.get("evidence"))
    folders = [text for text in texts if not text.startswith("not gathered")]
    if folders:
        yield folders[0] if len(folders) == 1 else os.path.commonpath(folders)
    yield from (text for text in texts if text not in folders)


def _shown(tally: Tally) -> Iterator[str]:
    """Every set of a run of usual size; of a fleet only those in which something has to be looked at."""
    for name, counts in tally.counts.items():
        if len(tally.counts) <= 20 or any(counts[verdict] for verdict in Verdict if not verdict.fine):
            yield name
