"""What a LeaderWorkerSet meets on its way into the cluster: the schema of its release, and the webhook.

When the target does not say which release it has, a finding stands only if every known release agrees; what some of
them refuse cannot be told. A CustomResourceDefinition that the user gave takes the place of the schema.
"""

from collections.abc import Callable, Hashable, Iterable
from enum import Enum
from typing import Any, TypeVar

from seatrial.finding import CannotTell, Finding
from seatrial.lws import admission, schema
from seatrial.lws.admission import Refusal, Rule
from seatrial.lws.releases import NEWEST, RELEASES, Release
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.violation import Violation
from seatrial.requirement import Outcomes
from seatrial.workload.leader_worker_set import LeaderWorkerSet, leader_worker_sets

SUPPLY = 'seatrial.toml: [lws] version = "0.9.0"'
Answer = TypeVar("Answer")
Said = list[tuple[Answer, tuple[Release, ...]]]
"""Answers, each with the releases that give it."""

# Schema and webhook rules never change within a minor release.
_MINORS = tuple({(release.major, release.minor): release for release in RELEASES}.values())
_EXPECTED: dict[Rule, str] = {
    "name": "a DNS-1035 label of at most 63 characters",
    "replicas": "0 to 1,000,000",
    "size": "1 or more",
    "pods": "at most 2,147,483,647 pods",
    "max-unavailable": "a whole number from 0, or 0% to 100%",
    "max-surge": "a whole number from 0, or 0% to 100%",
    "budgets": "a maxUnavailable or maxSurge that comes to at least one group",
    "partition": "0 or more",
    "subgroup-size": "a size that divides the group, or the group without its leader",
    "subgroup-topology": "a subGroupPolicy beside the annotation",
}
# Lists whose items have to differ in every pod: K8S-02 (env) and K8S-07 judge them, whatever carries the template.
_UNIQUE_IN_PODS = frozenset({"containers", "env", "initContainers", "volumeMounts", "volumes"})


class Subject(Enum):
    """What a schema's objection is about; each one is a requirement of its own."""

    OBJECT = "the object"
    RELEASE = "a field or value that another LWS release has"
    TEMPLATE = "a pod field that another Kubernetes minor has"


def refused(lws: LeaderWorkerSet, *rules: Rule) -> Outcomes:
    """What the webhook refuses by these rules."""
    for refusal, releases in lws.manifests.once(_refusals)[id(lws.document)]:
        if refusal.rule in rules:
            finding = Finding(lws.document.at(*refusal.path), refusal.message, _EXPECTED[refusal.rule])
            yield _outcome(lws, finding, releases)


def objections(lws: LeaderWorkerSet, subject: Subject) -> Outcomes:
    """What the schema does not accept, of one kind. Raises nothing, whatever the object holds."""
    for violation, releases in lws.manifests.once(_violations)[id(lws.document)]:
        if _subject(lws, violation) is subject:
            finding = Finding(lws.document.at(*violation.path), violation.message, violation.expected)
            yield _outcome(lws, finding, releases)


def _outcome(lws: LeaderWorkerSet, finding: Finding, releases: tuple[Release, ...]) -> Finding | CannotTell:
    asked = _asked(lws)
    if releases == asked:
        return finding
    where = ", ".join(str(release) for release in releases)
    return CannotTell(f"{finding.observed}: refused or pruned by LWS {where}, not by others", SUPPLY)


def _asked(lws: LeaderWorkerSet) -> tuple[Release, ...]:
    return _MINORS if lws.release is None else (lws.release,)


def _refusals(manifests: ManifestSet) -> dict[int, Said[Refusal]]:
    return {id(lws.document): _refusals_of(lws) for lws in manifests.once(leader_worker_sets)}


def _refusals_of(lws: LeaderWorkerSet) -> Said[Refusal]:
    raw = _raw(lws)
    return _gathered(
        _asked(lws),
        lambda release: admission.refusals(raw, release),
        lambda refusal: (refusal.path, refusal.rule),
    )


def _violations(manifests: ManifestSet) -> dict[int, Said[Violation]]:
    return {id(lws.document): _violations_of(lws) for lws in manifests.once(leader_worker_sets)}


def _violations_of(lws: LeaderWorkerSet) -> Said[Violation]:
    raw, asked = _raw(lws), _asked(lws)
    if lws.manifests.definition is not None:
        found = schema.crd_violations(raw, lws.manifests.definition)
        return [(violation, asked) for violation in found if not _is_judged_elsewhere(violation)]
    # What the oldest and the newest release accept is accepted by those between: nothing left and came back.
    if not any(schema.violations(raw, release) for release in {asked[0], asked[-1]}):
        return []
    said = _gathered(asked, lambda release: schema.violations(raw, release), lambda found: (found.path, found.kind))
    return [answer for answer in said if not _is_judged_elsewhere(answer[0])]


def _gathered(
    releases: tuple[Release, ...], ask: Callable[[Release], Iterable[Answer]], key: Callable[[Answer], Hashable]
) -> Said[Answer]:
    """The answers of all releases, those with one key counted as one."""
    first: dict[Hashable, Answer] = {}
    given: dict[Hashable, list[Release]] = {}
    for release in releases:
        for answer in ask(release):
            first.setdefault(key(answer), answer)
            givers = given.setdefault(key(answer), [])
            if release not in givers:
                givers.append(release)
    return [(answer, tuple(given[known])) for known, answer in first.items()]


def _is_judged_elsewhere(violation: Violation) -> bool:
    inside = violation.path[-2:-1]
    return violation.kind == "value" and isinstance(violation.path[-1], int) and inside[0] in _UNIQUE_IN_PODS


def _subject(lws: LeaderWorkerSet, violation: Violation) -> Subject:
    if lws.manifests.definition is not None:
        versioned = violation.kind == "unknown field" or violation.path[-1:] == ("restartPolicy",)
        newest = {found.path for found in schema.violations(_raw(lws), NEWEST)}
        known_elsewhere = versioned and violation.path not in newest
    else:
        known_elsewhere = violation.known_from is not None
    if not known_elsewhere:
        return Subject.OBJECT
    return Subject.TEMPLATE if schema.in_pod_template(violation) else Subject.RELEASE


def _raw(lws: LeaderWorkerSet) -> dict[str, Any]:
    return lws.document.root.mapping
