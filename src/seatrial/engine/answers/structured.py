"""JSON that a schema of simple types accepts: what constrained decoding would give."""

import json
import math
from collections.abc import Mapping
from typing import Any

_DEEPEST = 12


def object_of(answer: str | None) -> str:
    """What `response_format: json_object` is answered with."""
    return json.dumps({"answer": answer if answer is not None else "text"}, ensure_ascii=False)


def instance(schema: Mapping[str, Any], answer: str | None = None) -> str:
    """An instance of a schema as JSON; an answer that is known stands where its type fits."""
    return json.dumps(_value(schema, schema, answer, 0), ensure_ascii=False)


def _value(schema: Any, root: Mapping[str, Any], answer: str | None, depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return answer if answer in schema["enum"] else schema["enum"][0]
    if isinstance(schema.get("$ref"), str):
        return _value(_referred(schema["$ref"], root), root, answer, depth + 1)
    for choice in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(choice), list) and schema[choice]:
            return _value(schema[choice][0], root, answer, depth + 1)
    return _of_kind(_kind(schema), schema, root, answer, depth)


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list) and kind:
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "array" if "items" in schema else "object" if "properties" in schema else "string"


def _of_kind(kind: str, schema: Mapping[str, Any], root: Mapping[str, Any], answer: str | None, depth: int) -> Any:
    match kind:
        case "object":
            properties = schema.get("properties")
            named = properties.items() if isinstance(properties, Mapping) else ()
            return {name: _value(one, root, answer, depth + 1) for name, one in named}
        case "array":
            count = max(_count(schema.get("minItems")), 1)
            return [_value(schema.get("items", {}), root, answer, depth + 1)] * min(count, 64)
        case "integer" | "number":
            return _number(kind, schema, answer)
        case "boolean":
            return True
        case "null":
            return None
    text = answer if answer is not None else "text"
    return text.ljust(min(_count(schema.get("minLength")), 4096), "x")


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
