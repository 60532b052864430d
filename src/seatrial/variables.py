"""The variables that a container is given in its manifest: where each one stands and what it is known to hold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node

_REFERENCE = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)")


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `text` is None when its value comes from where nobody can look; `origin` says where that is.

    `place` is the line that sets it: its own, or that of the ConfigMap's key.
    """

    name: str
    place: Node
    text: str | None
    origin: str = ""


def variables(manifests: ManifestSet, namespace: str, container: Node) -> dict[str, Variable]:
    """The variables of a container by name, as the kubelet builds them: `envFrom` first, then `env`, the last wins."""
    found: dict[str, Variable] = {}
    for variable in _from_maps(manifests, namespace, container):
        found[variable.name] = variable
    for entry in container["env"]:
        name = entry["name"].text
        if name:
            found[name] = _of_entry(manifests, namespace, entry, name, found)
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


def _from_maps(manifests: ManifestSet, namespace: str, container: Node) -> Iterator[Variable]:
    for source in container["envFrom"]:
        name = source.at("configMapRef", "name").text
        document = manifests.find("ConfigMap", name, namespace) if name else None
        for key, value in document["data"].items() if document else ():
            yield Variable((source["prefix"].text or "") + key, value, value.text, f"ConfigMap/{name}, key {key}")


def _of_entry(manifests: ManifestSet, namespace: str, entry: Node, name: str, earlier: dict[str, Variable]) -> Variable:
    source = entry["valueFrom"]
    if source.raw is None:
        return Variable(name, entry["value"], _expanded(entry["value"].text or "", earlier))
    for kind, field in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
        reference = source[field]
        owner, key = reference["name"].text or "", reference["key"].text or ""
        if reference.raw is not None:
            document = manifests.find(kind, owner, namespace) if kind == "ConfigMap" else None
            held = document.at("data", key) if document else None
            return Variable(name, held or source, held.text if held else None, f"{kind}/{owner}, key {key}")
    return Variable(name, source, None, source.at("fieldRef", "fieldPath").text or "the Downward API")


def _expanded(text: str, earlier: dict[str, Variable]) -> str | None:
    """`$(NAME)` replaced by variables that stand before; None when one of them is not known."""
    known = True

    def replace(found: re.Match[str]) -> str:
        nonlocal known
        variable = earlier.get(found[1])
        known = known and (variable is None or variable.text is not None)
        return found[0] if variable is None else variable.text or ""

    replaced = _REFERENCE.sub(replace, text)
    return replaced if known else None
