"""When events happened, and a journal that does not hold everything."""

from typing import Any

import pytest

from seatrial.finding import CannotTell
from seatrial.live import journal
from seatrial.live.events import began, happened, order
from seatrial.live.journal import Journal
from seatrial.live.objects import LiveObject

EARLY, LATE = "2026-01-01T10:00:00Z", "2026-01-01T11:00:00.5Z"


@pytest.mark.parametrize(
    "fields",
    [
        {"lastTimestamp": LATE, "firstTimestamp": EARLY},
        {"eventTime": EARLY, "series": {"lastObservedTime": LATE, "count": 3}},
        {"eventTime": LATE},
        {"firstTimestamp": LATE},
        {"metadata": {"creationTimestamp": LATE}},
        {"lastTimestamp": None, "eventTime": LATE, "metadata": {"creationTimestamp": EARLY}},
    ],
)
def test_the_last_time_counts(fields: dict[str, Any]) -> None:
    found = happened(LiveObject({"kind": "Event", **fields}))
    assert found is not None and found.isoformat() == "2026-01-01T11:00:00.500000+00:00"


def test_order_and_beginning() -> None:
    repeated = LiveObject({"firstTimestamp": EARLY, "lastTimestamp": LATE})
    once, never = LiveObject({"eventTime": EARLY}), LiveObject({})
    assert sorted([repeated, never, once], key=order) == [never, once, repeated]
    assert began(repeated) == happened(once)
    assert happened(never) is None


def test_what_was_not_kept_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST", 2)
    kept = Journal()
    for uid in ("a", "b"):
        kept.note("Pod", "ADDED", LiveObject({"metadata": {"name": uid, "uid": uid}}), None, at=1.0)
    kept.need_whole()
    kept.note("Pod", "ADDED", LiveObject({"metadata": {"name": "c", "uid": "c"}}), None, at=2.0)
    with pytest.raises(CannotTell, match="keeps no more"):
        kept.need_whole()
