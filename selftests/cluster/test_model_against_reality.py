"""The model of LeaderWorkerSet against real API servers, webhooks and controllers, release by release.

Generated sets are created all at once; what becomes of each is compared whole with what `seatrial.lws` expects. Where
one differs, hypothesis makes it smaller, against the same cluster.

Runs are the same each time. For other sets, or more:

    SEATRIAL_MODEL_SEED=7 SEATRIAL_MODEL_EXAMPLES=1000 pytest selftests/cluster/test_model_against_reality.py
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from seatrial.clusters.kwok import Kwok
from seatrial.clusters.leftovers import Run
from seatrial.lws.reading import at
from seatrial.lws.releases import Fact, Release, release
from seatrial.lws.rollout import budget

from .answers import answer_differences, is_void, without_unknown
from .comparison import Seen, differences
from .generated_sets import KEPT, Case, Manifest, cases
from .outcomes import QUIET, Cluster, is_large, nodes, parallel

SEED = int(os.environ.get("SEATRIAL_MODEL_SEED", "0"))
EXAMPLES = {"0.9.0": 260, "0.8.0": 100, "0.7.0": 100, "0.6.2": 100}
"""How many sets are drawn for each release; about one in six of them is drawn twice."""

QUICK = 3.0
"""Seconds without any change that must be enough where there is only one set."""

SMALLER = 30
"""How many more cases are tried, one by one, on the way to the smallest that differs."""


class Trial(NamedTuple):
    """A set that a case made, as written and as stored; and, where it is an update, what was there before."""

    case: Case
    written: Manifest
    stored: Manifest
    before: tuple[Manifest, Seen] | None = None


class Reality:
    """What the controllers of a release made of cases; each case is tried once."""

    def __init__(self, cluster: Cluster, judged: Release) -> None:
        self.cluster = cluster
        self.release = judged
        self.found: dict[str, list[str]] = {}
        self.made = self.refused = self.updated = self.smaller = 0

    def differences(self, case: Case) -> list[str]:
        """Between what the model expects of the case and what became of it; none of what is not tried any more."""
        if key(case) not in self.found and self.smaller < SMALLER:
            self.smaller += 1
            self.try_out([case], quiet=QUICK)
        return self.found.get(key(case), [])

    def try_out(self, wanted: Sequence[Case], quiet: float = QUIET) -> None:
        """Create the sets of all cases, wait, update those that have an update, wait."""
        created = self._created(wanted)
        seen = self._settle(created, "", quiet)
        self._settle(self._updated(created, seen), "after the update: ", quiet)

    def _created(self, wanted: Sequence[Case]) -> list[Trial]:
        namespaces = parallel(lambda _: self.cluster.namespace(), wanted)
        pairs = zip(wanted, namespaces, strict=True)
        answers = parallel(lambda pair: self.cluster.create(pair[0].manifest, pair[1]), pairs)
        trials = []
        for case, answer in zip(wanted, answers, strict=True):
            self.found[key(case)] = list(answer_differences(case.manifest, self.release, answer))
            self.refused += answer.stored is None
            if answer.stored is not None and not is_large(case.manifest):
                trials.append(Trial(case, case.manifest, answer.stored))
        self.made += len(trials)
        return trials

    def _updated(self, created: Sequence[Trial], seen: Sequence[Seen]) -> list[Trial]:
        rested = [
            (trial.case, trial.case.update, there)
            for trial, there in zip(created, seen, strict=True)
            if trial.case.update is not None and not self.found[key(trial.case)]
        ]
        rested = [each for each in rested if rollout_ends(each[1], self.release)]
        answers = parallel(lambda each: self.cluster.update(*each[1:]), rested)
        trials = []
        for (case, update, there), answer in zip(rested, answers, strict=True):
            self.found[key(case)] += answer_differences(update, self.release, answer, case.manifest)
            if answer.stored is not None:
                trials.append(Trial(case, update, answer.stored, (case.manifest, there)))
        self.updated += len(trials)
        return trials

    def _settle(self, trials: Sequence[Trial], when: str, quiet: float) -> list[Seen]:
        """Wait for the controllers, and keep what differs then."""

        def judge(place: int, seen: Seen) -> list[str]:
            return list(self._differences(trials[place], seen))

        settled = self.cluster.settle([trial.stored for trial in trials], judge, quiet)
        for trial, (_, differing) in zip(trials, settled, strict=True):
            self.found[key(trial.case)] += [when + each for each in differing]
        return [seen for seen, _ in settled]

    def _differences(self, trial: Trial, seen: Seen) -> Iterator[str]:
        if is_void(trial.written, self.release) or is_refused_by_gate(trial.written, self.release):
            yield from (f"{' '.join(child)}: there, but not expected" for child in seen.objects)
            return
        written, before = without_unknown(trial.written, self.release), trial.before
        if before is not None:
            before = (without_unknown(before[0], self.release), before[1])
        yield from differences(written, self.release, seen, before)


def key(case: Case) -> str:
    return json.dumps(asdict(case), sort_keys=True)


def rollout_ends(manifest: Manifest, judged: Release) -> bool:
    """Whether a rollout comes to its end: before 0.9.0 one without unavailable groups may not (lws#776)."""
    resolved = budget(manifest, judged)
    return judged.has(Fact.SURGE_COVERS_UNREADY) or resolved is None or resolved.unavailable > 0


def is_refused_by_gate(manifest: Manifest, judged: Release) -> bool:
    """Whether the leader StatefulSet has a maxUnavailable of 0, which the API server takes only where it drops it.

    Before 0.9.0 it has that of the set (lws#781).
    """
    given = at(manifest, "spec", "rolloutStrategy", "rollingUpdateConfiguration", "maxUnavailable")
    return given in (0, "0%") and not judged.has(Fact.RESOLVED_MAX_UNAVAILABLE)


class GatedKwok(Kwok):
    """A cluster whose API server keeps maxUnavailable of StatefulSets, which Kubernetes 1.34 by itself drops."""

    def _configuration(self, programs: Mapping[str, Path], chosen: Mapping[str, int]) -> dict[str, Any]:
        result = super()._configuration(programs, chosen)
        result["options"]["kubeFeatureGates"] = "MaxUnavailableStatefulSet=true"
        return result


@pytest.fixture(scope="module", params=EXAMPLES)
def reality(request: pytest.FixtureRequest, run: Run, asset_folders: tuple[Path, ...]) -> Iterator[Reality]:
    provider = GatedKwok(request.param, nodes(), asset_folders=asset_folders, run=run)
    try:
        cluster = Cluster(provider.start().kubeconfig)
        cluster.prepare(volumes=400)
        yield Reality(cluster, release(request.param))
    finally:
        provider.stop()


def settings_of(judged: Release, *phases: Phase) -> Any:
    examples = int(os.environ.get("SEATRIAL_MODEL_EXAMPLES", EXAMPLES[str(judged)]))
    return settings(
        max_examples=examples, phases=phases, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )


def test_generated_sets(reality: Reality) -> None:
    drawn: dict[str, Case] = {}

    @seed(f"{SEED}, {reality.release}")
    @settings_of(reality.release, Phase.generate)
    @given(cases())
    def draw(case: Case) -> None:
        drawn[key(case)] = case

    # The same seed draws the same cases; all of them have been tried out by then, but for those made to be smaller.
    @seed(f"{SEED}, {reality.release}")
    @settings_of(reality.release, Phase.generate, Phase.shrink)
    @given(cases())
    def judge(case: Case) -> None:
        found = reality.differences(case)
        assert not found, "\n".join([f"LWS {reality.release}, seed {SEED}:", *found, yaml.safe_dump(asdict(case))])

    draw()
    reality.try_out([*KEPT.values(), *drawn.values()])
    assert not [f"{name}: {each}" for name, case in KEPT.items() for each in reality.differences(case)]
    judge()
    # Neither are all cases of one kind, nor are they few.
    made, refused, updated = reality.made, reality.refused, reality.updated
    print(f"LWS {reality.release}: {made} sets made, {refused} refused, {updated} of those made updated")
    assert made >= len(drawn) / 2 and refused >= 3 and updated >= 1
    assert len(drawn) >= 50
