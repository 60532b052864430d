"""The Kubernetes version a set is aimed at, and schemas judged at it or, if unknown, at all versions."""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from seatrial.finding import CannotTell
from seatrial.knowledge import kubernetes, versions
from seatrial.manifests import schema
from seatrial.manifests.document import Document
from seatrial.manifests.schema import Violation
from seatrial.target import Target

SUPPLY = 'seatrial.toml: [kubernetes] version = "v1.34.1-tke.8"'


def minor_of(target: Target) -> int | None:
    """The minor of the target's Kubernetes 1.x; None if the target does not say."""
    version = versions.parse(str(target.get("kubernetes.version") or ""))
    return version.numbers[1] if version else None


def is_served(document: Document, minor: int | None) -> bool:
    """Whether the API server has the object's kind, at a minor or, when it is unknown, at every known one.

    Raises CannotTell when the known minors differ.
    """
    api, kind = document.api_version, document.kind
    if minor is not None:
        return schema.known(api, kind, minor)
    known = _known_at(api, kind)
    if known and len(known) < len(kubernetes.minors()):
        raise CannotTell(f"{api} {kind} exists only in Kubernetes {_spans(known)}", SUPPLY)
    return bool(known)


@lru_cache(1024)
def _known_at(api_version: str, kind: str) -> tuple[int, ...]:
    return tuple(at for at in kubernetes.minors() if schema.known(api_version, kind, at))


@cache
def builtin_groups() -> frozenset[str]:
    """The API groups that Kubernetes itself serves or once served; the core group is the empty string."""
    identities = (*kubernetes.types()["kinds"], *kubernetes.removed_early())
    return frozenset(identity.split(" ")[0].rpartition("/")[0] for identity in identities)


def strict_violations(document: Document, minor: int | None) -> tuple[Violation, ...]:
    """The violations at a minor, or those that every known minor has when it is unknown.

    Raises CannotTell when the object is valid at some minors only.
    """
    if minor is not None:
        return schema.violations(document.value, minor)
    oldest, *others, newest = kubernetes.minors()
    at_ends = [schema.violations(document.value, at) for at in (oldest, newest)]
    if not any(at_ends):  # no field leaves the API and comes back, so what both ends know the others know
        return ()
    every = [at_ends[0], *(schema.violations(document.value, at) for at in others), at_ends[1]]
    valid = [at for at, found in zip(kubernetes.minors(), every, strict=True) if not found]
    if valid:
        raise CannotTell(f"{document.title} is valid only in Kubernetes {_spans(valid)}", SUPPLY)
    return tuple(_common(every)) or at_ends[1]


def _common(every: list[tuple[Violation, ...]]) -> Iterator[Violation]:
    """The newest minor's violations that all others have at the same place."""
    places = [{violation.path for violation in found} for found in every]
    return (violation for violation in every[-1] if all(violation.path in found for found in places))


def _spans(minors: Sequence[int]) -> str:
    """`1.25 to 1.31, 1.34`."""
    spans: list[list[int]] = []
    for minor in minors:
        if spans and minor == spans[-1][1] + 1:
            spans[-1][1] = minor
        else:
            spans.append([minor, minor])
    return ", ".join(f"1.{first}" if first == last else f"1.{first} to 1.{last}" for first, last in spans)
