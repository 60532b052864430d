"""Endpoints that are ready too early are told from slices and pods that are only watched apart."""

import pytest

from seatrial.live.api_service import live_api_services
from seatrial.live.deployed import Deployed
from seatrial.live.loading import TOLERANCE_S, loadings
from seatrial.live.objects import LiveObject
from seatrial.live.resources import ENDPOINT_SLICES, PODS
from seatrial.verdict import Verdict

from .made_cluster import a_set, deployed, judged, objects, pod, slice

Told = list[tuple[float, str, bool]]
"""At which second of the run a pod or its endpoint turned ready, or not."""


def seen(*told: tuple[float, str, bool]) -> Deployed:
    """A set whose leader r1-0 and its endpoint were seen like this, and are ready at the end."""
    found = objects(a_set(replicas=1))
    on = deployed(found)
    journal = on.view.journal
    before: dict[str, LiveObject] = {}
    for at, what, ready in told:
        if what == "pod":
            raw = pod(found, "r1-0")
            state = {"conditions": [{"type": "Ready", "status": str(ready)}]}
            now, kind = LiveObject(raw | {"status": state}), PODS.kind
        else:
            raw = slice("r1-0")
            endpoint = raw["endpoints"][0] | {"conditions": {"ready": ready}}
            now, kind = LiveObject(raw | {"endpoints": [endpoint]}), ENDPOINT_SLICES.kind
        journal.note(kind, "MODIFIED", now, before.get(kind), at=at)
        before[kind] = now
    return on


LATE = TOLERANCE_S + 1
CASES: dict[str, tuple[Told, Verdict]] = {
    "ready before the run": ([(0, "pod", True), (0, "endpoint", True)], Verdict.CANNOT_TELL),
    "endpoint follows pod": (
        [(0, "pod", False), (1, "endpoint", False), (99, "pod", True), (100, "endpoint", True)],
        Verdict.PASSED,
    ),
    "the slice was seen first": ([(0, "pod", False), (98, "endpoint", True), (99, "pod", True)], Verdict.PASSED),
    "the slice lags behind": (
        [(0, "pod", True), (0, "endpoint", True), (50, "pod", False), (53, "endpoint", False), (99, "pod", True)],
        Verdict.PASSED,
    ),
    "published while it loads": ([(0, "pod", False), (1, "endpoint", True), (99, "pod", True)], Verdict.FAILED),
    "stays an endpoint while it is not ready": (
        [(0, "pod", True), (0, "endpoint", True), (50, "pod", False), (50 + LATE, "pod", True)],
        Verdict.FAILED,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_only_what_lasts_counts(case: str) -> None:
    told, verdict = CASES[case]
    assert judged(seen(*told), "EPS")["EPS-05"].verdict is verdict


def test_how_long_it_was_routed_to() -> None:
    on = seen(
        (10, "pod", False), (12, "endpoint", True), (30, "endpoint", False), (40, "endpoint", True), (45, "pod", True)
    )
    ((one),) = loadings(live_api_services(on)[0])
    assert (one.leader, one.ended, one.routed_s) == ("r1-0", True, 18 + 5)


def test_other_slices_do_not_count() -> None:
    on = seen((0, "pod", False), (99, "pod", True))
    headless = slice("r1-0")
    headless["metadata"]["name"] = "r1-headless"
    on.view.journal.note(ENDPOINT_SLICES.kind, "ADDED", LiveObject(headless), None, at=1)
    assert judged(on, "EPS")["EPS-05"].verdict is Verdict.PASSED
