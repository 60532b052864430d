"""Every fault is found by the requirement that it names, and by no other that it does not name.

For each set one healthy cluster is brought up, written down and taken away; the faults are judged on what was written.
"""

import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from seatrial import catalogue, defects, judge
from seatrial.cluster_trial import Settings
from seatrial.clusters.capability import MEANING, Capability
from seatrial.finding import CannotTell
from seatrial.judge import Judgement
from seatrial.live import faults, snapshot, subjects
from seatrial.live.deployed import Deployed
from seatrial.live.faults import Fault
from seatrial.live.live_view import LiveView
from seatrial.live.snapshot import Snapshot
from seatrial.live.voyage import Voyage
from seatrial.requirement import Requirement
from seatrial.verdict import Verdict

FAULTS = faults.load()
BROKEN = (Verdict.FAILED, Verdict.WARNED)
STEADY_S, LONGEST_S = 2.0, 30.0
REQUIREMENTS = [one for one in catalogue.requirements("cluster") if not one.disruptive]


@pytest.fixture(scope="module")
def taken(asset_folders: tuple[Path, ...]) -> "Taken":
    return Taken(asset_folders)


class Taken:
    """Snapshots of healthy sets, each taken when the first fault asks for it, with what is judged of them as they are."""

    def __init__(self, asset_folders: tuple[Path, ...]) -> None:
        self._settings = Settings(assets=asset_folders)
        self.of = cache(self._take)
        self.healthy = cache(self._judge)

    def _take(self, name: str) -> Snapshot:
        files = faults.files(name)
        voyage = Voyage(defects.assemble(name, files), self._settings, lambda _step: None)
        try:
            deployed = voyage.begin()
            _wait_until_steady(voyage.view)
            return snapshot.take(deployed, files)
        finally:
            voyage.end()

    def _judge(self, name: str, capabilities: frozenset[Capability]) -> dict[str, Judgement]:
        return judged(self.of(name).with_fault(Fault("", "none", set=name, capabilities=capabilities)), REQUIREMENTS)


def _wait_until_steady(view: LiveView) -> None:
    end = time.monotonic() + LONGEST_S
    while view.quiet_s < STEADY_S and time.monotonic() < end:
        time.sleep(STEADY_S - view.quiet_s)
    view.refresh()


def judged(deployed: Deployed, requirements: Iterable[Requirement]) -> dict[str, Judgement]:
    found = {}
    for requirement in requirements:
        lacking = [need for need in requirement.needs if not deployed.has(need)]
        if lacking:
            found[requirement.id] = judge.undecided(requirement, deployed, CannotTell(*MEANING[lacking[0]]))
        else:
            found[requirement.id] = judge.judge(requirement, deployed, subjects.of)
    return found


def told(judgement: Judgement) -> str:
    return f"{judgement.verdict}: {judgement.reason or [(f.object, f.path, f.observed) for f in judgement.findings]}"


@pytest.mark.parametrize("name", sorted({fault.set for fault in FAULTS}))
def test_nothing_is_found_on_a_healthy_cluster(name: str, taken: Taken) -> None:
    wrong = {
        id: told(one)
        for id, one in taken.healthy(name, frozenset()).items()
        if one.verdict not in (Verdict.PASSED, Verdict.CANNOT_TELL, Verdict.NOT_APPLICABLE)
    }
    assert wrong == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_fault_is_found(fault: Fault, taken: Taken) -> None:
    healthy = taken.healthy(fault.set, fault.capabilities)
    found = judged(taken.of(fault.set).with_fault(fault), REQUIREMENTS)
    verdict = found[fault.requirement].verdict
    if fault.verdict == "broken":
        wanted = BROKEN[0] if found[fault.requirement].requirement.level.binding else BROKEN[1]
    else:
        wanted = Verdict(fault.verdict)
    assert verdict is wanted, told(found[fault.requirement])
    assert healthy[fault.requirement].verdict is not verdict, "so it is without the fault, too"
    changed = {id: told(one) for id, one in found.items() if one.verdict is not healthy[id].verdict}
    worse = {
        id for id, one in found.items() if id in changed and not one.verdict.fine and one.verdict is not Verdict.NOT_RUN
    }
    assert {id: changed[id] for id in worse - {fault.requirement, *fault.also}} == {}
    assert {id for id in fault.also if id not in worse} == set(), "it breaks less than it says"


def test_what_blocks_is_broken_itself(taken: Taken) -> None:
    """A requirement that is not run names one that was not decided well either, so that the root cause is told."""
    idle = {}
    for fault in FAULTS:
        found = judged(taken.of(fault.set).with_fault(fault), REQUIREMENTS)
        for id, one in found.items():
            if one.verdict is Verdict.NOT_RUN:
                blockers = {part.partition(":")[0] for part in one.reason.split("blocked by ")[1:]}
                fine = sorted(blocker for blocker in blockers if blocker not in found or found[blocker].verdict.fine)
                if fine:
                    idle[f"{fault.title}: {id}"] = f"{one.reason}, and {', '.join(fine)} says nothing"
    assert idle == {}


def test_faults_name_requirements_that_are_there() -> None:
    known = {requirement.id for requirement in REQUIREMENTS}
    named = {id for fault in FAULTS for id in (fault.requirement, *fault.also)}
    assert named - known == set()


def test_every_requirement_can_fail() -> None:
    failing = {fault.requirement for fault in FAULTS if fault.verdict == "broken"}
    assert {requirement.id for requirement in REQUIREMENTS} - failing == set()
