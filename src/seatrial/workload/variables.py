"""The variables that a container is given in its manifest: where each one stands and what it is known to hold."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.workload.environments import sample_environment


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `text` is None when its value comes from where nobody can look; `origin` says where that is.

    `place` is the line that sets it: its own, or that of the ConfigMap's key.
    """

    name: str
    place: Node
    text: str | None
    origin: str = ""


def variables(manifests: ManifestSet, template: PodTemplate, container: Node) -> dict[str, Variable]:
    """The variables of a container by name, as the kubelet builds them in the first pod of the template."""
    environment = sample_environment(manifests, template, container)
    found: dict[str, Variable] = {}
    for name, place, origin in _settings(manifests, manifests.namespace(template.document), container):
        value = environment.get(name)
        found[name] = Variable(name, place, value.text if value is not None and value.known else None, origin)
    return found


def hidden_sources(manifests: ManifestSet, namespace: str, container: Node) -> list[str]:
    """The Secrets and ConfigMaps of `envFrom` that the set does not show; they may set any variable."""
    return [
        f"{kind}/{name}"
        for source in container["envFrom"]
        for kind, name in _named(source)
        if kind == "Secret" or manifests.find(kind, name, namespace) is None
    ]


def _named(source: Node) -> Iterator[tuple[str, str]]:
    for kind, field in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
        name = source.at(field, "name").text
        if name:
            yield kind, name


def _settings(manifests: ManifestSet, namespace: str, container: Node) -> Iterator[tuple[str, Node, str]]:
    """Name, place and origin of everything that sets a variable; the last of a name wins."""
    for source in container["envFrom"]:
        map_name = source.at("configMapRef", "name").text
        document = manifests.find("ConfigMap", map_name, namespace) if map_name else None
        for key, value in document["data"].items() if document else ():
            yield (source["prefix"].text or "") + key, value, f"ConfigMap/{map_name}, key {key}"
    for entry in container["env"]:
        name = entry["name"].text
        if name:
            yield name, *_of_entry(manifests, namespace, entry)


def _of_entry(manifests: ManifestSet, namespace: str, entry: Node) -> tuple[Node, str]:
    source = entry["valueFrom"]
    if source.raw is None:
        return entry["value"], ""
    for kind, field in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
        reference = source[field]
        owner, key = reference["name"].text or "", reference["key"].text or ""
        if reference.raw is not None:
            document = manifests.find(kind, owner, namespace) if kind == "ConfigMap" else None
            held = document.at("data", key) if document else None
            return held or source, f"{kind}/{owner}, key {key}"
    return source, source.at("fieldRef", "fieldPath").text or "the Downward API"
