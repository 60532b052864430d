"""One run over the cluster layer: for each set a cluster, the set on it, and what has been said of it so far."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from seatrial import judge
from seatrial.clusters.capability import Capability
from seatrial.clusters.provider import Progress, silent
from seatrial.finding import CannotTell, Finding, Reported
from seatrial.judge import Judgement
from seatrial.live import evidence, subjects
from seatrial.live.deployed import Deployed, missing
from seatrial.live.objects import LivePlace
from seatrial.live.redaction import Redactor
from seatrial.live.settings import Settings
from seatrial.live.user_cluster import UserCluster
from seatrial.live.voyage import Voyage
from seatrial.manifest_set import ManifestSet
from seatrial.requirement import Requirement
from seatrial.trial import Trial
from seatrial.verdict import Verdict

_STEADY_S = 2.0
"""A finding on a cluster that has not changed for so long is no accident of the moment it was looked at."""
_PATIENCE_S = 10.0
"""How long all looks of one set may wait for such a moment."""


class ClusterTrial:
    """Sets are judged one after the other, each on a cluster of its own unless the user named one."""

    layer = "cluster"

    def __init__(self, trial: Trial, settings: Settings, report_dir: Path) -> None:
        self.settings = settings
        self._trial = trial
        self._report_dir = report_dir
        self._voyage: Voyage | None = None
        self._under_way: Deployed | None = None
        self._patience_s = _PATIENCE_S
        self._evidence = ""
        self.progress: Progress = silent

    # What is judged.

    @cached_property
    def sets(self) -> list[ManifestSet]:
        """The sets that the user named, else what a cluster's users have deployed. Raises UsageError, ClusterError."""
        if self._user_cluster is not None:
            named = self._trial.sets if self.settings.named else None
            self._trial.take(self._user_cluster.sets(named, self._trial.target))
        return self._trial.sets

    @cached_property
    def _user_cluster(self) -> UserCluster | None:
        return UserCluster(self.settings, self.progress) if self.settings.chosen == "existing" else None

    @property
    def names(self) -> list[str]:
        return [manifests.name for manifests in self.sets]

    def check(self, progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        """Find out now what would end the run later. Raises UsageError, ClusterError."""
        if self._user_cluster is None or self.settings.named:
            self._trial.check(progress)
        len(self.sets)  # reads them, and keeps them

    # Judging.

    def judge(self, requirement: Requirement, name: str) -> Judgement:
        """The judgement of one set. Raises ClusterError when there is no cluster to judge it on."""
        deployed = self.enter(name)
        lacking = [capability for capability in requirement.needs if capability not in deployed.cluster.capabilities]
        if lacking:
            return judge.undecided(requirement, deployed, self._lacking(deployed, lacking[0]))
        judgement = judge.judge(requirement, deployed, subjects.of)
        if _broken(judgement) and not requirement.disruptive and self._wait_until_steady(deployed):
            judgement = judge.judge(requirement, deployed, subjects.of)
        if _broken(judgement) or judgement.verdict is Verdict.ERROR:
            judgement.evidence = self._gather(deployed, requirement)
        return _redacted(judgement, deployed.once(evidence.redactor))

    def _lacking(self, deployed: Deployed, capability: Capability) -> CannotTell | Finding:
        if capability in self.settings.require:
            return missing(LivePlace("", deployed.cluster.name), capability)
        return CannotTell(*deployed.cluster.why_not(capability))

    def _wait_until_steady(self, deployed: Deployed) -> bool:
        """Whether something has changed since, so that a second look is worth its while."""
        assert self._voyage is not None
        view = self._voyage.view
        waited = 0.0
        while (quiet := view.quiet_s) < _STEADY_S and waited < self._patience_s:
            pause = min(_STEADY_S - quiet, self._patience_s - waited)
            time.sleep(pause)
            waited += pause
        self._patience_s -= waited
        view.refresh()
        deployed.look_again()
        return waited > 0

    def _gather(self, deployed: Deployed, requirement: Requirement) -> str:
        """Evidence of a failure: once for the set as it stands, anew for each experiment."""
        if not requirement.disruptive and self._evidence:
            return self._evidence
        folder = self._report_dir / "evidence" / deployed.name / (requirement.id if requirement.disruptive else "set")
        path = evidence.gather(deployed, folder, requirement.id)
        if not requirement.disruptive:
            self._evidence = path
        return path

    # The cluster below it.

    def enter(self, name: str) -> Deployed:
        """The set on its cluster, brought there when it is first asked for. Raises ClusterError."""
        if self._under_way is not None and self._under_way.name == name:
            return self._under_way
        self.leave()
        manifests = next(manifests for manifests in self.sets if manifests.name == name)
        adopted = self._user_cluster.provider if self._user_cluster is not None else None
        self._voyage = Voyage(manifests, self.settings, self.progress, adopted)
        self._patience_s = _PATIENCE_S
        self._evidence = ""
        self._under_way = self._voyage.begin()
        return self._under_way

    def leave(self) -> None:
        """Take away what the present set brought. Never raises."""
        voyage, self._voyage, self._under_way = self._voyage, None, None
        if voyage is not None:
            voyage.end()

    # What the report asks.

    def waived_requirements(self) -> frozenset[str]:
        return self._trial.waived_requirements()

    def unused_waivers(self, waived: set[tuple[str, str, str]], decided: set[tuple[str, str]]) -> list[str]:
        return self._trial.unused_waivers(waived, decided)

    def targets(self) -> dict[str, dict[str, object]]:
        return self._trial.targets()

    @property
    def described(self) -> str:
        """The sets and where they run, for the header, in one line."""
        reason = "no --kubeconfig" if self.settings.provider == "auto" else "--cluster"
        where = self._user_cluster.described if self._user_cluster is not None else f"kwok ({reason})"
        return f"{self._trial.described} on {where}"

    @property
    def notes(self) -> list[str]:
        """What the user has to know before anything is judged, one sentence each."""
        return self._user_cluster.notes if self._user_cluster is not None else []


def _redacted(judgement: Judgement, redactor: Redactor) -> Judgement:
    """What servers and programs say, and findings quote, may hold secrets."""

    def clean(found: tuple[Reported, ...]) -> tuple[Reported, ...]:
        return tuple(
            replace(one, observed=redactor.text(one.observed), expected=redactor.text(one.expected)) for one in found
        )

    judgement.findings, judgement.waived = clean(judgement.findings), clean(judgement.waived)
    judgement.reason = redactor.text(judgement.reason)
    return judgement


def _broken(judgement: Judgement) -> bool:
    return judgement.verdict in (Verdict.FAILED, Verdict.WARNED)
