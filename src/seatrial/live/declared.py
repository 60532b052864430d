"""Where an object of the API server departs from what a manifest declares of it.

Only declared fields count: the server, webhooks and controllers may add what they like. Source of the keys by which
lists are merged: the `patchMergeKey` tags of k8s.io/api.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.workload.credentials import is_secret_name

Path = tuple[str | int, ...]
_ABSENT: Any = object()
_SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_LONGEST = 100

# What a list's elements are told apart by; other lists are compared element by element.
_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "webhooks": ("name",),
    "versions": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "taints": ("key", "effect"),
    "ownerReferences": ("uid",),
}
_QUANTITIES = frozenset({
    "limits", "requests", "capacity", "hard", "default", "defaultRequest", "max", "min", "maxLimitRequestRatio",
    "overhead",
})  # fmt: skip
_QUANTITY_FIELDS = frozenset({"sizeLimit", "divisor", "averageValue"})
_EMPTY_MEANS_SOMETHING = frozenset({"value", "storageClassName", "ingressClassName"})
_METADATA = ("labels", "annotations")
"""The rest of metadata is the server's, or changes by itself, even where an exported manifest states it."""
_MANAGED = re.compile(
    r"(kubectl\.kubernetes\.io|deployment\.kubernetes\.io|deprecated\.daemonset\.template\.generation"
    r"|pv\.kubernetes\.io|volume\.kubernetes\.io|autoscaling\.alpha\.kubernetes\.io)(/|\Z)"
)
"""Annotations that controllers and kubectl write; a manifest that states them was exported from a cluster."""
_WRITTEN_BY_OTHERS = frozenset({"caBundle"})
"""Fields that certificate rotators fill in, whatever stands in the manifest."""
_RENAMED: dict[Path, str] = {("leaderWorkerTemplate", "restartPolicy", "Default"): "None"}
"""The webhook of LWS replaces the old name of a value by the new one."""


@dataclass(frozen=True, slots=True)
class Departure:
    """One declared field that is missing (`found` is empty) or has another value. Secrets are not shown."""

    path: Path
    declared: str
    found: str

    @property
    def told(self) -> str:
        return f"{self.found}, declared {self.declared}" if self.found else f"absent, declared {self.declared}"


def departures(kind: str, declared: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Departure]:
    """Every declared field of an object of `kind` that the object found does not have as it is declared."""
    for key, value in declared.items():
        if key in ("apiVersion", "kind", "status"):
            continue
        if key == "metadata":
            yield from _metadata(value, found.get(key))
        elif kind == "Secret" and key in ("data", "stringData"):
            yield from _secret(key, declared, found)
        else:
            yield from _compare(value, found.get(key, _ABSENT), (key,))


def _metadata(declared: Any, found: Any) -> Iterator[Departure]:
    if not isinstance(declared, dict) or not isinstance(found, dict):
        return
    for key in _METADATA:
        entries = declared.get(key)
        for name, value in entries.items() if isinstance(entries, dict) else ():
            if not _MANAGED.match(str(name)):
                yield from _compare(value, (found.get(key) or {}).get(name, _ABSENT), ("metadata", key, name))


def _secret(key: str, declared: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Departure]:
    """`stringData` is written and never read back, and wins over `data`."""
    entries, plain = declared.get(key), declared.get("stringData")
    data = found.get("data") or {}
    for name, value in entries.items() if isinstance(entries, dict) else ():
        if key == "data" and isinstance(plain, dict) and name in plain:
            continue
        wanted = str(value or "").encode() if key == "stringData" else _decoded(value)
        if _decoded(data.get(name, "")) != wanted:
            yield Departure((key, name), "a value", "another value" if name in data else "")


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode("".join(str(text or "").split()))
    except (binascii.Error, ValueError):
        return b""


def _compare(declared: Any, found: Any, path: Path) -> Iterator[Departure]:
    if path[-1] in _WRITTEN_BY_OTHERS:
        return
    if isinstance(declared, dict) and (found is _ABSENT or found is None or isinstance(found, dict)):
        inside = found if isinstance(found, dict) else {}
        for key, value in declared.items():
            for departure in _compare(value, inside.get(key, _ABSENT), (*path, key)):
                yield _hidden(departure) if _is_secret(declared, key) else departure
    elif isinstance(declared, list) and isinstance(found, list):
        yield from _lists(declared, found, path)
    elif not _same(declared, found, path):
        yield Departure(path, _shown(declared), "" if found is _ABSENT else _shown(found))


def _lists(declared: list[Any], found: list[Any], path: Path) -> Iterator[Departure]:
    if not all(isinstance(one, dict) for one in declared):
        if not _same(declared, found, path):
            yield _difference(declared, found, path)
        return
    partner = _partners(declared, found, path)
    for number, one in enumerate(declared):
        other = partner(number)
        if other is _ABSENT:
            yield Departure((*path, number), _shown(one), "")
        else:
            yield from _compare(one, other, (*path, number))


def _difference(declared: list[Any], found: list[Any], path: Path) -> Departure:
    """Two lists of words, which may be long: only what one has and the other has not."""
    lacking, added = _only(declared, found), _only(found, declared)
    if not lacking and not added:
        return Departure(path, _shown(declared), _shown(found))
    return Departure(path, _shown(lacking) if lacking else "none of them", _shown(added) if added else "none of them")


def _only(words: list[Any], others: list[Any]) -> list[Any]:
    """The words that the others lack; one behind a word such as `--api-key` comes with it, and so is not shown."""
    return [
        f"{before} {word}" if _SECRET.search(str(before)) else word
        for before, word in zip(["", *words], words, strict=False)
        if word not in others
    ]


def _partners(declared: list[Any], found: list[Any], path: Path) -> Callable[[int], Any]:
    """The element found for each declared one."""
    keys = _KEYS.get(str(path[-1]), ())
    names = [tuple(one.get(key) for key in keys) for one in declared]
    if keys and len(set(names)) == len(names):
        by_name = {tuple(one.get(key) for key in keys): one for one in found if isinstance(one, dict)}
        return lambda number: by_name.get(names[number], _ABSENT)
    if len(declared) == len(found):
        return lambda number: found[number]

    def alike(number: int) -> Any:
        inside = (*path, number)
        return next((one for one in found if not any(_compare(declared[number], one, inside))), _ABSENT)

    return alike


def _same(declared: Any, found: Any, path: Path) -> bool:
    if found is _ABSENT or found is None:
        return declared is None or declared in ("", 0, [], {})
    if isinstance(declared, list) and isinstance(found, list):
        return len(declared) == len(found) and all(
            _same(one, other, path) for one, other in zip(declared, found, strict=True)
        )
    if isinstance(declared, bool) or isinstance(found, bool):
        return declared is found
    if declared == found or declared is None or _is_unset(declared, path):
        return True
    if isinstance(declared, str) and _RENAMED.get((*path[-2:], declared)) == found:
        return True
    return _is_quantity(path) and _quantity(declared) == _quantity(found) is not None


def _is_unset(declared: Any, path: Path) -> bool:
    """Whether an empty text stands for the default, as it does in Go, but for the fields where it means something."""
    return declared == "" and path[0] == "spec" and path[-1] not in _EMPTY_MEANS_SOMETHING


def _is_quantity(path: Path) -> bool:
    return path[-1] in _QUANTITY_FIELDS or (len(path) > 1 and path[-2] in _QUANTITIES)


def _quantity(value: Any) -> Any:
    try:
        return parse(value)
    except InvalidQuantity:
        return None


def _is_secret(entry: Mapping[str, Any], key: str) -> bool:
    """Whether this is the value of a variable that holds a secret."""
    return key == "value" and is_secret_name(str(entry.get("name") or ""))


def _hidden(departure: Departure) -> Departure:
    return Departure(departure.path, "a value", departure.found and "another value")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    if _SECRET.search(text):
        return f"a value that may hold a secret ({len(text)} characters)"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
