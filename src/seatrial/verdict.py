"""The verdicts, and the one function that decides them."""

from enum import StrEnum


class Level(StrEnum):
    """The keyword of a requirement's sentence."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"

    @property
    def binding(self) -> bool:
        """Whether breaking it fails the run."""
        return self in (Level.MUST, Level.MUST_NOT)


class Verdict(StrEnum):
    """What can be said of one requirement on one set, worst first."""

    ERROR = "error"
    FAILED = "failed"
    NOT_RUN = "not run"
    CANNOT_TELL = "cannot tell"
    WARNED = "warned"
    PASSED = "passed"
    NOT_APPLICABLE = "not applicable"

    @property
    def judged(self) -> bool:
        """Whether the requirement was really decided."""
        return self in (Verdict.FAILED, Verdict.WARNED, Verdict.PASSED)

    @property
    def fine(self) -> bool:
        """Whether there is nothing to look at: it holds, or says nothing about the set."""
        return self in (Verdict.PASSED, Verdict.NOT_APPLICABLE)


_WORST_FIRST = tuple(Verdict)


def decide(level: Level, *, error: bool, findings: int, blocked: bool, unknown: bool, judged: int) -> Verdict:
    """The verdict of one requirement on one set, from what it said about all its subjects.

    A finding stands whatever else is unknown; an unknown never turns into a pass.
    """
    if error:
        return Verdict.ERROR
    if findings:
        return Verdict.FAILED if level.binding else Verdict.WARNED
    if blocked:
        return Verdict.NOT_RUN
    if unknown:
        return Verdict.CANNOT_TELL
    return Verdict.PASSED if judged else Verdict.NOT_APPLICABLE


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict of one requirement over several sets. Nothing judged at all is `not applicable`."""
    return min(verdicts, key=_WORST_FIRST.index, default=Verdict.NOT_APPLICABLE)
