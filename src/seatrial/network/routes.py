"""Ways into the cluster: the backends of Ingresses and HTTPRoutes, and how long each route lets a request last.

Source: Kubernetes API reference, IngressSpec; Gateway API reference, HTTPRouteSpec, ReferenceGrant and GEP-2257.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.target import Target

GATEWAY = "gateway.networking.k8s.io"
_TERM = re.compile(r"(\d{1,9})(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

# Annotation that bounds a response → controller, unit of a bare number. The controllers' own defaults are 50 to 60 s.
_ANNOTATIONS = {
    "nginx.ingress.kubernetes.io/proxy-read-timeout": ("nginx", "s"),
    "nginx.org/proxy-read-timeout": ("nginx", "s"),
    "haproxy.org/timeout-server": ("haproxy", "ms"),
    "haproxy-ingress.github.io/timeout-server": ("haproxy", "ms"),
}


@dataclass(frozen=True, slots=True)
class Backend:
    """One backend of a route: an object by kind and name, and for a Service its port by number or name."""

    route: Document
    kind: str
    name: Node
    namespace: str
    port: Node

    @property
    def title(self) -> str:
        return f"{self.kind}/{self.name.text or '?'}"


@dataclass(frozen=True, slots=True)
class Route:
    """A rule of an HTTPRoute, or a whole Ingress: what shares one time-out."""

    document: Document
    node: Node
    backends: list[Backend]


def routes(manifests: ManifestSet) -> list[Route]:
    """Every route of a set. Computed once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[Route]:
    ingresses = manifests.of_kind("Ingress", group="networking.k8s.io")
    return [
        *(Route(ingress, ingress["spec"], list(_of_ingress(manifests, ingress))) for ingress in ingresses),
        *(
            Route(route, rule, list(_of_rule(manifests, route, rule)))
            for route in manifests.of_kind("HTTPRoute", group=GATEWAY)
            for rule in route.at("spec", "rules")
        ),
    ]


def _of_ingress(manifests: ManifestSet, ingress: Document) -> Iterator[Backend]:
    spec = ingress["spec"]
    candidates = [spec["defaultBackend"]]
    candidates += [path["backend"] for rule in spec["rules"] for path in rule.at("http", "paths")]
    for candidate in candidates:
        service, other = candidate["service"], candidate["resource"]
        if service.raw is not None:
            number, name = service.at("port", "number"), service.at("port", "name")
            port = number if number.raw is not None else name
            yield Backend(ingress, "Service", service["name"], manifests.namespace(ingress), port)
        elif other.raw is not None:
            kind = other["kind"].text or "object without kind"
            yield Backend(ingress, kind, other["name"], manifests.namespace(ingress), other["port"])


def _of_rule(manifests: ManifestSet, route: Document, rule: Node) -> Iterator[Backend]:
    references = list(rule["backendRefs"])
    filters = [*rule["filters"], *(each for reference in references for each in reference["filters"])]
    references += [each.at("requestMirror", "backendRef") for each in filters if each["requestMirror"].raw is not None]
    for reference in references:
        kind = reference["kind"].text or "Service"
        namespace = reference["namespace"].text or manifests.namespace(route)
        yield Backend(route, kind, reference["name"], namespace, reference["port"])


def has_port(service: Document, port: Node) -> bool:
    """Whether a Service has a port of that number or name."""
    return port.raw is not None and any(
        port.raw == each["port"].integer or (port.text is not None and port.text == each["name"].text)
        for each in service.at("spec", "ports")
    )


def granted(manifests: ManifestSet, backend: Backend) -> bool:
    """Whether a route may use a backend: in its own namespace, or with a ReferenceGrant in the other one."""
    home = manifests.namespace(backend.route)
    return backend.namespace == home or any(
        manifests.namespace(grant) == backend.namespace and _allows(grant, home, backend)
        for grant in manifests.of_kind("ReferenceGrant", group=GATEWAY)
    )


def _allows(grant: Document, home: str, backend: Backend) -> bool:
    givers = any(
        each["kind"].text == "HTTPRoute" and each["namespace"].text == home for each in grant.at("spec", "from")
    )
    takers = any(
        each["kind"].text == backend.kind and each["name"].text in (None, backend.name.text)
        for each in grant.at("spec", "to")
    )
    return givers and takers


def timeout(route: Route, target: Target) -> tuple[Node, float | None] | None:
    """Where a route's time-out stands and its seconds, None seconds when it states none.

    None altogether for an Ingress whose controller is not known: then nobody can say which annotation counts.
    """
    if route.document.kind == "HTTPRoute":
        node = route.node.at("timeouts", "request")
        return node, seconds(node.text or "", "") if node.raw is not None else None
    annotations = route.document.at("metadata", "annotations")
    for key, (_, unit) in _ANNOTATIONS.items():
        if annotations[key].exists:
            return annotations[key], seconds(annotations[key].text or "", unit)
    controller = _controller(route.document, target)
    known = any(name in controller for name, _ in _ANNOTATIONS.values())
    return (annotations, None) if known else None


def _controller(ingress: Document, target: Target) -> str:
    stated = target.get("gateway.controller")
    written = ingress.at("metadata", "annotations", "kubernetes.io/ingress.class").text
    return str(stated or ingress.at("spec", "ingressClassName").text or written or "")


def seconds(text: str, unit: str) -> float | None:
    """A duration such as `1h30m` or `600s`; a bare number counts in `unit`.

    Without a unit it is the Gateway API's duration, where 0 switches the time-out off.
    """
    terms = _TERM.findall(text)
    if "".join(number + suffix for number, suffix in terms) != text or not terms:
        terms = [(text, unit)] if unit and text.isascii() and text.isdigit() else []
    if not terms:
        return None
    total = sum(int(number) * _SECONDS[suffix] for number, suffix in terms)
    return total if total or unit else math.inf
