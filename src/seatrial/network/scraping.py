"""How Prometheus is told to read the metrics of a pod: annotations, PodMonitors and ServiceMonitors.

Source: Prometheus Operator API reference, PodMonitorSpec and ServiceMonitorSpec; the annotations are the convention of
the Prometheus community's example configuration.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.lws.selectors import matches
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.workload.pods import SetPod, behind

OPERATOR = "monitoring.coreos.com"
_SCRAPE, _PORT, _PATH = "prometheus.io/scrape", "prometheus.io/port", "prometheus.io/path"


@dataclass(frozen=True, slots=True)
class Scrape:
    """One way in which a pod is scraped. `port` is None where the manifests leave it to Prometheus or name none.

    `unresolved` is a port name that nothing declares.
    """

    place: Node
    port_place: Node
    port: int | None
    path_place: Node
    path: str
    unresolved: str = ""


def scrapes(manifests: ManifestSet, pod: SetPod) -> Iterator[Scrape]:
    """Every way in which the set has Prometheus scrape this pod."""
    yield from _annotated(pod.template.node)
    services = [service for service in manifests.of_kind("Service", group="") if _is_behind(manifests, service, pod)]
    for service in services:
        yield from _annotated(service.root)
    for monitor in manifests.of_kind("PodMonitor", group=OPERATOR):
        if _watches(manifests, monitor, pod.namespace) and matches(monitor.at("spec", "selector").raw, pod.labels):
            for endpoint in monitor.at("spec", "podMetricsEndpoints"):
                yield _of_pod_endpoint(endpoint, pod.template)
    for monitor in manifests.of_kind("ServiceMonitor", group=OPERATOR):
        for service in services:
            labels = service.at("metadata", "labels").texts
            if _watches(manifests, monitor, pod.namespace) and matches(monitor.at("spec", "selector").raw, labels):
                for endpoint in monitor.at("spec", "endpoints"):
                    yield _of_service_endpoint(endpoint, service, pod.template)


def _is_behind(manifests: ManifestSet, service: Document, pod: SetPod) -> bool:
    return any(each is pod for each in behind(manifests, service))


def _watches(manifests: ManifestSet, monitor: Document, namespace: str) -> bool:
    selector = monitor.at("spec", "namespaceSelector")
    names = [node.text for node in selector["matchNames"]]
    return selector["any"].boolean is True or namespace in (names or [manifests.namespace(monitor)])


def _annotated(node: Node) -> Iterator[Scrape]:
    annotations = node.at("metadata", "annotations")
    if (annotations[_SCRAPE].text or "").lower() != "true":
        return
    port = annotations[_PORT].text or ""
    number = int(port) if port.isascii() and port.isdigit() else None
    path = annotations[_PATH]
    yield Scrape(
        annotations[_SCRAPE], annotations[_PORT], number, path, path.text or "/metrics", "" if number else port
    )


def _of_pod_endpoint(endpoint: Node, template: PodTemplate) -> Scrape:
    place = next((endpoint[key] for key in ("port", "portNumber", "targetPort") if endpoint[key].exists), endpoint)
    return _scrape(endpoint, place, template)


def _of_service_endpoint(endpoint: Node, service: Document, template: PodTemplate) -> Scrape:
    name = endpoint["port"]
    if name.text is None:
        return _scrape(endpoint, endpoint["targetPort"], template)
    port = next((each for each in service.at("spec", "ports") if each["name"].text == name.text), None)
    if port is None:
        return _scrape(endpoint, name, None)
    return _scrape(endpoint, name, template, port["targetPort"] if port["targetPort"].raw else port["port"])


def _scrape(endpoint: Node, place: Node, template: PodTemplate | None, target: Node | None = None) -> Scrape:
    wanted = target or place
    number = wanted.integer
    if wanted.text is not None and template is not None:
        number = container_port(template, wanted.text)
    unresolved = "" if number is not None or place is endpoint else str(wanted.raw)
    path = endpoint["path"]
    return Scrape(endpoint, place, number, path, path.text or "/metrics", unresolved)


def container_port(template: PodTemplate, name: str) -> int | None:
    """The number of a named container port."""
    ports = (port for container in template.containers for port in container["ports"])
    return next((port["containerPort"].integer for port in ports if port["name"].text == name), None)
