"""Documents against the built-in types, and the table that those come from."""

import contextlib
import copy
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.knowledge import kubernetes
from seatrial.manifests import schema
from seatrial.manifests.crd import InvalidDefinition, crd_violations, describes
from seatrial.manifests.schema import Violation, violations

NEWEST = 37

DOCUMENTS = list(
    yaml.safe_load_all(
        """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  creationTimestamp: null
  labels: {app: api}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: api}}
    spec:
      securityContext: null
      nodeSelector: {zone: null}
      tolerations: [{key: gpu, operator: Exists}]
      containers:
      - name: api
        image: registry.example.com/api:1
        command: [sh, -c, null]
        env: [{name: A, value: "1"}, {name: A, value: null}]
        ports: [{containerPort: 8000}, {containerPort: 8000.0}]
        resources: {limits: {cpu: 0.5, memory: 1Gi, nvidia.com/gpu: 8}}
        livenessProbe: {httpGet: {path: /health, port: 8000}}
        readinessProbe: {httpGet: {path: /health, port: http}}
        volumeMounts: [{name: shm, mountPath: /dev/shm}]
      volumes: [{name: shm, emptyDir: {medium: Memory, sizeLimit: 1e9}}]
status: {}
---
apiVersion: v1
kind: Service
metadata: {name: api, annotations: null}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: http}, {port: 81, targetPort: 8000}]}
status: {loadBalancer: {}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: model}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Ti}}, storageClassName: ""}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
data: {key: c2VjcmV0}
stringData: {other: plain}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec: {selector: {matchLabels: {a: b}}, template: {spec: {containers: [{name: c}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {policyTypes: [Ingress]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: xs.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: X, plural: xs}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {a: {type: array, items: {type: object, default: {b: 1}}}}}}
"""
    )
)
DEPLOYMENT, SERVICE, CLAIM, SECRET = DOCUMENTS[:4]
CONTAINER = ("spec", "template", "spec", "containers", 0)


def changed(document: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    """A copy with one node replaced or added."""
    result = copy.deepcopy(document)
    node: Any = result
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = to
    return result


def without(document: dict[str, Any], *path: str | int) -> dict[str, Any]:
    result = copy.deepcopy(document)
    node: Any = result
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return result


def only(found: tuple[Violation, ...]) -> Violation:
    assert len(found) == 1, found
    return found[0]


def paths(node: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
@pytest.mark.parametrize("minor", [25, 28, 31, 34, NEWEST])
def test_what_the_server_accepts_has_no_violation(document: dict[str, Any], minor: int) -> None:
    assert violations(document, minor) == ()


def test_an_unknown_field_names_the_closest_known_one() -> None:
    found = only(violations(changed(DEPLOYMENT, *CONTAINER, "imagePullPolice", to="Always"), 34))
    assert found.path == (*CONTAINER, "imagePullPolice")
    assert found.kind == "unknown field"
    assert found.message == "unknown field `imagePullPolice`, did you mean `imagePullPolicy`"
    assert found.known_from is None


def test_a_field_in_the_wrong_case_is_unknown() -> None:
    assert "did you mean `replicas`" in only(violations(changed(DEPLOYMENT, "spec", "Replicas", to=1), 34)).message


def test_a_field_of_a_later_minor_says_so() -> None:
    document = changed(DEPLOYMENT, *CONTAINER[:-2], "resources", to={"limits": {"cpu": 1}})
    found = only(violations(document, 31))
    assert (found.kind, found.known_from) == ("unknown field", "Kubernetes 1.32")
    assert violations(document, 32) == ()


def test_a_field_of_an_earlier_minor_says_so() -> None:
    document = changed(DEPLOYMENT, *CONTAINER[:-2], "workloadRef", to={"name": "w", "podGroup": "g"})
    assert violations(document, 35) == ()
    found = only(violations(document, 36))
    assert "known only until Kubernetes 1.35" in found.message
    assert found.known_from is None


@pytest.mark.parametrize(
    ("path", "value", "kind", "message"),
    [
        (("env", 0, "value"), 1, "type", "`value` must be a string, not the number 1"),
        (("env", 0, "value"), True, "type", "`value` must be a string, not the boolean true"),
        (("ports", 0, "containerPort"), "80", "type", '`containerPort` must be a 32-bit integer, not the string "80"'),
        (("ports", 0, "containerPort"), True, "type", "`containerPort` must be a 32-bit integer, not the boolean true"),
        (("ports", 0, "containerPort"), 80.5, "type", "`containerPort` must be a 32-bit integer, not the number 80.5"),
        (("ports", 0, "containerPort"), 2**31, "value", "`containerPort` must be a 32-bit integer, not the number"),
        (("resources", "limits", "cpu"), True, "type", "`cpu` must be a quantity, not the boolean true"),
        (("resources", "limits", "cpu"), float("nan"), "type", "`cpu` must be a quantity"),
        (("livenessProbe", "httpGet", "port"), 1.5, "type", "`port` must be an integer or a string"),
        (("command",), "sh", "type", '`command` must be a list, not the string "sh"'),
        (("resources",), [], "type", "`resources` must be a map, not a list"),
        (("stdin",), "yes", "type", '`stdin` must be a boolean, not the string "yes"'),
        (("command", 0), {}, "type", "the item must be a string, not a map"),
    ],
)
def test_a_value_of_the_wrong_type(path: tuple[str | int, ...], value: object, kind: str, message: str) -> None:
    found = only(violations(changed(DEPLOYMENT, *CONTAINER, *path, to=value), 34))
    assert (found.path, found.kind) == ((*CONTAINER, *path), kind)
    assert found.message.startswith(message)


@pytest.mark.parametrize("absent", ["removed", "null"])
def test_a_required_field_is_neither_missing_nor_null(absent: str) -> None:
    path = (*CONTAINER, "name")
    found = only(
        violations(without(DEPLOYMENT, *path) if absent == "removed" else changed(DEPLOYMENT, *path, to=None), 34)
    )
    assert (found.path, found.kind, found.expected) == (CONTAINER, "required", "`name`: a string")
    assert found.observed == ("null" if absent == "null" else "absent")


def test_a_null_item_is_an_empty_struct() -> None:
    found = only(violations(changed(DEPLOYMENT, *CONTAINER, "env", 0, to=None), 34))
    assert (found.path, found.kind) == ((*CONTAINER, "env", 0), "required")


@pytest.mark.parametrize("document", DOCUMENTS[:3], ids=lambda document: document["kind"])
def test_a_spec_is_required_where_something_in_it_is(document: dict[str, Any]) -> None:
    assert only(violations(without(document, "spec"), 25)).kind == "required"


def test_secret_data_is_base64() -> None:
    assert only(violations(changed(SECRET, "data", "key", to="not base64!"), 34)).kind == "value"
    assert violations(changed(SECRET, "data", "key", to="c2Vj\ncmV0\n"), 34) == ()


def test_all_violations_are_reported_once() -> None:
    document = changed(changed(DEPLOYMENT, *CONTAINER, "env", 0, "value", to=1), "spec", "replica", to=1)
    found = violations(changed(document, "metadata", "labels", "app", to=7), 34)
    assert [violation.path[-1] for violation in found] == ["app", "value", "replica"]


@pytest.mark.parametrize("value", [None, 7, "text", [], {}, True, -1.5, {"x": None}, [[]], {None: 1, 2: 3}])
def test_no_node_can_make_it_fail(value: object) -> None:
    for document in DOCUMENTS:
        for path in paths(document):
            if path:
                violations(changed(document, *path, to=value), 34)
    assert violations(value, 34) == ()


@pytest.mark.parametrize(
    "document", [{"apiVersion": [], "kind": {}}, {"kind": "Pod"}, {"apiVersion": "v1", "kind": None}]
)
def test_a_document_without_identity_has_no_schema(document: dict[str, Any]) -> None:
    assert violations(document, 34) == ()


@pytest.mark.parametrize(
    ("api_version", "kind", "gone"),
    [
        ("policy/v1beta1", "PodDisruptionBudget", "1.25"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.26"),
        ("flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema", "1.29"),
        ("extensions/v1beta1", "Deployment", "1.16"),
        ("apps/v1", "Deployment", None),
        ("example.com/v1", "Deployment", None),
    ],
)
def test_removed_kinds(api_version: str, kind: str, gone: str | None) -> None:
    assert schema.removed_in(api_version, kind) == gone
    if gone:
        assert not schema.known(api_version, kind, int(gone.partition(".")[2]))
        assert api_version not in schema.available_versions(kind, NEWEST)


def test_a_kind_is_known_from_its_first_minor_to_its_last() -> None:
    known = [
        minor
        for minor in kubernetes.minors()
        if schema.known("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", minor)
    ]
    assert known == [26, 27, 28, 29, 30, 31]
    assert schema.available_versions("HorizontalPodAutoscaler", 34) == ("autoscaling/v1", "autoscaling/v2")
    assert schema.available_versions("HorizontalPodAutoscaler")[-1] == "autoscaling/v2beta2"
    assert schema.available_versions("Nonsense") == ()


def test_every_type_of_every_minor_can_be_built() -> None:
    kinds = [key.split(" ") for key in kubernetes.types()["kinds"]]
    for minor in kubernetes.minors():
        present = [(api, kind) for api, kind in kinds if schema.known(api, kind, minor)]
        assert len(present) > 100
        for api, kind in present:
            violations({"apiVersion": api, "kind": kind}, minor)


@pytest.mark.skipif(find_spec("kubernetes_validate") is None, reason="needs the package kubernetes-validate")
def test_the_table_is_what_its_tool_makes() -> None:
    tool = Path(__file__).parents[1] / "tools/kubernetes_schemas.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_minors_outside_the_table_are_judged_by_the_nearest() -> None:
    assert kubernetes.minors() == tuple(range(25, 38))
    assert violations(SERVICE, 10) == violations(SERVICE, 99) == ()
    assert schema.known("autoscaling/v2beta2", "HorizontalPodAutoscaler", 20)


DEFINITION = yaml.safe_load(
    """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: example.com
  names: {kind: Engine}
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size, mode, note]
            properties:
              size: {type: integer, format: int32, minimum: 1}
              mode: {type: string, enum: [fast, slow], default: fast}
              note: {type: string, nullable: true}
              port: {anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true}
              cpu: {anyOf: [{type: integer}, {type: string}], pattern: '^[0-9]+m?$', x-kubernetes-int-or-string: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              labels: {type: object, additionalProperties: {type: string, maxLength: 3}}
              env:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, properties: {name: {type: string}, value: {type: string}}, required: [name]}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
"""
)
ENGINE = yaml.safe_load(
    """
apiVersion: example.com/v1
kind: Engine
metadata: {name: e, labels: {a: b}}
spec:
  {size: 1, note: null, port: http, cpu: 0.5, free: {any: [1]}, labels: {a: b, c: null}, env: [{name: A}], tags: [a, b]}
"""
)


def test_a_custom_resource_that_fits() -> None:
    assert describes(DEFINITION, "example.com/v1", "Engine")
    assert crd_violations(ENGINE, DEFINITION) == ()


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        (("size",), 0, "value"),
        (("size",), "1", "type"),
        (("mode",), "medium", "value"),
        (("cpu",), "1x", "value"),
        (("port",), [], "type"),
        (("labels", "a"), "long", "value"),
        (("sise",), 1, "unknown field"),
        (("env",), [{"name": "A"}, {"name": "A"}], "value"),
        (("tags",), ["a", "a"], "value"),
        (("env", 0), {"value": "1"}, "required"),
    ],
)
def test_a_custom_resource_that_does_not_fit(path: tuple[str | int, ...], value: object, kind: str) -> None:
    found = only(crd_violations(changed(ENGINE, "spec", *path, to=value), DEFINITION))
    assert found.kind == kind
    assert found.path[: len(path) + 1] == ("spec", *path)


@pytest.mark.parametrize("value", [None, 7, "text", [], {}, True])
def test_a_definition_can_be_anything(value: object) -> None:
    for path in paths(DEFINITION):
        if path:
            definition = changed(DEFINITION, *path, to=value)
            with contextlib.suppress(InvalidDefinition):
                crd_violations(ENGINE, definition)
    assert not describes(value, "example.com/v1", "Engine")
    for path in paths(ENGINE):
        if path:
            crd_violations(changed(ENGINE, *path, to=value), DEFINITION)


def test_a_definition_whose_schema_is_none_is_refused() -> None:
    definition = changed(DEFINITION, "spec", "versions", 0, "schema", "openAPIV3Schema", "properties", to=7)
    with pytest.raises(InvalidDefinition):
        crd_violations(ENGINE, definition)
