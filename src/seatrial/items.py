"""How requirements become pytest items, and how their verdicts become pytest outcomes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from seatrial import requirement as requirements
from seatrial.clusters.provider import ClusterError
from seatrial.judge import Judgement
from seatrial.printable import printable
from seatrial.requirement import BadRequirement, Requirement
from seatrial.trial import Trial
from seatrial.verdict import Verdict, worst

if TYPE_CHECKING:
    from seatrial.cluster_trial import ClusterTrial

TRIAL = pytest.StashKey[Trial]()
CLUSTER = pytest.StashKey["ClusterTrial"]()
STRICT = pytest.StashKey[bool]()
IN_USE = pytest.StashKey[list["Trial | ClusterTrial"]]()
# The name under which verdicts travel in a report; plain lists and maps, so that pytest-xdist carries them.
PROPERTY = "seatrial"


def trials(config: pytest.Config) -> "list[Trial | ClusterTrial]":
    """The trials of the layers that this run judges."""
    return config.stash.get(IN_USE, [])


class Row(NamedTuple):
    """A judgement on its way into results.jsonl. `quiet` ones need only be counted."""

    verdict: str
    set: str
    quiet: bool
    line: str


class Broken(Exception):
    """At least one finding on at least one set. Carries no message: the summary shows the findings."""

    def __init__(self, judgements: list[Judgement]) -> None:
        findings = sum(len(judgement.findings) for judgement in judgements)
        super().__init__(f"{findings} finding{'s' * (findings != 1)}")
        self.judgements = judgements


class CheckError(Exception):
    """A check of seatrial's own raised. The fault is ours, not the manifest's."""


class RequirementItem(pytest.Item):
    """One requirement, judged on every set. Judging is setup, so that an error of ours is an error to pytest."""

    def __init__(self, *, requirement: Requirement, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.requirement = requirement
        self.extra_keyword_matches.add(requirement.id)  # for -k TOP-04
        self.judgements: list[Judgement] = []

    def judge(self) -> list[Judgement]:
        """The judgements of all sets."""
        return self.config.stash[TRIAL].judge(self.requirement)

    def setup(self) -> None:
        self.judgements = self.judge()
        rows = [
            (str(judgement.verdict), judgement.set, judgement.quiet, judgement.line()) for judgement in self.judgements
        ]
        self.user_properties.append(("requirement", self.requirement.id))
        self.user_properties.append(("verdict", str(self.verdict)))
        self.user_properties.append((PROPERTY, rows))
        for judgement in self.judgements:
            if judgement.error is not None:
                raise CheckError(f"{self.requirement.id} on {judgement.set}: {judgement.reason}") from judgement.error

    def teardown(self) -> None:
        self._drop_rows()
        self.judgements = []  # pytest keeps items to the end

    def _drop_rows(self) -> None:
        """The rows are on their way with the report of setup; JUnit must not carry them again."""
        self.user_properties[:] = [pair for pair in self.user_properties if pair[0] != PROPERTY]

    @property
    def verdict(self) -> Verdict:
        return worst([judgement.verdict for judgement in self.judgements])

    def runtest(self) -> None:
        self._drop_rows()
        verdict = self.verdict
        if verdict is Verdict.FAILED or (verdict is Verdict.WARNED and self.config.stash[STRICT]):
            raise Broken(self.judgements)
        if verdict is Verdict.CANNOT_TELL and self.config.stash[STRICT]:
            pytest.fail(f"{verdict}: {self._reason(verdict)}", pytrace=False)
        if not verdict.judged:
            # At the requirement's own place, not at this line.
            raise pytest.skip.Exception(f"{verdict}: {self._reason(verdict)}", _use_item_location=True)

    def _reason(self, verdict: Verdict) -> str:
        reasons = (judgement.reason for judgement in self.judgements if judgement.verdict is verdict)
        return printable("; ".join(dict.fromkeys(reasons)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Broken):
            return printable("\n".join(_lines(self.requirement, excinfo.value.judgements)))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, self.requirement.check.__code__.co_firstlineno, f"{self.requirement.id} {self.name}"


class ClusterItem(RequirementItem):
    """One requirement on one set, judged on a cluster. `set` is empty until the sets are known."""

    def __init__(self, *, set: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.set = set

    def on(self, set: str) -> "ClusterItem":
        """The same requirement on one set."""
        name = f"{self.name}[{set}]"
        assert self.parent is not None
        item: ClusterItem = ClusterItem.from_parent(self.parent, name=name, requirement=self.requirement, set=set)
        item.add_marker(self.path.parent.name)
        return item

    def judge(self) -> list[Judgement]:
        try:
            return [self.config.stash[CLUSTER].judge(self.requirement, self.set)]
        except ClusterError as problem:
            from seatrial.live.redaction import Redactor

            pytest.exit(printable(Redactor().text(str(problem))), returncode=pytest.ExitCode.USAGE_ERROR)


def _lines(requirement: Requirement, judgements: list[Judgement]) -> Iterator[str]:
    """The failure as text, for JUnit and for `--tb`: readable without the source."""
    yield f"{requirement.id}: {requirement.sentence}"
    for judgement in judgements:
        for finding in judgement.findings:
            yield f"{finding.file}:{finding.line}: {finding.object} {finding.path}"
            yield f"  observed: {finding.observed}"
            yield f"  expected: {finding.expected}"
            yield f"  why: {finding.why}"
            yield f"  fix: {finding.fix}"
            if finding.source:
                yield f"  source: {finding.source}"
        if judgement.evidence:
            yield f"  evidence: {judgement.evidence}"


def make(collector: pytest.Collector, name: str, function: Any) -> RequirementItem:
    """The item of a requirement. Raises pytest's CollectError when the function breaks the rules."""
    try:
        requirement = requirements.read(function)
    except BadRequirement as problem:
        raise pytest.Collector.CollectError(f"{collector.nodeid}: {problem}") from None
    layer = collector.path.parent.name  # folder = layer = marker
    kind = ClusterItem if layer == "cluster" else RequirementItem
    item: RequirementItem = kind.from_parent(collector, name=name, requirement=requirement)
    item.add_marker(layer)
    return item


def take_rows(report: pytest.TestReport) -> list[Row]:
    """The judgements that a report carries, taken out of it because pytest keeps reports; none for other tests."""
    found: list[Row] = []
    for name, value in report.user_properties:
        if name == PROPERTY:
            found.extend(Row(*row) for row in value)  # type: ignore[attr-defined]  # a property may be of any type
    report.user_properties = [pair for pair in report.user_properties if pair[0] != PROPERTY]
    return found


# Verdict → pytest's category (a word of the last line), the letter of a quiet run, the word of a verbose one.
_STATUS: dict[Verdict, tuple[str, str, Any]] = {
    Verdict.WARNED: ("warned", "w", ("WARNED", {"yellow": True})),
    Verdict.CANNOT_TELL: ("cannot tell", "?", ("CANNOT TELL", {"yellow": True})),
    Verdict.NOT_RUN: ("not run", "n", ("NOT RUN", {"yellow": True})),
    Verdict.NOT_APPLICABLE: ("not applicable", "-", ("NOT APPLICABLE", {})),
}


def status(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, Any] | None:
    """How a verdict shows among pytest's own; None where pytest's word is right already."""
    if report.when != "call" or report.failed:
        return None
    verdict = dict(report.user_properties).get("verdict")
    return _STATUS.get(Verdict(str(verdict))) if verdict else None
