"""Services that a set refers to and does not declare: stated as existing, missing, or not known."""

from collections.abc import Iterator

from seatrial.finding import CannotTell, Finding
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node


def is_declared(manifests: ManifestSet, name: str, namespace: str) -> bool:
    """Whether the target states a Service of that name outside the set."""
    return bool(_stated(manifests, name, namespace))


def outside(
    manifests: ManifestSet, place: Node, namespace: str, port: str | None, name: str | None = None
) -> Iterator[Finding | CannotTell]:
    """What is wrong with a reference to a Service that the set does not declare.

    In a namespace that has Services of the set it is taken for missing, elsewhere nobody can tell, unless the target
    states it under `existing.services`. The name is what stands at `place` when it is not given.
    """
    name = name or place.text or ""
    stated = _stated(manifests, name, namespace)
    if stated:
        if port is not None and not any(known in (None, port) for known in stated):
            yield Finding(place, f"port {port} of Service {name}", f"port {stated[0]}, as existing.services states")
    elif any(manifests.namespace(service) == namespace for service in manifests.of_kind("Service", group="")):
        yield Finding(place, f"no Service {name or '?'} in namespace {namespace}", "a Service of the set")
    else:
        yield CannotTell(
            f"whether namespace {namespace} has a Service {name}",
            f'seatrial.toml: [existing] services = ["{namespace}/{name}:{port or 80}"]',
        )


def _stated(manifests: ManifestSet, name: str, namespace: str) -> list[str | None]:
    """The ports that the target states for a Service, None for any."""
    return [
        existing.port
        for existing in manifests.target.get("existing.services") or ()
        if existing.name == name and (existing.namespace or manifests.default_namespace) == namespace
    ]
