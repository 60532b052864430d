"""The Kubernetes version a set is aimed at, and schemas judged at it or, if unknown, at all versions alike."""

from seatrial.finding import CannotTell
from seatrial.knowledge import kubernetes
from seatrial.manifests import schema
from seatrial.manifests.document import Document
from seatrial.manifests.schema import Violation
from seatrial.target import Target

SUPPLY = 'seatrial.toml: [kubernetes] version = "v1.34.1-tke.8"'


def minor_of(target: Target) -> int | None:
    """The minor of the target's Kubernetes 1.x; None if the target does not say."""
    version = target.get("kubernetes.version")
    return kubernetes.parse_version(str(version))[1] if version else None


def strict_violations(document: Document, minor: int | None) -> tuple[Violation, ...]:
    """The violations at a minor, or those of every minor when it is unknown.

    Raises CannotTell when the oldest and the newest known minor differ about the object.
    """
    if minor is not None:
        return schema.violations(document.value, minor)
    oldest, newest = kubernetes.minors()[0], kubernetes.minors()[-1]
    found = schema.violations(document.value, newest)
    if bool(found) != bool(schema.violations(document.value, oldest)):
        raise CannotTell(f"whether {document.title} is valid depends on the Kubernetes version", SUPPLY)
    return found
