"""What leads from outside to the API Service: Ingresses, HTTPRoutes and load balancers, as their controllers see them.

Source: Gateway API reference, RouteParentStatus; Kubernetes API reference, IngressStatus and ServiceStatus.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.finding import Blocked, CannotTell
from seatrial.live.api_service import LiveApiService, live_api_services
from seatrial.live.deployed import Deployed
from seatrial.live.objects import LiveObject, LivePlace
from seatrial.manifests.document import Document
from seatrial.network.routes import routes

CONDITIONS = ("Accepted", "ResolvedRefs")
"""What a Gateway says of a route that it serves."""
Departure = tuple[tuple[str | int, ...], str, str]


@dataclass(frozen=True, eq=False)
class Entrance:
    """One object in front of an API Service."""

    deployed: Deployed
    document: Document

    @property
    def object(self) -> LiveObject:
        """The object on the cluster. Raises Blocked where there is none, CannotTell where it may not be read."""
        found = self.deployed.live(self.document)
        if found is None:
            raise Blocked("ADM-06", f"{self.document.title} is not on the cluster")
        return found

    def place(self, *path: str | int) -> LivePlace:
        return self.object.place(*path)

    def departures(self) -> Iterator[Departure]:
        """What its status says against it: path, observed, expected. Raises CannotTell where it says nothing."""
        if self.document.kind == "HTTPRoute":
            yield from _of_route(self.object)
        elif not self.object.each("status", "loadBalancer", "ingress"):
            if self.document.kind == "Ingress":
                raise CannotTell(f"{self.document.title} has no address; some controllers give none", "a request to it")
            yield ("status", "loadBalancer"), "it has no address", "the address of a load balancer"


def _of_route(route: LiveObject) -> Iterator[Departure]:
    parents = route.each("status", "parents")
    if not parents:
        yield ("status", "parents"), "no Gateway has taken it up", "a Gateway that accepts it"
    for position, parent in enumerate(parents):
        name = (parent.get("parentRef") or {}).get("name")
        conditions = {one.get("type"): one for one in parent.get("conditions") or ()}
        for type in CONDITIONS:
            condition = conditions.get(type) or {}
            if condition.get("status") != "True":
                said = condition.get("message") or condition.get("reason") or "the Gateway does not say"
                yield ("status", "parents", position), f"{type} is not True at Gateway {name}: {said}", f"{type} True"


def entrances(deployed: Deployed) -> list[Entrance]:
    """Everything of the set that stands in front of an API Service. Raises NotApplicable without such a Service."""
    services = {(one.declared.namespace, one.declared.document.name): one for one in live_api_services(deployed)}
    found = [service.declared.document for service in services.values() if _is_load_balancer(service)]
    for route in routes(deployed.manifests):
        leads = any((one.namespace, one.name.text) in services for one in route.backends if one.kind == "Service")
        if leads and route.document not in found:
            found.append(route.document)
    return [Entrance(deployed, document) for document in found]


def _is_load_balancer(service: LiveApiService) -> bool:
    try:
        return bool(service.object.at("spec", "type") == "LoadBalancer")
    except (Blocked, CannotTell):
        return service.declared.document.at("spec", "type").text == "LoadBalancer"
