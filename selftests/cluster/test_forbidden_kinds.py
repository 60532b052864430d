"""Whoever may not read something gets no answer about it, and never a wrong one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial import catalogue, defects, judge
from seatrial.clusters.capability import Capability
from seatrial.live import faults, snapshot, subjects
from seatrial.live.faults import Fault
from seatrial.live.resources import KNOWN
from seatrial.live.settings import Settings
from seatrial.live.snapshot import Snapshot
from seatrial.live.voyage import Voyage
from seatrial.verdict import Verdict

SET = "two-groups"
EVERYTHING = frozenset(Capability)
REQUIREMENTS = [one for one in catalogue.requirements("cluster") if not one.disruptive]
KINDS = tuple(one.kind for one in KNOWN)
OF_THE_CLUSTER = tuple(one.kind for one in KNOWN if not one.namespaced)


@pytest.fixture(scope="module")
def healthy(asset_folders: tuple[Path, ...]) -> Iterator[Snapshot]:
    files = faults.files(SET)
    voyage = Voyage(defects.assemble(SET, files), Settings(assets=asset_folders), lambda _step: None)
    try:
        yield snapshot.take(voyage.begin(), files)
    finally:
        voyage.end()


def wrong(taken: Snapshot, hidden: tuple[str, ...] = ()) -> dict[str, str]:
    """Requirements that find something, or fail themselves, where some kinds may not be read."""
    fault = Fault("", "hidden", set=SET, hidden=hidden, capabilities=EVERYTHING)
    found = {one.id: judge.judge(one, taken.with_fault(fault), subjects.of) for one in REQUIREMENTS}
    bad = (Verdict.FAILED, Verdict.WARNED, Verdict.ERROR)
    return {id: f"{one.verdict}: {one.reason or one.findings}" for id, one in found.items() if one.verdict in bad}


@pytest.fixture(scope="module", params=["own", "read only"])
def taken(request: pytest.FixtureRequest, healthy: Snapshot) -> tuple[Snapshot, dict[str, str]]:
    """The healthy set, and what is found on it although nothing is hidden: all capabilities are claimed here."""
    seen = healthy if request.param == "own" else replace(healthy, own=False, admissions=(), probes=None)
    return seen, wrong(seen)


@pytest.mark.parametrize(
    "hidden", [*((kind,) for kind in KINDS), OF_THE_CLUSTER, KINDS], ids=lambda kinds: ",".join(kinds[:2])
)
def test_what_is_hidden_makes_no_finding(hidden: tuple[str, ...], taken: tuple[Snapshot, dict[str, str]]) -> None:
    seen, basis = taken
    assert {id: said for id, said in wrong(seen, hidden).items() if id not in basis} == {}
