"""LeaderWorkerSet releases, and what changed between them that a manifest or an expectation can notice.

Sources: the API types, webhooks and controllers of kubernetes-sigs/lws at each tag; issue numbers stand beside facts.
Releases before 0.5.1 are not modelled.
"""

import re
from enum import Enum
from typing import Final, NamedTuple

_FORM = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")


class UnknownRelease(ValueError):
    """The text names no release that is modelled; `closest` is the nearest one that is."""

    def __init__(self, text: str, closest: "Release") -> None:
        super().__init__(f"unknown LeaderWorkerSet release {text!r}; the closest known one is {closest}")
        self.text = text
        self.closest = closest


class Release(NamedTuple):
    """One tag of kubernetes-sigs/lws, ordered as versions are."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def has(self, fact: "Fact") -> bool:
        """Whether the fact holds for this release."""
        return self >= fact.since

    @property
    def kubernetes(self) -> tuple[int, int]:
        """The Kubernetes version whose pod template schema is embedded in this release's CRD (its `k8s.io/api`)."""
        return _KUBERNETES[self.major, self.minor]

    @property
    def restart_policies(self) -> tuple[str, ...]:
        """The values that `restartPolicy` may have; `Default` is the deprecated name of `None`."""
        known = ("Default", "RecreateGroupOnPodRestart", "None")
        return (*known, "RecreateGroupAfterStart") if self.has(Fact.RECREATE_AFTER_START) else known


_KUBERNETES: Final = {
    (0, 5): (1, 31),
    (0, 6): (1, 32),
    (0, 7): (1, 33),
    (0, 8): (1, 34),
    (0, 9): (1, 36),
    (0, 10): (1, 36),
}


class Fact(Enum):
    """Something that holds from one release on: `since`, and `what` in words for people."""

    WORKER_INDEX_ENV = (Release(0, 6, 0), "LWS_WORKER_INDEX is injected into every container")
    SUBGROUP_SIZE_KEY = (Release(0, 6, 0), "the sub-group size annotation has the leaderworkerset.sigs.k8s.io prefix")
    SUBGROUP_TYPE = (Release(0, 6, 0), "subGroupPolicyType exists and is annotated on leaders")
    SERVICE_LABEL = (Release(0, 6, 0), "headless Services carry the set's name as a label")
    RECURSION_GUARD = (Release(0, 6, 0), "a leader that looks like a worker gets no StatefulSet (lws#391)")
    ZERO_REPLICAS_ANY_BUDGET = (Release(0, 6, 0), "replicas 0 may have both rollout budgets 0 (lws#439)")
    SIZE_MUTABLE = (Release(0, 7, 0), "size may be changed")
    PARTITION = (Release(0, 7, 0), "rollingUpdateConfiguration.partition exists")
    UNREADY_COUNT = (Release(0, 7, 0), "old groups that are not ready count against maxUnavailable (lws#567)")
    PARTITION_CHECKED = (Release(0, 8, 0), "a negative partition is refused (lws#618)")
    CLAIM_TEMPLATES = (Release(0, 8, 0), "volumeClaimTemplates and persistentVolumeClaimRetentionPolicy exist")
    RECREATE_AFTER_START_ANNOTATION = (Release(0, 8, 0), "annotation experimental-recreate-group-after-start exists")
    RECREATE_AFTER_START = (Release(0, 9, 0), "restartPolicy RecreateGroupAfterStart exists")
    OBSERVED_GENERATION = (Release(0, 9, 0), "status and conditions carry observedGeneration")
    WORKER_READINESS = (Release(0, 9, 0), "a group is ready only when its workers are (lws#705)")
    SURGE_COVERS_UNREADY = (Release(0, 9, 0), "surge groups stay until the budget covers what is not ready (lws#776)")
    RESOLVED_MAX_UNAVAILABLE = (Release(0, 9, 0), "the leader StatefulSet gets a resolved maxUnavailable (lws#781)")
    SUBGROUP_TYPE_ON_WORKERS = (Release(0, 10, 0), "the sub-group policy type is annotated on workers (lws#945)")
    SUBGROUP_SIZE_ONE = (Release(0, 10, 0), "sub-groups of size 1 keep the leader alone (lws#918)")
    INHERITED_METADATA = (Release(0, 10, 0), "StatefulSets inherit the set's labels and annotations")
    REPLICAS_BOUND = (Release(0, 10, 0), "replicas may be at most 1,000,000")

    def __init__(self, since: Release, what: str) -> None:
        self.since = since
        self.what = what


RELEASES: Final = tuple(
    Release(*numbers)
    for numbers in (
        (0, 5, 1), (0, 6, 0), (0, 6, 1), (0, 6, 2), (0, 6, 3), (0, 7, 0), (0, 8, 0), (0, 9, 0), (0, 10, 0),
    )
)  # fmt: skip

NEWEST: Final = RELEASES[-1]

DEFAULT: Final = Release(0, 9, 0)
"""The newest release whose behaviour was observed, not only read; the one to name when a text is like no release."""

MAX_REPLICAS: Final = 1_000_000
"""Upper bound of `spec.replicas` where `Fact.REPLICAS_BOUND` holds."""

MAX_PODS: Final = 2**31 - 1
"""Upper bound of replicas times size, in every release."""


def release(text: str) -> Release:
    """Read `0.9.0`, `v0.9.0` or `0.9` (the last patch of that minor).

    Raises:
        UnknownRelease: the text is not of that form, or names a release that is not modelled.
    """
    match = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise UnknownRelease(str(text), _closest_text(str(text)))
    major, minor, patch = match.groups()
    wanted = (int(major), int(minor), None if patch is None else int(patch))
    for known in reversed(RELEASES):
        if (known.major, known.minor) == wanted[:2] and wanted[2] in (None, known.patch):
            return known
    raise UnknownRelease(text, _closest_number(*wanted))


def _closest_number(major: int, minor: int, patch: int | None) -> Release:
    wanted = Release(major, minor, patch or 0)
    if wanted > NEWEST:
        return NEWEST
    return min(RELEASES, key=lambda known: [abs(a - b) for a, b in zip(known, wanted, strict=True)])


def _closest_text(text: str) -> Release:
    import difflib  # only needed on the way to an error

    names = {str(known): known for known in RELEASES}
    close = difflib.get_close_matches(text, names, n=1, cutoff=0.0)
    return names[close[0]] if close else DEFAULT
