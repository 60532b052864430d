"""Documents of a custom kind against the CustomResourceDefinition that a user gives.

The structure (unknown fields, types, required fields, duplicates in keyed lists) is judged by the same shapes as the
built-in kinds. What only restricts values (enum, pattern, bounds, lengths, anyOf ...) is left to a JSON Schema
validator. CEL rules are not evaluated.

A mutating webhook sees an object before its schema is checked, and one that is written in Go turns 0.5 into "500m" on
the way. So a fraction is no violation where an integer or a string is asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.knowledge import kubernetes
from seatrial.manifests import schema
from seatrial.manifests.api_types import Catalogue
from seatrial.manifests.shapes import DEEPEST, SCALARS, Listing, Mapped, Shape, Struct
from seatrial.manifests.violation import Kind, Path, Violation, describe

__all__ = ["crd_violations", "describes", "shape_of"]

STRUCTURAL = frozenset({"type", "required", "additionalProperties"})
"""JSON Schema keywords whose errors the shapes report better."""


class InvalidDefinition(ValueError):
    """The CustomResourceDefinition's own schema cannot be used."""


def describes(crd: object, api_version: str, kind: str) -> bool:
    """Whether the CustomResourceDefinition has a schema for this kind in this version."""
    return _schema(crd, api_version, kind) is not None


def crd_violations(raw: object, crd: dict[str, Any]) -> tuple[Violation, ...]:
    """What in the document differs from the definition's schema; nothing if `describes` denies its kind.

    Raises InvalidDefinition if the definition's schema is no JSON schema.
    """
    document = raw if isinstance(raw, dict) else {}
    api_version, kind = document.get("apiVersion"), document.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        return ()
    judge = _judge(crd, api_version, kind)
    return judge.violations(document) if judge else ()


@dataclass(frozen=True, slots=True)
class _Judge:
    crd: dict[str, Any]  # kept, so that its id() stays its own
    shape: Shape
    value_errors: Callable[[Any], Iterator[Any]]

    def violations(self, document: dict[Any, Any]) -> tuple[Violation, ...]:
        found: list[Violation] = []
        self.shape.check(document, (), found)
        wrong = {violation.path for violation in found}
        for error in self.value_errors(_as_json(document)):
            path: Path = tuple(error.instance_path)
            fraction = isinstance(error.instance, float) and error.kind.name == "anyOf"
            if error.kind.name not in STRUCTURAL and path not in wrong and not fraction:
                found.append(_value_violation(error, path))
        return tuple(found)


_judges: dict[tuple[int, str, str], _Judge] = {}


def _judge(crd: dict[str, Any], api_version: str, kind: str) -> _Judge | None:
    key = (id(crd), api_version, kind)
    if key not in _judges:
        found = _schema(crd, api_version, kind)
        if found is None:
            return None
        _judges[key] = _Judge(crd, shape_of(found, root=True), _value_rules(found))
    return _judges[key]


def _schema(crd: object, api_version: str, kind: str) -> dict[str, Any] | None:
    spec = _get(crd, "spec")
    versions = _get(spec, "versions")
    if kind != _get(_get(spec, "names"), "kind") or not isinstance(versions, list):
        return None
    for version in versions:
        if f"{_get(spec, 'group')}/{_get(version, 'name')}" == api_version:
            found = _get(_get(version, "schema"), "openAPIV3Schema")
            return found if isinstance(found, dict) else None
    return None


def _get(node: object, key: str) -> Any:
    return node.get(key) if isinstance(node, dict) else None


def _metadata() -> Shape:
    newest = kubernetes.minors()[-1]
    return Catalogue((schema.layer(newest),)).shape("meta.v1.ObjectMeta")


def shape_of(node: object, *, root: bool = False) -> Shape:
    """The shape of a structural schema. An object at the `root`, or embedded, has apiVersion, kind and metadata."""
    if not isinstance(node, dict):
        return SCALARS["any"]
    if node.get("x-kubernetes-int-or-string"):
        return SCALARS["quantity" if "pattern" in node else "int-or-string"]
    kind = node.get("type")
    if kind == "object":
        return _object(node, root or bool(node.get("x-kubernetes-embedded-resource")))
    if kind == "array":
        return Listing(shape_of(node.get("items")), _keys(node))
    if kind == "integer":
        return SCALARS["int32" if node.get("format") == "int32" else "int64"]
    return SCALARS.get({"boolean": "bool"}.get(str(kind), str(kind)), SCALARS["any"])


def _object(node: Mapping[str, Any], whole: bool) -> Shape:
    properties = node.get("properties")
    values = node.get("additionalProperties")
    keeps_all = bool(node.get("x-kubernetes-preserve-unknown-fields"))
    if not isinstance(properties, dict):
        if not whole and (values or keeps_all):
            return Mapped(shape_of(values))
        properties = {}
    fields = {name: shape_of(inner) for name, inner in properties.items()}
    if whole:
        fields |= {"apiVersion": SCALARS["string"], "kind": SCALARS["string"], "metadata": _metadata()}
    return Struct("the definition's schema", fields, tuple(_required(node, properties)), open=keeps_all)


def _required(node: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[str]:
    """Fields that must have a value: those with a default get one, and nullable ones may be null."""
    names = node.get("required")
    for name in names if isinstance(names, list) else ():
        inner = properties.get(name) if isinstance(name, str) else None
        if isinstance(inner, dict) and "default" not in inner and not inner.get("nullable"):
            yield name


def _keys(node: Mapping[str, Any]) -> tuple[str, ...]:
    if node.get("x-kubernetes-list-type") == "set":
        return ("=",)
    keys = node.get("x-kubernetes-list-map-keys")
    return tuple(map(str, keys)) if isinstance(keys, list) else ()


def _value_rules(node: dict[str, Any]) -> Callable[[Any], Iterator[Any]]:
    from jsonschema_rs import Draft4Validator, ReferencingError  # here, since only a user's CRD needs it

    try:
        return Draft4Validator(node, validate_formats=False).iter_errors
    except (ValueError, TypeError, ReferencingError) as error:
        raise InvalidDefinition(str(error).partition("\n")[0]) from None


def _as_json(node: object, depth: int = 0) -> object:
    """The document as it travels: string keys, no null fields (null is absence), no Python-only scalars."""
    if depth > DEEPEST:
        return None
    if isinstance(node, dict):
        return {str(key): _as_json(value, depth + 1) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [_as_json(item, depth + 1) for item in node]
    return node if node is None or isinstance(node, bool | int | float | str) else str(node)


def _value_violation(error: Any, path: Path) -> Violation:
    kind: Kind = "value"
    observed = describe(error.instance)
    where = f"`{path[-1]}`" if path else "the document"
    return Violation(
        path, kind, f"{where}: {error.message}"[:300], observed, f"what the schema's {error.kind.name} allows"
    )
