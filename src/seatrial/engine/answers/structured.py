"""JSON that a schema of simple types accepts: what constrained decoding would give."""

import json
import math
from collections.abc import Mapping
from typing import Any

_DEEPEST, _MOST_VALUES = 12, 500


def object_of(answer: str | None) -> str:
    """What `response_format: json_object` is answered with."""
    return json.dumps({"answer": answer if answer is not None else "text"}, ensure_ascii=False)


def instance(schema: Mapping[str, Any], answer: str | None = None) -> str:
    """An instance of a schema as JSON; an answer that is known stands where its type fits."""
    return json.dumps(_Instance(schema, answer).of(schema, 0), ensure_ascii=False)


class _Instance:
    """One instance in the making. A schema that contains itself does not make it endless."""

    def __init__(self, root: Mapping[str, Any], answer: str | None) -> None:
        self._root, self._answer, self._left = root, answer, _MOST_VALUES

    def of(self, schema: Any, depth: int) -> Any:
        self._left -= 1
        if not isinstance(schema, Mapping) or depth > _DEEPEST or self._left < 0:
            return None
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._answer if self._answer in schema["enum"] else schema["enum"][0]
        if isinstance(schema.get("$ref"), str):
            return self.of(_referred(schema["$ref"], self._root), depth + 1)
        for choice in ("anyOf", "oneOf", "allOf"):
            if isinstance(schema.get(choice), list) and schema[choice]:
                return self.of(schema[choice][0], depth + 1)
        return self._of_kind(_kind(schema), schema, depth)

    def _of_kind(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        match kind:
            case "object":
                properties = schema.get("properties")
                named = properties.items() if isinstance(properties, Mapping) else ()
                return {name: self.of(one, depth + 1) for name, one in named}
            case "array":
                count = max(_count(schema.get("minItems")), 1)
                return [self.of(schema.get("items", {}), depth + 1) for _ in range(min(count, 8))]
            case "integer" | "number":
                return _number(kind, schema, self._answer)
            case "boolean":
                return True
            case "null":
                return None
        text = self._answer if self._answer is not None else "text"
        return text.ljust(min(_count(schema.get("minLength")), 4096), "x")


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list) and kind:
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "array" if "items" in schema else "object" if "properties" in schema else "string"


def _number(kind: str, schema: Mapping[str, Any], answer: str | None) -> int | float:
    least, most = _bound(schema, "minimum", -math.inf), _bound(schema, "maximum", math.inf)
    try:
        known = float(answer) if answer is not None else math.nan
    except ValueError:
        known = math.nan
    found = known if least <= known <= most else min(max(1.0, least), most)
    return math.ceil(found) if kind == "integer" or found.is_integer() else found


def _bound(schema: Mapping[str, Any], name: str, absent: float) -> float:
    value = schema.get(name)
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else absent


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _referred(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
