"""`expected.toml` lists what a shipped set leads to: all of it, and nothing else."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from seatrial import catalogue, shipped
from seatrial.judge import Judgement, judge
from seatrial.manifest_set import ManifestSet, load
from seatrial.manifests.source import locate
from seatrial.target import load as load_target
from seatrial.verdict import Verdict

SETS = sorted(path for path in shipped.manifests().iterdir() if path.is_dir())
DEFECTIVE = [path for path in SETS if (path / "expected.toml").exists()]
VARIATIONS = [
    pytest.param(path, variation, id=f"{path.name}, {variation['name']}")
    for path in DEFECTIVE
    for variation in tomllib.loads((path / "expected.toml").read_text(encoding="utf-8")).get("variation", [])
]
Lines = dict[tuple[str, str, str], set[int]]


def _judged(folder: Path, facts: Mapping[str, object]) -> list[Judgement]:
    target = load_target(folder / "seatrial.toml").override(facts, str(folder / "seatrial.toml"))
    [location] = locate([str(folder)])
    manifests: ManifestSet = load(location, target)
    return [judge(requirement, manifests) for requirement in catalogue.requirements("static")]


@cache
def _as_shipped(folder: Path) -> list[Judgement]:
    return _judged(folder, {})


def _found(judgements: list[Judgement]) -> Lines:
    found: Lines = {}
    for judgement in judgements:
        for finding in judgement.findings:
            key = (judgement.requirement.id, str(judgement.verdict), Path(finding.file).name)
            found.setdefault(key, set()).add(finding.line)
    return found


def _check(folder: Path, entries: list[dict[str, Any]], found: Lines) -> None:
    """Every entry stands at its lines, in the number it says."""
    wanted: dict[tuple[str, str, str], tuple[set[int], int]] = {}
    for entry in entries:
        if entry["verdict"] != "cannot tell":
            texts = [entry["line_of"]] if isinstance(entry["line_of"], str) else entry["line_of"]
            lines = (folder / entry["file"]).read_text(encoding="utf-8").splitlines()
            places = {number for number, line in enumerate(lines, 1) if any(text in line for text in texts)}
            places |= {0} if entry["file"] == "seatrial.toml" else set()  # a fact of a variation has no line
            key = (entry["requirement"], entry["verdict"], entry["file"])
            known, count = wanted.get(key, (set(), 0))
            wanted[key] = (known | places, count + entry.get("lines", len(places - {0})))
    for key, (places, count) in wanted.items():
        assert found.get(key, set()) <= places, f"{key}: found at {found.get(key)}, expected at {places}"
        assert len(found.get(key, set())) == count, f"{key}: found at {found.get(key)}, expected {count} of {places}"
    assert set(found) - set(wanted) == set()


@pytest.mark.parametrize("folder", DEFECTIVE, ids=lambda folder: folder.name)
def test_the_findings_are_those_expected(folder: Path) -> None:
    entries = tomllib.loads((folder / "expected.toml").read_text(encoding="utf-8"))["expected"]
    judgements = _as_shipped(folder)
    _check(folder, entries, _found(judgements))
    unknown = {judgement.requirement.id for judgement in judgements if judgement.verdict is Verdict.CANNOT_TELL}
    assert unknown == {entry["requirement"] for entry in entries if entry["verdict"] == "cannot tell"}
    assert not [judgement for judgement in judgements if judgement.verdict in (Verdict.ERROR, Verdict.NOT_RUN)]


@pytest.mark.parametrize(("folder", "variation"), VARIATIONS)
def test_another_target_leads_to_further_findings(folder: Path, variation: dict[str, Any]) -> None:
    before = _found(_as_shipped(folder))
    after = _found(_judged(folder, variation["target"]))
    further = {key: lines for key, lines in after.items() if lines != before.get(key)}
    _check(folder, variation["expected"], further)


@pytest.mark.parametrize("folder", [path for path in SETS if path not in DEFECTIVE], ids=lambda folder: folder.name)
def test_good_sets_have_no_findings(folder: Path) -> None:
    judgements = _as_shipped(folder)
    assert _found(judgements) == {}
    undecided = (Verdict.ERROR, Verdict.NOT_RUN)
    assert [judgement.requirement.id for judgement in judgements if judgement.verdict in undecided] == []


def test_the_set_we_stand_behind_leaves_nothing_open() -> None:
    judgements = _as_shipped(shipped.manifests() / "deepseek-r1-tke")
    open_ones = {
        judgement.requirement.id: judgement.reason
        for judgement in judgements
        if judgement.verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE)
    }
    assert open_ones == {}
