"""The variables that the kubelet puts into every container for each Service of its namespace.

Source: Kubernetes documentation, Service, Environment variables.
"""

from collections.abc import Iterator

from seatrial.manifests.document import Document


def link_names(service: Document) -> Iterator[str]:
    """The names of the variables of a Service with a cluster address."""
    yield from names_of(service.name)
    prefix = _prefix(service.name)
    for port in service.at("spec", "ports"):
        if port["name"].text:
            yield f"{prefix}_SERVICE_PORT_{port['name'].text.upper().replace('-', '_')}"
        form = f"{prefix}_PORT_{port['port'].integer}_{(port['protocol'].text or 'TCP').upper()}"
        yield from (form, f"{form}_PROTO", f"{form}_PORT", f"{form}_ADDR")


def names_of(service: str) -> tuple[str, ...]:
    """The names that a Service called so produces, whatever its ports are."""
    prefix = _prefix(service)
    return f"{prefix}_SERVICE_HOST", f"{prefix}_SERVICE_PORT", f"{prefix}_PORT"


def _prefix(service: str) -> str:
    return service.upper().replace("-", "_")
