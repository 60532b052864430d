"""The environment of a container in one pod, as the kubelet builds it.

Order of k8s.io/kubernetes pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables): envFrom first, then env from top to
bottom; ``$(NAME)`` in a value sees what was set before; a later duplicate wins.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any

from seatrial.manifests.launch.references import expanded
from seatrial.manifests.quantity import InvalidQuantity
from seatrial.manifests.quantity import parse as quantity
from seatrial.manifests.shell.values import Unsupported, Value, unknown

Downward = Callable[[str], str | None]
"""The value of a fieldPath such as ``metadata.name`` in this pod; None when it is not known."""
Config = Callable[[str, str, str], str | None]
"""The value of (kind, name, key) of a ConfigMap or Secret; None when it is not known."""
Keys = Callable[[str, str], Iterable[str] | None]
"""The keys of (kind, name); None when the object is not known."""
Filled = Callable[[str, str], bool]
"""Whether (Secret, key) is known to be not empty, though its value is never read."""

_VARIABLE = re.compile(r"[A-Za-z_][\w.-]*\Z", re.ASCII)
_LINK = re.compile(r"[A-Z0-9_]+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)\Z")


@dataclass(frozen=True, slots=True)
class Environment:
    """Names and values. ``open_prefixes`` are prefixes under which an unknown ConfigMap or Secret sets more names.

    ``filled`` are the texts of unknown values that are known to be not empty. ``hostname`` is the pod's, if known: the
    container runtime sets ``HOSTNAME``, so scripts see it and the kubelet's ``$(HOSTNAME)`` does not.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    open_prefixes: tuple[str, ...] = ()
    links: bool = False
    filled: frozenset[str] = frozenset()
    hostname: str | None = None

    def get(self, name: str) -> Value | None:
        """The value of a variable; None when nothing in the manifests sets it."""
        return self.values.get(name)

    def reference(self, name: str) -> Value | None:
        """What the kubelet puts in place of ``$(name)``; None when it leaves the reference as it is."""
        value = self.values.get(name)
        if value is None and self.may_be_set(name):
            return unknown(name, frozenset({name}))
        return value

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def may_be_set(self, name: str) -> bool:
        """Whether a name that is not among the values may still be set, by something outside the manifests."""
        if _VARIABLE.match(name) is None:
            return False
        if any(name.startswith(prefix) for prefix in self.open_prefixes):
            return True
        if name.startswith("KUBERNETES_SERVICE_") or name.startswith("KUBERNETES_PORT"):
            return True
        return self.links and _LINK.match(name) is not None


def container_environment(
    container: Mapping[str, Any],
    injected: Sequence[tuple[str, str]],
    downward: Downward,
    config: Config,
    links: bool = False,
    keys: Keys = lambda _kind, _name: None,
    filled: Filled = lambda _name, _key: False,
) -> Environment:
    """The environment of a raw container.

    ``injected`` variables come first; entries of the container with their names are dropped, as LWS's webhook does.
    ``links`` says that Services of the namespace add variables whose names are not known here.
    Never raises: entries of wrong types are skipped.
    """
    builder = _Builder(container, downward, config, keys, filled)
    builder.from_objects(_list(container.get("envFrom")))
    fixed = {name: Value(text, True, frozenset({name})) for name, text in injected}
    builder.values.update(fixed)
    for entry in _list(container.get("env")):
        name = entry.get("name")
        if isinstance(name, str) and name and name not in fixed:
            builder.add(name, entry)
    return Environment(builder.values, tuple(builder.open_prefixes), links, frozenset(builder.placeholders))


@dataclass(slots=True)
class _Builder:
    container: Mapping[str, Any]
    downward: Downward
    config: Config
    keys: Keys
    filled: Filled
    values: dict[str, Value] = field(default_factory=dict)
    open_prefixes: list[str] = field(default_factory=list)
    placeholders: list[str] = field(default_factory=list)

    def from_objects(self, entries: list[Mapping[str, Any]]) -> None:
        for entry in entries:
            prefix = entry.get("prefix") if isinstance(entry.get("prefix"), str) else ""
            for kind, reference in (("ConfigMap", entry.get("configMapRef")), ("Secret", entry.get("secretRef"))):
                name = reference.get("name") if isinstance(reference, dict) else None
                if isinstance(name, str):
                    self._from_object(kind, name, prefix or "")

    def _from_object(self, kind: str, name: str, prefix: str) -> None:
        keys = self.keys(kind, name)
        if keys is None:
            self.open_prefixes.append(prefix)
            return
        for key in keys:
            self.values[prefix + key] = self._configured(prefix + key, kind, name, key)

    def _configured(self, variable: str, kind: str, name: str, key: str) -> Value:
        text = self.config(kind, name, key)
        sources = frozenset({variable})
        if text is not None:
            return Value(text, True, sources)
        value = unknown(f"{kind}:{name}/{key}", sources)
        if kind == "Secret" and self.filled(name, key):
            self.placeholders.append(value.text)
        return value

    def add(self, name: str, entry: Mapping[str, Any]) -> None:
        raw = entry.get("value")
        if raw not in (None, "") or "valueFrom" not in entry:
            self.values[name] = self._literal(name, _text(raw))
            return
        source = entry["valueFrom"]
        self.values[name] = self._from_source(name, source if isinstance(source, dict) else {})

    def _literal(self, name: str, text: str) -> Value:
        try:
            value = expanded(text, Environment(self.values, tuple(self.open_prefixes)).reference)
        except Unsupported:
            return unknown(name, frozenset({name}))
        return Value(value.text, value.known, value.sources | {name})

    def _from_source(self, name: str, source: Mapping[str, Any]) -> Value:
        for field_name, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            reference = source.get(field_name)
            if isinstance(reference, dict):
                return self._configured(name, kind, _text(reference.get("name")), _text(reference.get("key")))
        if isinstance(source.get("fieldRef"), dict):
            path = _text(source["fieldRef"].get("fieldPath"))
            text, sources = self.downward(path), frozenset({name, path})
            return unknown(path, sources) if text is None else Value(text, True, sources)
        if isinstance(source.get("resourceFieldRef"), dict):
            return self._resource(name, source["resourceFieldRef"])
        return unknown(name, frozenset({name}))

    def _resource(self, name: str, reference: Mapping[str, Any]) -> Value:
        """Rounded up to whole divisors, as the kubelet does; a missing limit is the node's and not known here."""
        resource, sources = _text(reference.get("resource")), frozenset({name})
        kind, _, key = resource.partition(".")
        of_other = reference.get("containerName") not in (None, "", self.container.get("name"))
        resources = self.container.get("resources")
        held = resources.get(kind) if isinstance(resources, dict) and not of_other else None
        amount = held.get(key) if isinstance(held, dict) else None
        try:
            divisor = quantity(reference.get("divisor") or "1") or Fraction(1)
            return Value(str(ceil(quantity(amount) / divisor)), True, sources)
        except InvalidQuantity:
            return unknown(resource, sources)


def _list(raw: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in raw if isinstance(entry, dict)] if isinstance(raw, list) else []


def _text(raw: Any) -> str:
    """The text of a scalar. The API server refuses a number or boolean here; the schema rules report that."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return str(raw) if isinstance(raw, str | int | float) else ""
