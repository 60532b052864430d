"""How the API of a group leaves the cluster: Services with an outside address, and routes from a gateway."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.network.routes import GATEWAY, routes
from seatrial.network.routing import ApiService
from seatrial.workload.serving import Group

_OUTSIDE_TYPES = ("LoadBalancer", "NodePort")
_STREAM_ROUTES = ("TCPRoute", "TLSRoute", "GRPCRoute")


@dataclass(frozen=True, slots=True)
class Exit:
    """One way out: where it is declared, and what it is."""

    place: Node
    what: str


def exits(group: Group) -> list[Exit]:
    """Every way by which clients outside the cluster reach the leaders of a group."""
    manifests = group.manifests
    services = [service for service in manifests.of_kind("Service", group="") if _leads_to(manifests, service, group)]
    inside = {(manifests.namespace(service), service.name) for service in services}
    found = [found for service in services if (found := _own_exit(service))]
    for reference, namespace, title in _backends(manifests):
        if (namespace, reference.text) in inside:
            found.append(Exit(reference, title))
    return found


def _leads_to(manifests: ManifestSet, service: Document, group: Group) -> bool:
    return any(
        pod.template.document is group.document and (pod.is_leader or pod.lws is None)
        for pod in ApiService(manifests, service).pods
    )


def _own_exit(service: Document) -> Exit | None:
    kind, addresses = service.at("spec", "type"), service.at("spec", "externalIPs")
    if kind.text in _OUTSIDE_TYPES:
        return Exit(kind, f"{service.title} of type {kind.text}")
    return Exit(addresses, f"{service.title} with externalIPs") if any(True for _ in addresses) else None


def _backends(manifests: ManifestSet) -> Iterator[tuple[Node, str, str]]:
    """The Services behind routes: where they are named, their namespace, and the route's title."""
    for route in routes(manifests):
        for backend in route.backends:
            if backend.kind == "Service":
                yield backend.name, backend.namespace, backend.route.title
    for document in manifests.of_kind(*_STREAM_ROUTES, group=GATEWAY):
        for rule in document.at("spec", "rules"):
            for reference in rule["backendRefs"]:
                if reference["kind"].text in (None, "Service"):
                    yield (
                        reference["name"],
                        reference["namespace"].text or manifests.namespace(document),
                        document.title,
                    )
