"""The table of Kubernetes types accepts and refuses what the published strict schemas accept and refuse.

The published schemas are made from the OpenAPI documents of each release, which say in places something else than
the API server does. Every such place is amended here by name; whatever else differs is a bug of the table.
"""

import copy
import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial import shipped
from seatrial.manifests.schema import known, violations

PACKAGE = importlib.util.find_spec("kubernetes_validate")
pytestmark = pytest.mark.skipif(PACKAGE is None, reason="needs the package kubernetes-validate")

MINORS = (25, 28, 31, 34, 37)
ADDRESS = "https://kubernetes.invalid/definitions.json"
Steps = tuple[str | int, ...]

# The server refuses the empty struct that stands for an absent one; most markers came in 1.36 and 1.37.
ALSO_REQUIRED = {
    "api.apps.v1.Deployment": "spec",
    "api.batch.v1.Job": "spec",
    "api.core.v1.PersistentVolume": "spec",
    "api.core.v1.PersistentVolumeClaim": "spec",
    "api.core.v1.PodTemplateSpec": "spec",
    "api.core.v1.Service": "spec",
}
# Controllers write status; the server drops it from what users send.
NOT_REQUIRED = ("api.policy.v1.PodDisruptionBudgetStatus",)
# Published as exactly one of two types, both of which take null: null would be wrong for being right twice.
EITHER: dict[str, dict[str, Any]] = {
    "apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number", "null"]},
    "apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer", "null"], "format": "int32"},
}
# JSON Schema leaves the range of a format open; the server decodes into exactly this many bits.
RANGES = {"int32": 1 << 31, "int64": 1 << 63}


def amended(definitions: dict[str, Any]) -> dict[str, Any]:
    for name, field in ALSO_REQUIRED.items():
        schema = definitions[f"io.k8s.{name}"]
        schema["required"] = sorted({*schema.get("required", ()), field})
    for name in NOT_REQUIRED:
        definitions[f"io.k8s.{name}"].pop("required", None)
    for name, schema in EITHER.items():
        definitions[f"io.k8s.{name}"] = dict(schema)
    for schema in formatted(list(definitions.values())):
        if limit := RANGES.get(schema["format"]):
            schema |= {"minimum": -limit, "maximum": limit - 1}
    return definitions


def formatted(node: object) -> Iterator[dict[str, Any]]:
    """All schemas with a format. A field called `format` holds a schema, the keyword holds a word."""
    if isinstance(node, dict) and isinstance(node.get("format"), str):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from formatted(inner)


@cache
def definitions(minor: int) -> dict[str, Any]:
    assert PACKAGE is not None and PACKAGE.origin is not None
    folder = Path(PACKAGE.origin).parent / f"kubernetes-json-schema/v1.{minor}.0-local-strict"
    read = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))
    return {"$defs": amended(read["$defs"])}


@cache
def validator(api_version: str, kind: str, minor: int) -> Any:
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    [name] = [
        name
        for name, schema in definitions(minor)["$defs"].items()
        if wanted in schema.get("x-kubernetes-group-version-kind", ())
    ]
    registry = jsonschema_rs.Registry([(ADDRESS, definitions(minor))])
    return jsonschema_rs.validator_for({"$ref": f"{ADDRESS}#/$defs/{name}"}, registry=registry)


def without_nulls(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: without_nulls(value) for key, value in node.items() if value is not None}
    return [without_nulls(item) for item in node] if isinstance(node, list) else node


def accepted(document: dict[str, Any], minor: int) -> bool:
    """By the published schema of the document's kind.

    A required field that is null is absent for the server, an unknown field that is null is still unknown.
    """
    fits = validator(document["apiVersion"], document["kind"], minor).is_valid
    return bool(fits(document) and fits(without_nulls(document)))


def read() -> Iterator[dict[str, Any]]:
    """The shipped objects of core kinds, and the pod templates of LeaderWorkerSets in an object that carries one."""
    for path in sorted(shipped.manifests().glob("*/*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document["kind"] != "LeaderWorkerSet":
                yield document
                continue
            for template in (
                document["spec"]["leaderWorkerTemplate"].get(f"{who}Template") for who in ("leader", "worker")
            ):
                if template:
                    yield {"apiVersion": "v1", "kind": "PodTemplate", "template": template}


DOCUMENTS = tuple(read())


def paths(value: Any, below: Steps = ()) -> Iterator[Steps]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        if below or step not in ("apiVersion", "kind"):  # with another kind the document has another schema
            yield (*below, step)
            yield from paths(child, (*below, step))


def at(node: Any, steps: Steps) -> Any:
    for step in steps:
        node = node[step]
    return node


PATHS = tuple(tuple(paths(document)) for document in DOCUMENTS)
KEYS = sorted({step for found in PATHS for steps in found for step in steps if isinstance(step, str)})
VALUES: tuple[Any, ...] = (
    7,
    8.0,
    0.5,
    -1,
    1 << 31,
    1 << 64,
    True,
    "",
    "x",
    "1Gi",
    [],
    ["x"],
    [7],
    [{}],
    {},
    {"x": "y"},
    {"x": 1},
)


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    """A shipped document with up to three nodes removed, replaced or added."""
    number = draw(st.integers(0, len(DOCUMENTS) - 1))
    mutant = copy.deepcopy(DOCUMENTS[number])
    for _ in range(draw(st.integers(1, 3))):
        steps = draw(st.sampled_from(tuple(paths(mutant)) or ((),)))
        if not steps:
            break
        parent = at(mutant, steps[:-1])
        change = draw(st.sampled_from(("remove", "replace", "replace", "graft", "add")))
        # A null item of a list is a zero value of its type, which only a schema knows: test_schema has it.
        nulls = (None,) if isinstance(parent, dict) else ()
        if change == "remove":
            del parent[steps[-1]]
        elif change == "replace":
            parent[steps[-1]] = copy.deepcopy(draw(st.sampled_from(VALUES + nulls)))
        elif change == "graft":
            parent[steps[-1]] = graft(draw)
        elif isinstance(parent, dict):
            parent[draw(st.sampled_from([*KEYS, "replica", "resizePolicy", "status"]))] = graft(draw)
    return mutant


def graft(draw: st.DrawFn) -> Any:
    """A node of some shipped document: right in one place, wrong in most others."""
    number = draw(st.integers(0, len(DOCUMENTS) - 1))
    return copy.deepcopy(at(DOCUMENTS[number], draw(st.sampled_from(PATHS[number]))))


@pytest.mark.parametrize("minor", MINORS[1:])  # unhealthyPodEvictionPolicy is there from 1.26
def test_both_accept_what_ships(minor: int) -> None:
    assert DOCUMENTS
    for document in DOCUMENTS:
        assert known(document["apiVersion"], document["kind"], minor)
        assert accepted(document, minor)
        assert violations(document, minor) == ()


@pytest.mark.parametrize("minor", MINORS)
def test_both_judge_every_document_alike_without_any_one_node(minor: int) -> None:
    for document, found in zip(DOCUMENTS, PATHS, strict=True):
        for steps in found:
            mutant = copy.deepcopy(document)
            del at(mutant, steps[:-1])[steps[-1]]
            assert (violations(mutant, minor) == ()) == accepted(mutant, minor), (steps, violations(mutant, minor))


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutant=mutants(), minor=st.sampled_from(MINORS))
def test_both_judge_mutants_alike(mutant: dict[str, Any], minor: int) -> None:
    found = violations(mutant, minor)
    assert (found == ()) == accepted(mutant, minor), found
