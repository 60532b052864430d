"""Documents of the built-in Kubernetes kinds against the types of one minor, without unknown fields."""

from functools import cache

from seatrial.knowledge import kubernetes
from seatrial.manifests.api_types import Catalogue, Entry, Layer
from seatrial.manifests.shapes import Shape
from seatrial.manifests.violation import Path, Violation

__all__ = ["Path", "Violation", "available_versions", "known", "layer", "removed_in", "violations"]


def violations(raw: object, minor: int) -> tuple[Violation, ...]:
    """What in the document differs from the schema of its kind at Kubernetes 1.`minor`.

    A minor that is not in `knowledge.kubernetes.minors()` is judged by the nearest one that is. A kind that `known`
    denies, and what is no object at all, has no violations: say "cannot tell" then.
    """
    shape = _shape(*_identity(raw), kubernetes.nearest_minor(minor))
    found: list[Violation] = []
    if shape is not None:
        shape.check(raw, (), found)
    return tuple(found)


def known(api_version: str, kind: str, minor: int) -> bool:
    """Whether Kubernetes 1.`minor` has this kind in this version."""
    return _struct(api_version, kind, kubernetes.nearest_minor(minor)) is not None


def available_versions(kind: str, minor: int | None = None) -> tuple[str, ...]:
    """The apiVersions that have the kind, at one minor or at any, stable ones first."""
    at = None if minor is None else kubernetes.nearest_minor(minor)
    found = [
        api
        for api, name in (key.split(" ") for key in kubernetes.types()["kinds"])
        if name == kind and (at is None or _struct(api, name, at) is not None)
    ]
    return tuple(sorted(found, key=lambda api: ("beta" in api, "alpha" in api, api)))


def removed_in(api_version: str, kind: str) -> str | None:
    """The first release, as `1.26`, that no longer serves a kind it once did; None for all others."""
    key = f"{api_version} {kind}"
    spans = _spans(api_version, kind)
    if not spans:
        return kubernetes.removed_early().get(key)
    until = spans[-1].until
    return f"1.{int(until.removeprefix('1.')) + 1}" if until else None


@cache
def layer(minor: int) -> Layer:
    """The built-in types of one known minor, as a layer of a catalogue."""
    return Layer("Kubernetes", (1, minor), kubernetes.types()["structs"])


@cache
def _catalogue(minor: int) -> Catalogue:
    return Catalogue((layer(minor),))


@cache
def _shape(api_version: str, kind: str, minor: int) -> Shape | None:
    name = _struct(api_version, kind, minor)
    return None if name is None else _catalogue(minor).shape(name)


def _struct(api_version: str, kind: str, minor: int) -> str | None:
    return next((entry.word for entry in _spans(api_version, kind) if entry.known_at((1, minor))), None)


def _spans(api_version: str, kind: str) -> tuple[Entry, ...]:
    texts = kubernetes.types()["kinds"].get(f"{api_version} {kind}", ())
    return tuple(map(Entry.parse, [texts] if isinstance(texts, str) else texts))


def _identity(raw: object) -> tuple[str, str]:
    """The document's apiVersion and kind; empty strings, which name no kind, when there are none."""
    pair = (raw.get("apiVersion"), raw.get("kind")) if isinstance(raw, dict) else (None, None)
    return (pair[0], pair[1]) if isinstance(pair[0], str) and isinstance(pair[1], str) else ("", "")
