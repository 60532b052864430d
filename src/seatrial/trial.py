"""One run over the static layer: the sets it judges and what it has said so far."""

import difflib
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from seatrial import catalogue, judge, manifest_set, shipped
from seatrial.api_server import definition_file
from seatrial.judge import Judgement
from seatrial.manifest_set import ManifestSet
from seatrial.manifests import names
from seatrial.manifests.source import UnreadableManifest, locate
from seatrial.requirement import Requirement
from seatrial.target import TARGET_FILE, Target, TargetError, load

Progress = Callable[[int, int], None]
"""Told how many sets of how many are read."""


class UsageError(Exception):
    """The user's input cannot be judged. Every problem is one line: what, where, how to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Trial:
    """The sets named on the command line, read once when the first requirement asks for them."""

    layer = "static"

    def __init__(self, manifests: list[str], target: str | None, namespace: str, crd: str | None, today: date) -> None:
        self._arguments = manifests or [str(shipped.manifests())]
        self._target = target
        self._namespace = namespace
        self._crd = crd
        self._today = today
        self._progress: Progress = lambda _done, _all: None

    def check(self, progress: Progress = lambda _done, _all: None) -> None:
        """Read everything now, telling how many sets are done. Raises UsageError."""
        self._progress = progress
        with _collector_paused():
            len(self.sets)  # reads them, and keeps them
            gc.freeze()

    @cached_property
    def sets(self) -> list[ManifestSet]:
        """Raises UsageError naming every problem of every set at once."""
        found: list[ManifestSet] = []
        problems: list[str] = []
        wrong = names.dns_label(self._namespace)
        if wrong:
            raise UsageError([f"--namespace `{self._namespace}` {wrong}; name a namespace, such as default"])
        try:
            locations = locate(self._arguments)
            definition = definition_file.load(Path(self._crd)) if self._crd is not None else None
        except UnreadableManifest as problem:
            raise UsageError([str(problem)]) from None
        for number, location in enumerate(locations):
            self._progress(number, len(locations))
            try:
                target = self._facts(location.folder)
                found.append(manifest_set.load(location, target, self._namespace, definition))
            except UnreadableManifest as problem:
                problems.extend(str(problem).splitlines())
            except TargetError as problem:
                problems.extend(problem.problems)
        self._progress(len(locations), len(locations))
        problems.extend(_bad_waivers(found, self._today))
        if problems:
            raise UsageError(list(dict.fromkeys(problems)))
        return found

    def take(self, sets: list[ManifestSet]) -> None:
        """Judge these: a cluster was asked which sets are on it. Raises UsageError for bad waivers."""
        problems = list(_bad_waivers(sets, self._today))
        if problems:
            raise UsageError(list(dict.fromkeys(problems)))
        self.sets = sets

    @property
    def target(self) -> Target:
        """The facts that the command line names, for sets that have no folder. Raises UsageError."""
        try:
            return self._stated
        except TargetError as problem:
            raise UsageError(problem.problems) from None

    def _facts(self, folder: Path | None) -> Target:
        if self._target is not None:
            return self._stated
        if folder is not None and os.path.lexists(folder / TARGET_FILE):  # what cannot be read is not left out
            return load(folder / TARGET_FILE)
        return Target.empty()

    @cached_property
    def _stated(self) -> Target:
        return load(Path(self._target)) if self._target is not None else Target.empty()

    def judge(self, requirement: Requirement) -> list[Judgement]:
        """The judgement of every set, in the order they were named."""
        with _collector_paused():
            found = [judge.judge(requirement, manifests) for manifests in self.sets]
            gc.freeze()
            return found

    def waived_requirements(self) -> frozenset[str]:
        """The ids that waivers name."""
        return frozenset(waiver.id for manifests in self.sets for waiver in manifests.target.waivers)

    def unused_waivers(self, waived: set[tuple[str, str, str]], decided: set[tuple[str, str]]) -> list[str]:
        """Waivers that matched no finding although their requirement was decided: they hide nothing.

        `waived` holds (set, requirement, object) of every waived finding, `decided` (set, requirement).
        """
        return list(
            dict.fromkeys(
                f"{waiver.place}: the waiver of {waiver.id} for {waiver.object} matches no finding; remove it"
                for manifests in self.sets
                for waiver in manifests.target.waivers
                if (manifests.name, waiver.id) in decided
                and not any(
                    name == manifests.name and waiver.matches(requirement, object)
                    for name, requirement, object in waived
                )
            )
        )

    def targets(self) -> dict[str, dict[str, Any]]:
        """The facts of each set's target, for the report."""
        return {manifests.name: dict(manifests.target.facts) for manifests in self.sets}

    @property
    def notes(self) -> list[str]:
        """What the user has to know before anything is judged: nothing here."""
        return []

    @property
    def described(self) -> str:
        """The sets for the header, in one line."""
        sets = [manifests.name for manifests in self.sets]
        objects = sum(len(manifests.documents) for manifests in self.sets)
        shown = ", ".join(sets[:6]) + (f", and {len(sets) - 6} more" if len(sets) > 6 else "")
        return f"{len(sets)} set{'s' * (len(sets) != 1)} ({shown}), {objects} objects"


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Sets live until the process ends and judging leaves no cycles behind: the collector would look in vain."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _bad_waivers(sets: list[ManifestSet], today: date) -> Iterator[str]:
    """Waivers that are past their date, or of a requirement that does not exist."""
    for waiver in (waiver for manifests in sets for waiver in manifests.target.waivers):
        if waiver.id not in catalogue.ids():
            close = difflib.get_close_matches(waiver.id, sorted(catalogue.ids()), n=1, cutoff=0)
            yield f"{waiver.place}: there is no requirement {waiver.id}; the closest is {', '.join(close) or 'none'}"
        elif waiver.expired(today):
            yield (
                f"{waiver.place}: the waiver of {waiver.id} for {waiver.object} expired on {waiver.expires}; "
                "mend the manifest, or decide again and give a new date"
            )
