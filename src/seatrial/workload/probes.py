"""The probes of a container, as the kubelet runs them against SGLang's HTTP server.

Source: Kubernetes API reference, Probe; kubernetes/kubernetes pkg/kubelet/prober.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from seatrial.manifests.document import Node
from seatrial.workload.serving import Role

KINDS = ("startupProbe", "readinessProbe", "livenessProbe")
# What the API server fills in: seconds, seconds, tries, seconds.
_DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3, "initialDelaySeconds": 0}


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of a container. Fields of a wrong type read as absent; the schema judges them."""

    kind: str
    node: Node
    container: Node

    @property
    def http(self) -> Node:
        return self.node["httpGet"]

    @property
    def path(self) -> str | None:
        """The path of an HTTP probe without its query and a slash at its end; None for other probes."""
        if not self.http.mapping:
            return None
        written = self.http["path"].text or "/"
        return urlsplit(f"http://pod/{written.lstrip('/')}").path.rstrip("/") or "/"

    @property
    def port_node(self) -> Node | None:
        """The port of an HTTP or TCP probe, None for other probes."""
        handler = next((self.node[name] for name in ("httpGet", "tcpSocket") if self.node[name].mapping), None)
        return None if handler is None else handler["port"]

    @property
    def port(self) -> int | None:
        """The number of its port; None when a name is not among the container's ports."""
        node = self.port_node
        if node is None or node.integer is not None:
            return None if node is None else node.integer
        named = (port for port in self.container["ports"] if node.text and port["name"].text == node.text)
        return next((port["containerPort"].integer for port in named), None)

    @property
    def has_key(self) -> bool:
        """Whether it sends an Authorization header."""
        return any((header["name"].text or "").lower() == "authorization" for header in self.http["httpHeaders"])

    @property
    def timeout_s(self) -> int:
        return self._number("timeoutSeconds")

    @property
    def timeout_place(self) -> Node:
        return self.node["timeoutSeconds"]

    @property
    def budget_s(self) -> int:
        """Seconds from the container's start until the kubelet gives it up."""
        return self._number("initialDelaySeconds") + self._number("failureThreshold") * self._number("periodSeconds")

    def _number(self, field: str) -> int:
        number = self.node[field].integer
        smallest = min(_DEFAULTS[field], 1)
        return _DEFAULTS[field] if number is None or number < smallest else number


def probes(container: Node) -> list[Probe]:
    """The probes that a container has, startup first."""
    return [Probe(kind, container[kind], container) for kind in KINDS if container[kind].mapping]


def probe(container: Node, kind: str) -> Probe | None:
    """The probe of one kind, None when the container has none."""
    return next((found for found in probes(container) if found.kind == kind), None)


def startup_budget(role: Role) -> Probe | None:
    """The probe that limits how long the role may load: the startup probe, else the liveness probe; None without."""
    return probe(role.container, "startupProbe") or probe(role.container, "livenessProbe")


def is_loopback(host: str) -> bool:
    """Whether a listen address answers inside the pod only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
