"""A LeaderWorkerSet against the schema that its release installs, without unknown fields.

The set's own fields are in `fields.toml`. Pod and claim templates have the fields of the Kubernetes libraries that the
release was built with, whatever the cluster's version: the server drops newer ones.
"""

import tomllib
from functools import cache
from pathlib import Path as File
from typing import Any

from seatrial.lws import releases
from seatrial.lws.reading import at
from seatrial.lws.releases import Release
from seatrial.manifests import crd, schema
from seatrial.manifests.api_types import Catalogue, Layer
from seatrial.manifests.shapes import Shape
from seatrial.manifests.violation import Path, Violation, describe

__all__ = ["API_VERSION", "KIND", "crd_violations", "in_pod_template", "violations"]

API_VERSION, KIND = "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"

PRODUCT = "LeaderWorkerSet"
"""How `Violation.known_from` calls a release: `LeaderWorkerSet 0.9.0`."""

WEBHOOK_KEEPS = Release(0, 9, 0)
"""From here on (controller-runtime 0.24) the webhook leaves a complete object as it is. Before, and still when it
completes one, it writes the whole object anew, and a quantity like 0.5 becomes the string that the schema wants."""

_TEMPLATES: frozenset[Path] = frozenset(
    ("spec", "leaderWorkerTemplate", template) for template in ("leaderTemplate", "workerTemplate")
)


def violations(raw: object, release: str | Release) -> tuple[Violation, ...]:
    """What in the document differs from the schema of this release.

    A field or value of another LWS release, or a pod field of another Kubernetes minor, says so in `known_from`.
    Raises `releases.UnknownRelease` for a release that is not modelled.
    """
    judged = release if isinstance(release, Release) else releases.release(release)
    found: list[Violation] = []
    _shape(judged, judged < WEBHOOK_KEEPS or _is_completed(raw)).check(raw, (), found)
    return tuple(found)


def in_pod_template(violation: Violation) -> bool:
    """Whether it lies in the pod spec of one of the two templates, where Kubernetes and not LWS defines the fields."""
    return violation.path[:3] in _TEMPLATES and violation.path[3:4] == ("spec",)


_COMPLETED = {
    (("spec", "networkConfig"), "required"),
    (("spec", "leaderWorkerTemplate", "restartPolicy"), "value", describe("")),
    (("spec", "rolloutStrategy", "type"), "value", describe("")),
}
"""What the webhook puts right before the schema is checked."""


def crd_violations(raw: object, definition: dict[str, Any]) -> tuple[Violation, ...]:
    """What differs from the schema in a CustomResourceDefinition that the user gives instead of a release.

    Nothing if the definition has no LeaderWorkerSet of the document's apiVersion (ask `manifests.crd.describes`).
    Raises `manifests.crd.InvalidDefinition` if its schema cannot be used.
    """
    return tuple(
        found
        for found in crd.crd_violations(raw, definition)
        if not {(found.path, found.kind), (found.path, found.kind, found.observed)} & _COMPLETED
    )


def _is_completed(raw: object) -> bool:
    """Whether the mutating webhook will find something to fill in or replace."""
    return (
        at(raw, "spec", "networkConfig", "subdomainPolicy") is None
        or at(raw, "spec", "rolloutStrategy", "rollingUpdateConfiguration") is None
        or at(raw, "spec", "rolloutStrategy", "type") == ""
        or at(raw, "spec", "leaderWorkerTemplate", "restartPolicy") in ("", "Default")
    )


@cache
def _shape(release: Release, fractions: bool) -> Shape:
    own = Layer(PRODUCT, (release.major, release.minor, release.patch), _fields())
    return Catalogue((own, schema.layer(release.kubernetes[1])), unique_keys=True, fractions=fractions).shape(KIND)


@cache
def _fields() -> dict[str, Any]:
    text = File(__file__).with_name("fields.toml").read_text(encoding="utf-8")
    structs: dict[str, Any] = tomllib.loads(text)["structs"]
    return structs
