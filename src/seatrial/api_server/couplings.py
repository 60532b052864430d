"""What the API server demands of an object beyond the types of its fields.

Each function yields (place, observed, expected). Published schemas carry none of this; the rules are those of
Kubernetes' own validation (pkg/apis/*/validation). Values of a wrong type are left to the schema.
"""

import json
from collections.abc import Iterator
from functools import cache

from seatrial.knowledge import kubernetes
from seatrial.lws.selectors import matches
from seatrial.manifests import names
from seatrial.manifests.document import Document, Node
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.manifests.workloads import PodTemplate, is_leader_worker_set, pod_templates

Broken = Iterator[tuple[Node, str, str]]

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_SELECTING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


def of(document: Document) -> Broken:
    """Every broken coupling of one object."""
    yield from _metadata(document)
    for template in pod_templates(document):
        yield from _template(template)
    identity = (document.group, document.kind)
    if document.group in ("", "apps") and document.kind in _SELECTING:
        yield from _selector(document)
    if identity == ("", "Service"):
        yield from _label_map(document.at("spec", "selector"), "selector")
        yield from _service_ports(document)
    if identity == ("", "PersistentVolumeClaim"):
        yield from _claim(document.root)
    if identity == ("apps", "StatefulSet"):
        yield from _claim_templates(document["spec"])
    if is_leader_worker_set(document):
        yield from _claim_templates(document.at("spec", "leaderWorkerTemplate"))


def _claim_templates(owner: Node) -> Broken:
    for claim in owner["volumeClaimTemplates"]:
        yield from _claim(claim)


def _metadata(document: Document) -> Broken:
    metadata = document["metadata"]
    name, generated = metadata["name"], metadata["generateName"]
    if not name.text and not generated.text:
        if not isinstance(name.raw, (int, float, bool, list, dict)):
            yield name, "no name", "a name"
    elif name.text and not is_leader_worker_set(document) and (wrong := names.object_name(document.kind, name.text)):
        yield name, f"name {_short(name.text)} {wrong}", "a name that the API server takes"
    elif not name.text and (wrong := names.object_name(document.kind, generated.text or "", prefix=True)):
        yield generated, f"generateName {_short(generated.text or '')} {wrong}", "a name that the API server takes"
    namespace = metadata["namespace"]
    if namespace.text and (wrong := names.dns_label(namespace.text)):
        yield namespace, f"namespace {_short(namespace.text)} {wrong}", "a DNS label"
    yield from _labels(metadata)


def _labels(metadata: Node) -> Broken:
    yield from _label_map(metadata["labels"], "label")
    for key, value in metadata["annotations"].items():
        if wrong := names.label_key(key.lower()):  # in annotations the prefix may have capitals
            yield value, f"annotation key {_short(key)} {wrong}", "a valid annotation key"
    if wrong := names.annotations_size(metadata["annotations"].mapping):
        yield metadata["annotations"], f"the text of all annotations {wrong}", "256 KiB at most"


def _label_map(labels: Node, what: str) -> Broken:
    for key, value in labels.items():
        if wrong := names.label_key(key):
            yield value, f"{what} key {_short(key)} {wrong}", "a valid label key"
        if value.text and (wrong := names.label_value(value.text)):
            yield value, f"{what} value {_short(value.text)} {wrong}", "a valid label value"


def _template(template: PodTemplate) -> Broken:
    if template.node.path:
        yield from _labels(template.node["metadata"])
    containers = template.spec["containers"]
    if template.node.exists and containers.raw in (None, []):
        yield containers, "no container", "at least one container"
    yield from _unique_names(template)
    for container in template.all_containers:
        yield from _container(container)
    for volume in template.spec["volumes"]:
        yield from _volume(volume)


def _unique_names(template: PodTemplate) -> Broken:
    for listed in (template.all_containers, list(template.spec["volumes"])):
        seen: set[str] = set()
        for item in listed:
            name = item["name"]
            if name.text is None:
                continue
            if wrong := names.dns_label(name.text):
                yield name, f"name {_short(name.text)} {wrong}", "a DNS label"
            if name.text in seen:
                yield name, f"name {name.text} a second time", "names that differ"
            seen.add(name.text)


def _container(container: Node) -> Broken:
    if not container["image"].raw and isinstance(container.raw, dict):
        yield container["image"], "no image", "an image"
    for port in container["ports"]:
        for field in ("containerPort", "hostPort"):
            yield from _port(port[field], zero=field == "hostPort")
        name = port["name"]
        if name.text and (wrong := names.port_name(name.text)):
            yield name, f"port name {_short(name.text)} {wrong}", "a valid port name"
    for entry in container["env"]:
        name = entry["name"]
        if name.text is not None and (wrong := names.variable_name(name.text)):
            yield name, f"variable name {_short(name.text)} {wrong}", "a valid variable name"
        if entry["value"].text and entry["valueFrom"].raw:
            yield entry["valueFrom"], f"{name.text} has value and valueFrom", "one of them"
    yield from _mount_paths(container)
    given = container.mapping
    for probe in _PROBES:
        if probe in given:
            yield from _handler(container[probe])
            for handler in ("httpGet", "tcpSocket"):
                yield from _target_port(container.at(probe, handler, "port"))
    for hook in ("postStart", "preStop") if "lifecycle" in given else ():
        yield from _handler(container.at("lifecycle", hook), (*_HANDLERS, "sleep"))
    yield from _resources(container["resources"])


def _mount_paths(container: Node) -> Broken:
    seen: set[str] = set()
    for mount in container["volumeMounts"]:
        path = mount["mountPath"]
        if path.text and path.text in seen:
            yield path, f"{path.text} is mounted twice", "mount paths that differ"
        seen.add(path.text or "")


def _handler(node: Node, handlers: tuple[str, ...] = _HANDLERS) -> Broken:
    if not isinstance(node.raw, dict):
        return
    given = [handler for handler in handlers if node[handler].raw is not None]
    if len(given) != 1:
        shown = " and ".join(given) or "no handler"
        yield node, shown, f"exactly one of {', '.join(handlers)}"


def _port(node: Node, *, zero: bool = False) -> Broken:
    number = node.integer
    if number is not None and not (zero and number == 0) and (wrong := names.port_number(number)):
        yield node, f"port {number} {wrong}", "1 to 65535"


def _target_port(node: Node) -> Broken:
    yield from _port(node)
    if node.text and (wrong := names.port_name(node.text)):
        yield node, f"port {_short(node.text)} {wrong}", "a number or a valid port name"


def _service_ports(document: Document) -> Broken:
    spec = document["spec"]
    ports = list(spec["ports"])
    headless = spec["clusterIP"].text == "None" or spec["type"].text == "ExternalName"
    if not headless and isinstance(spec.raw, dict) and spec["ports"].raw in (None, []):
        yield spec["ports"], "no port", "at least one port, or clusterIP: None"
    for port in ports:
        yield from _port(port["port"])
        yield from _target_port(port["targetPort"])
        if len(ports) > 1 and port["name"].raw in (None, ""):
            yield port["name"], "a port without a name", "a name for each of several ports"


def _resources(resources: Node) -> Broken:
    for field in ("requests", "limits"):
        for _, quantity in resources[field].items():
            yield from _quantity(quantity)
    for resource, request in resources["requests"].items():
        if "nvidia.com/gpu" not in resource:  # RES-02 judges those
            yield from _request(resource, request, resources["limits"][resource])


def _request(resource: str, request: Node, limit: Node) -> Broken:
    """A request is at most the limit; of devices and huge pages, which cannot be overcommitted, it is the limit."""
    fixed = resource.startswith("hugepages-") or ("/" in resource and "kubernetes.io/" not in resource)
    try:
        wanted = parse(request.raw)
        most = parse(limit.raw) if limit.exists else None
    except InvalidQuantity:
        return  # reported by _quantity
    if fixed and wanted != most:
        shown = f"limit {limit.raw}" if limit.exists else "no limit"
        yield request, f"{resource}: request {request.raw} and {shown}", "a request equal to the limit"
    elif most is not None and wanted > most:
        yield request, f"{resource}: request {request.raw} above limit {limit.raw}", "a request within the limit"


def _volume(volume: Node) -> Broken:
    sources = [key for key, node in volume.items() if key in _volume_sources() and node.raw is not None]
    if len(sources) > 1:
        yield volume, f"volume with {' and '.join(sources)}", "one source for each volume"
    limit = volume.at("emptyDir", "sizeLimit")
    if limit.exists:
        yield from _quantity(limit)


@cache
def _volume_sources() -> frozenset[str]:
    return frozenset(kubernetes.types()["structs"]["core.v1.Volume"]) - {"name"}


def _quantity(node: Node) -> Broken:
    if not isinstance(node.raw, (str, int, float)) or isinstance(node.raw, bool):
        return
    try:
        value = parse(node.raw)
    except InvalidQuantity as wrong:
        yield node, str(wrong), "a quantity such as 8 or 16Gi"
        return
    if value < 0:
        yield node, f"the negative quantity {node.raw}", "0 or more"


def _claim(claim: Node) -> Broken:
    request = claim.at("spec", "resources", "requests", "storage")
    if not isinstance(claim["spec"].raw, dict):
        return
    if claim.at("spec", "accessModes").raw in (None, []):
        yield claim.at("spec", "accessModes"), "no access mode", "at least one access mode"
    if request.raw is None:
        yield request, "no storage request", "spec.resources.requests.storage"
    else:
        yield from _quantity(request)


def _selector(document: Document) -> Broken:
    selector = document.at("spec", "selector")
    yield from _label_map(selector["matchLabels"], "selector")
    template = next(pod_templates(document), None)
    if template and isinstance(selector.raw, dict) and not (selector.raw and matches(selector.raw, template.labels)):
        yield (
            selector,
            f"selector {_short(json.dumps(selector.raw, default=str))} does not match the template's labels",
            "labels it selects",
        )


def _short(text: str) -> str:
    return f"`{text}`" if len(text) <= 60 else f"`{text[:57]}…`"
