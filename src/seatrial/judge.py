"""Runs one requirement on one set and says what became of it."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from seatrial import subjects
from seatrial.clusters.provider import ClusterError
from seatrial.finding import Blocked, CannotTell, Finding, NotApplicable, Reported
from seatrial.requirement import Requirement
from seatrial.target import MissingFact
from seatrial.verdict import Verdict, decide


class Scope(Protocol):
    """What requirements are judged on: a set of manifests, or that set on a cluster."""

    @property
    def name(self) -> str: ...

    def waived(self, requirement: str, object: str) -> bool: ...


Subjects = Callable[[str, Any], Iterable[subjects.Subject]]
"""The subjects of one kind, by the name of a check's parameter, of a scope."""


@dataclass(slots=True)
class Judgement:
    """The verdict of one requirement on one set, as it stands in results.jsonl."""

    requirement: Requirement
    set: str
    verdict: Verdict
    subjects: tuple[str, ...]
    findings: tuple[Reported, ...]
    waived: tuple[Reported, ...]
    reason: str
    supply: tuple[str, ...]
    duration_s: float
    error: BaseException | None = None
    evidence: str = ""
    """Folder with what was gathered when it failed; empty in the static layer, whose evidence are the manifests."""

    @property
    def quiet(self) -> bool:
        """Whether a reader of the summary needs nothing of this but its count."""
        return self.verdict.fine and not self.waived

    def line(self) -> str:
        """The judgement as a line of JSON. A fleet has hundreds of thousands of them, nearly all of the short form."""
        findings = _list(finding.as_dict() for finding in self.findings)
        waived = _list(finding.as_dict() for finding in self.waived)
        evidence = f', "evidence": {_text(self.evidence)}' if self.evidence else ""
        return (
            f'{_opening(self.requirement)}, "verdict": "{self.verdict}", "set": {_text(self.set)}, '
            f'"subject": {_text(", ".join(self.subjects))}, "findings": {findings}, "waived": {waived}, '
            f'"duration_s": {self.duration_s:.6f}, "reason": {_text(self.reason)}, '
            f'"supply": {_list(self.supply)}{evidence}}}'
        )


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _list(items: Iterable[object]) -> str:
    found = list(items)
    return _encode(found) if found else "[]"


@lru_cache(2048)
def _text(text: str) -> str:
    return _encode(text)


@lru_cache(1024)
def _opening(requirement: Requirement) -> str:
    """What every line of a requirement begins with, without its closing brace."""
    shared = {"requirement": requirement.id, "level": str(requirement.level), "sentence": requirement.sentence}
    return _encode(shared)[:-1]


@dataclass(slots=True)
class _Tally:
    """What a requirement said about the subjects of a set."""

    findings: list[Finding] = field(default_factory=list)
    unknown: list[CannotTell] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    not_applicable: list[NotApplicable] = field(default_factory=list)
    error: Exception | None = None
    judged: int = 0


def judge(requirement: Requirement, scope: Scope, find: Subjects = subjects.of) -> Judgement:
    """Judge every subject of the scope.

    An exception of the check is the verdict `error`. Raises ClusterError when the cluster is gone: the run is over.
    """
    started = time.perf_counter()
    tally = _Tally()
    titles: list[str] = []
    try:
        for subject in find(requirement.subject, scope):
            titles.append(subject.title)
            _hear(requirement, subject, tally)
    except NotApplicable as absent:
        tally.not_applicable.append(_kept(absent))
    except CannotTell as unknown:
        tally.unknown.append(_kept(unknown))
    except Blocked as blocked:
        tally.blocked.append(_kept(blocked))
    except ClusterError:
        raise
    except Exception as error:  # an error of ours is a verdict of its own, never a crash of the run
        tally.error = error
    return _judgement(requirement, scope, tally, titles, started)


def undecided(requirement: Requirement, scope: Scope, outcome: Finding | CannotTell) -> Judgement:
    """The judgement of a requirement that nobody can look at: one outcome for all its subjects."""
    tally = _Tally()
    if isinstance(outcome, Finding):
        tally.findings.append(outcome)
    else:
        tally.unknown.append(outcome)
    return _judgement(requirement, scope, tally, [], time.perf_counter())


def _judgement(requirement: Requirement, scope: Scope, tally: _Tally, titles: list[str], started: float) -> Judgement:
    reported = list(dict.fromkeys(_report(requirement, finding) for finding in tally.findings))
    waived = [finding for finding in reported if scope.waived(requirement.id, finding.object)]
    open_findings = [finding for finding in reported if finding not in waived]
    verdict = decide(
        requirement.level,
        error=tally.error is not None,
        findings=len(open_findings),
        blocked=bool(tally.blocked),
        unknown=bool(tally.unknown),
        judged=tally.judged,
    )
    return Judgement(
        requirement,
        scope.name,
        verdict,
        tuple(titles),
        tuple(open_findings),
        tuple(waived),
        _reason(verdict, tally, len(waived)),
        tuple(dict.fromkeys(unknown.supply for unknown in tally.unknown if unknown.supply)),
        time.perf_counter() - started,
        tally.error,
    )


Said = TypeVar("Said", bound=Exception)


def _kept(said: Said) -> Said:
    """An exception without the frames it came through: they hold the tally, and would make a cycle of it."""
    said.__context__ = None
    return said.with_traceback(None)


def _hear(requirement: Requirement, subject: subjects.Subject, tally: _Tally) -> None:
    silent = True
    try:
        for outcome in requirement.check(subject):
            if isinstance(outcome, Finding):
                tally.findings.append(outcome)
            elif isinstance(outcome, CannotTell):
                tally.unknown.append(outcome)
                silent = False
            else:
                tally.not_applicable.append(outcome)
                silent = False
        tally.judged += silent
    except NotApplicable as absent:
        tally.not_applicable.append(_kept(absent))
    except CannotTell as unknown:
        tally.unknown.append(_kept(unknown))
    except MissingFact as missing:
        tally.unknown.append(CannotTell(str(missing), missing.supply))
    except Blocked as blocked:
        tally.blocked.append(_kept(blocked))


def _report(requirement: Requirement, finding: Finding) -> Reported:
    where = finding.place.where()
    return Reported(
        where.file,
        where.line,
        where.path,
        where.object,
        finding.observed,
        finding.expected,
        finding.why or requirement.why,
        finding.fix or requirement.fix,
        finding.source or requirement.source,
    )


def _reason(verdict: Verdict, tally: _Tally, waived: int) -> str:
    texts: Iterator[str] = iter(())
    if verdict is Verdict.ERROR:
        texts = iter((f"{type(tally.error).__name__}: {tally.error}",))
    elif verdict is Verdict.NOT_RUN:
        texts = (f"blocked by {blocked.by}: {blocked.reason}" for blocked in tally.blocked)
    elif verdict is Verdict.CANNOT_TELL:
        texts = (unknown.reason for unknown in tally.unknown)
    elif verdict is Verdict.NOT_APPLICABLE:
        texts = (absent.reason for absent in tally.not_applicable)
    elif waived:
        texts = iter((f"{waived} finding{'s' * (waived > 1)} waived in seatrial.toml",))
    return "; ".join(dict.fromkeys(texts))
