"""A LeaderWorkerSet against the schema of each release."""

import copy
from typing import Any

import pytest
import yaml

from seatrial.lws import releases, schema
from seatrial.lws.schema import in_pod_template, violations
from seatrial.manifests.violation import Violation

NEWEST = "0.10.0"
TEMPLATE = ("spec", "leaderWorkerTemplate", "workerTemplate")
CONTAINER = (*TEMPLATE, "spec", "containers", 0)

LWS = yaml.safe_load(
    """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: deepseek-r1, labels: {app: deepseek-r1}, creationTimestamp: null}
spec:
  replicas: 2
  startupPolicy: LeaderCreated
  networkConfig: {subdomainPolicy: null}
  rolloutStrategy: {rollingUpdateConfiguration: {maxSurge: 1, maxUnavailable: 25%}}
  leaderWorkerTemplate:
    size: 2
    restartPolicy: RecreateGroupOnPodRestart
    leaderTemplate: null
    workerTemplate:
      metadata: {labels: {role: worker}}
      spec:
        containers:
        - name: sglang
          image: lmsysorg/sglang:v0.5.9-cu129
          env: [{name: A, value: "1"}, {name: B, value: "1"}]
          ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}]
          resources: {limits: {cpu: 0.5, memory: 1Gi, nvidia.com/gpu: 8}}
          volumeMounts: [{name: shm, mountPath: /dev/shm}]
        volumes: [{name: shm, emptyDir: {medium: Memory}}]
status: {conditions: [{type: Available}]}
"""
)


def changed(*path: str | int, to: object) -> dict[str, Any]:
    result = copy.deepcopy(LWS)
    node: Any = result
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = to
    return dict(result)


def only(found: tuple[Violation, ...]) -> Violation:
    assert len(found) == 1, found
    return found[0]


def paths(node: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(deeper for key, inner in items for deeper in paths(inner, (*path, key)))]


@pytest.mark.parametrize("release", releases.RELEASES, ids=str)
def test_a_plain_set_fits_every_release(release: releases.Release) -> None:
    assert violations(LWS, release) == ()


@pytest.mark.parametrize(
    ("path", "value", "first", "before"),
    [
        (("spec", "leaderWorkerTemplate", "subGroupPolicy"), {"subGroupPolicyType": "LeaderWorker"}, "0.6.0", "0.5.1"),
        (("spec", "rolloutStrategy", "rollingUpdateConfiguration", "partition"), 0, "0.7.0", "0.6.3"),
        (("spec", "leaderWorkerTemplate", "volumeClaimTemplates"), [{"metadata": {"name": "x"}}], "0.8.0", "0.7.0"),
        (("spec", "leaderWorkerTemplate", "persistentVolumeClaimRetentionPolicy"), {}, "0.8.0", "0.7.0"),
        (("spec", "leaderWorkerTemplate", "restartPolicy"), "RecreateGroupAfterStart", "0.9.0", "0.8.0"),
        (("status", "observedGeneration"), 3, "0.9.0", "0.8.0"),
    ],
)  # fmt: skip
def test_a_field_or_value_says_which_release_brings_it(
    path: tuple[str | int, ...], value: object, first: str, before: str
) -> None:
    document = changed(*path, to=value)
    assert violations(document, first) == violations(document, NEWEST) == ()
    found = only(violations(document, before))
    assert found.known_from == f"LeaderWorkerSet {first}"
    assert f"known from LeaderWorkerSet {first}" in found.message
    assert found.path[: len(path)] == path
    assert not in_pod_template(found)


@pytest.mark.parametrize(
    ("field", "value", "minor", "release", "older"),
    [
        ("resources", {"limits": {"cpu": 1}}, 32, "0.6.0", "0.5.1"),
        ("hostnameOverride", "a", 34, "0.8.0", "0.7.0"),
        ("schedulingGroup", {}, 36, "0.9.0", "0.8.0"),
    ],
)
def test_a_pod_field_follows_the_libraries_of_the_release(
    field: str, value: object, minor: int, release: str, older: str
) -> None:
    document = changed(*TEMPLATE, "spec", field, to=value)
    assert violations(document, release) == ()
    found = only(violations(document, older))
    assert (found.kind, found.known_from) == ("unknown field", f"Kubernetes 1.{minor}")
    assert in_pod_template(found)


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        ((*CONTAINER, "imagePullPolice"), "Always", "unknown field"),
        ((*CONTAINER, "env", 0, "value"), 1, "type"),
        ((*CONTAINER, "env", 1), {"name": "A"}, "value"),
        ((*CONTAINER, "ports", 1), {"containerPort": 80, "protocol": "TCP"}, "value"),
        ((*CONTAINER, "resources", "limits", "cpu"), True, "type"),
        (("spec", "leaderWorkerTemplate", "size"), "2", "type"),
        (("spec", "replicas"), 2**31, "value"),
        (("spec", "startupPolicy"), "leaderready", "value"),
        (("spec", "rolloutStrategy", "rollingUpdateConfiguration", "maxSurge"), 0.5, "type"),
        (("spec", "leaderWorkerTemplate", "groupSize"), 2, "unknown field"),
        ((*TEMPLATE, "metadata", "creationTimestamp"), None, "unknown field"),
    ],
)
def test_one_wrong_value(path: tuple[str | int, ...], value: object, kind: str) -> None:
    found = only(violations(changed(*path, to=value), NEWEST))
    assert (found.path, found.kind, found.known_from) == (path, kind, None)
    assert in_pod_template(found) == (path[:3] == TEMPLATE and path[3] == "spec")


def test_two_volumes_of_one_name_and_two_mounts_of_one_path() -> None:
    volumes = [{"name": "shm"}, {"name": "shm"}]
    assert only(violations(changed(*TEMPLATE, "spec", "volumes", to=volumes), NEWEST)).path[-1] == 1
    mounts = [{"name": "a", "mountPath": "/x"}, {"name": "b", "mountPath": "/x"}]
    found = only(violations(changed(*CONTAINER, "volumeMounts", to=mounts), NEWEST))
    assert found.message == "duplicate value: an earlier item of `volumeMounts` has mountPath /x"


@pytest.mark.parametrize("path", [("spec",), ("spec", "leaderWorkerTemplate"), TEMPLATE, (*TEMPLATE, "spec")])
def test_what_a_set_cannot_be_without(path: tuple[str, ...]) -> None:
    assert only(violations(changed(*path, to=None), NEWEST)).kind == "required"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "leaderWorkerTemplate", "restartPolicy"), ""),
        (("spec", "networkConfig"), {}),
        (("spec", "rolloutStrategy"), {}),
        (("spec", "rolloutStrategy"), {"type": ""}),
    ],
)
def test_what_the_webhook_completes_is_no_violation(path: tuple[str, ...], value: object) -> None:
    assert violations(changed(*path, to=value), "0.5.1") == ()


def test_a_fraction_passes_only_if_the_webhook_rewrites_the_set() -> None:
    complete = changed("spec", "networkConfig", to={"subdomainPolicy": "Shared"})
    assert violations(complete, "0.8.0") == ()
    found = only(violations(complete, "0.9.0"))
    assert found.path == (*CONTAINER, "resources", "limits", "cpu")
    assert found.message == "`cpu` must be a quantity: a string or an integer, not the number 0.5"
    complete["spec"]["leaderWorkerTemplate"]["restartPolicy"] = "Default"
    assert violations(complete, "0.9.0") == ()


def test_the_message_of_a_closed_set_lists_it() -> None:
    found = only(violations(changed("spec", "leaderWorkerTemplate", "restartPolicy", to="Always"), "0.8.0"))
    assert found.message == ('`restartPolicy` must be one of Default, RecreateGroupOnPodRestart, None, not "Always"')


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(releases.UnknownRelease):
        violations(LWS, "0.4.0")


@pytest.mark.parametrize("value", [None, 7, "text", [], {}, True, -1.5, [None], {"x": None}, {None: 1}])
def test_no_node_can_make_it_fail(value: object) -> None:
    for path in paths(LWS):
        if path:
            violations(changed(*path, to=value), NEWEST)
    violations(value, NEWEST)


def test_a_default_of_a_closed_set_is_in_it() -> None:
    specs = [spec for struct in schema._fields().values() for spec in struct.values() if isinstance(spec, dict)]
    closed = [spec for spec in specs if "enum" in spec]
    assert len(closed) == 5
    assert all(spec["default"] in spec["enum"] for spec in closed)


DEFINITION = {
    "spec": {
        "group": "leaderworkerset.x-k8s.io",
        "names": {"kind": "LeaderWorkerSet"},
        "versions": [
            {
                "name": "v1",
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "networkConfig": {
                                        "type": "object",
                                        "required": ["subdomainPolicy"],
                                        "properties": {"subdomainPolicy": {"type": "string"}},
                                    },
                                },
                            },
                        },
                    }
                },
            }
        ],
    }
}


def test_a_definition_of_the_user_decides_instead_of_the_release() -> None:
    document = {"apiVersion": schema.API_VERSION, "kind": schema.KIND, "spec": {"networkConfig": {}}}
    assert schema.crd_violations(document, DEFINITION) == ()
    document["spec"] = {"replicas": 1}
    assert only(schema.crd_violations(document, DEFINITION)).kind == "unknown field"
