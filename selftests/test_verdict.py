"""One function decides."""

import pytest

from seatrial.verdict import Level, Verdict, decide, worst

QUIET = {"error": False, "findings": 0, "blocked": False, "unknown": False, "judged": 1}


@pytest.mark.parametrize(
    ("level", "said", "expected"),
    [
        (Level.MUST, {}, Verdict.PASSED),
        (Level.MUST, {"judged": 0}, Verdict.NOT_APPLICABLE),
        (Level.MUST, {"findings": 1}, Verdict.FAILED),
        (Level.MUST_NOT, {"findings": 1}, Verdict.FAILED),
        (Level.SHOULD, {"findings": 1}, Verdict.WARNED),
        (Level.SHOULD_NOT, {"findings": 2}, Verdict.WARNED),
        (Level.MUST, {"unknown": True}, Verdict.CANNOT_TELL),
        (Level.MUST, {"unknown": True, "findings": 1}, Verdict.FAILED),
        (Level.SHOULD, {"blocked": True, "unknown": True}, Verdict.NOT_RUN),
        (Level.SHOULD, {"error": True, "findings": 1}, Verdict.ERROR),
    ],
)
def test_decide(level: Level, said: dict[str, int], expected: Verdict) -> None:
    assert decide(level, **(QUIET | said)) is expected  # type: ignore[arg-type]


def test_nothing_unknown_is_ever_a_pass() -> None:
    for level in Level:
        assert not decide(level, **(QUIET | {"unknown": True})).judged  # type: ignore[arg-type]


def test_worst_of_several_sets() -> None:
    assert worst([Verdict.PASSED, Verdict.CANNOT_TELL]) is Verdict.CANNOT_TELL
    assert worst([Verdict.NOT_APPLICABLE, Verdict.PASSED]) is Verdict.PASSED
    assert worst([Verdict.WARNED, Verdict.FAILED]) is Verdict.FAILED
    assert worst([]) is Verdict.NOT_APPLICABLE
