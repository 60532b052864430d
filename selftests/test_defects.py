"""Every defect is found by the requirement it names, at its line, and by no other that it does not name."""

from functools import cache
from pathlib import Path

import pytest

from seatrial import catalogue, defects
from seatrial.defects import Defect
from seatrial.judge import Judgement, judge
from seatrial.verdict import Verdict

_DEFECTS = defects.load()


def _judgements(files: dict[str, str]) -> dict[str, Judgement]:
    manifests = defects.assemble("set", files)
    return {requirement.id: judge(requirement, manifests) for requirement in catalogue.requirements("static")}


@cache
def _healthy(name: str) -> dict[str, Judgement]:
    return _judgements(defects.files(name))


@pytest.mark.parametrize("defect", _DEFECTS, ids=lambda defect: defect.title)
def test_defect_is_found_where_it_is(defect: Defect) -> None:
    files = defects.apply(defect, defects.files(defect.set))
    found = _judgements(files)
    judgement = found[defect.requirement]
    if defect.verdict == "cannot tell":
        assert judgement.verdict is Verdict.CANNOT_TELL, judgement
    else:
        wanted = Verdict.FAILED if judgement.requirement.level.binding else Verdict.WARNED
        assert judgement.verdict is wanted, judgement
        places = {(Path(finding.file).name, finding.line) for finding in judgement.findings}
        lines = [n for n, line in enumerate(files[defect.file].splitlines(), 1) if defect.line_of in line]
        assert lines, f"{defect.line_of!r} stands nowhere in {defect.file}"
        assert any((defect.file, line) in places for line in lines), f"found at {places}, not at {defect.file}:{lines}"
    healthy = _healthy(defect.set)
    others = {
        id: f"{other.verdict}: {other.reason or [f.observed for f in other.findings]}"
        for id, other in found.items()
        if not other.verdict.fine and other.verdict is not healthy[id].verdict
        if id != defect.requirement and id not in defect.also
    }
    assert not others, others


def test_every_requirement_has_a_defect() -> None:
    known = {requirement.id for requirement in catalogue.requirements("static")}
    broken = {defect.requirement for defect in _DEFECTS}
    assert broken - known == set(), "defects of unknown requirements"
    assert known - broken == set(), "requirements that nothing breaks"


def test_what_else_a_defect_breaks_is_true() -> None:
    """`also` may not grow into a list of excuses: each id in it really changes its verdict."""
    stale = {}
    for defect in _DEFECTS:
        if not defect.also:
            continue
        found = _judgements(defects.apply(defect, defects.files(defect.set)))
        idle = [id for id in defect.also if found[id].verdict is _healthy(defect.set)[id].verdict]
        if idle:
            stale[defect.title] = idle
    assert stale == {}


def test_every_requirement_can_fail() -> None:
    """A requirement whose defects only make it unsure has nothing that breaks it."""
    failing = {defect.requirement for defect in _DEFECTS if defect.verdict != "cannot tell"}
    assert {requirement.id for requirement in catalogue.requirements("static")} - failing == set()
