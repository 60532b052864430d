"""Couplings of fields, and schemas where the target names no Kubernetes version."""

import pytest

from seatrial.api_server import couplings
from seatrial.api_server.kubernetes_target import is_served, strict_violations
from seatrial.finding import CannotTell
from seatrial.manifest_set import load_texts
from seatrial.manifests.document import Document
from seatrial.target import Target

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{{name: c, image: i{}}}]}}\n"


def _document(text: str) -> Document:
    return load_texts("set", {"a.yaml": text}, Target.empty()).documents[0]


def _broken(text: str) -> list[str]:
    return [observed for _, observed, _ in couplings.of(_document(text))]


@pytest.mark.parametrize(
    ("field", "observed"),
    [
        ("ports: [{containerPort: 0}]", "port 0"),
        ("readinessProbe: {httpGet: {port: '8080'}}", "port `8080`"),
        ("readinessProbe: {}", "no handler"),
        ("readinessProbe: {exec: {}, grpc: {port: 1}}", "exec and grpc"),
        ("lifecycle: {preStop: {}}", "no handler"),
        ("resources: {limits: {memory: 4GiB}}", "unit 'GiB'"),
        ("resources: {requests: {cpu: 2}, limits: {cpu: 1}}", "above limit"),
        ("volumeMounts: [{name: a, mountPath: /x}, {name: b, mountPath: /x}]", "mounted twice"),
    ],
)
def test_broken_couplings_of_a_container(field: str, observed: str) -> None:
    found = _broken(POD.format(", " + field))
    assert len(found) == 1
    assert observed in found[0]


@pytest.mark.parametrize(
    "text",
    [
        POD.format(", ports: [{containerPort: 8080, hostPort: 0}], readinessProbe: {httpGet: {port: http}}"),
        POD.format("").replace("{name: x}", "{name: x, annotations: {Example.com/Key: a}}"),
        "apiVersion: apps.kruise.io/v1alpha1\nkind: StatefulSet\nmetadata: {name: x}\nspec: {selector: {}}\n",
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}\nspec: {}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {clusterIP: None}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {type: ExternalName, externalName: a.b}\n",
    ],
)
def test_correct_objects_have_none(text: str) -> None:
    assert _broken(text) == []


def test_generated_names_have_the_form_of_names() -> None:
    assert _broken("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: map-}\n") == []
    (wrong,) = _broken("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: Map-}\n")
    assert wrong.startswith("generateName `Map-` may consist of")


def test_annotations_have_a_limit() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x, annotations: {{a: {}}}}}\n"
    assert _broken(text.format("b" * 1000)) == []
    (wrong,) = _broken(text.format("b" * 262_144))
    assert wrong == "the text of all annotations holds 262,145 bytes, more than 262,144"


def test_a_service_needs_a_port() -> None:
    assert _broken("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {selector: {a: b}}\n") == ["no port"]


def test_without_a_version_all_minors_have_to_agree() -> None:
    budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: "
    assert strict_violations(_document(budget + "{maxUnavailable: 1}"), None) == ()
    wrong = strict_violations(_document(budget + "{maxUnavailabel: 1}"), None)
    assert [violation.path[-1] for violation in wrong] == ["maxUnavailabel"]
    with pytest.raises(CannotTell, match=r"only in Kubernetes 1\.26 to 1\.\d+"):
        strict_violations(_document(budget + "{unhealthyPodEvictionPolicy: AlwaysAllow}"), None)
    both = _document(budget + "{maxUnavailabel: 1, unhealthyPodEvictionPolicy: AlwaysAllow}")
    assert [violation.path[-1] for violation in strict_violations(both, None)] == ["maxUnavailabel"]


def test_kinds_that_come_and_go() -> None:
    text = "apiVersion: {}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: x}}\n"
    assert is_served(_document(text.format("autoscaling/v2")), None)
    assert not is_served(_document(text.format("autoscaling/v3")), None)
    assert is_served(_document(text.format("autoscaling/v2beta2")), 25)
    with pytest.raises(CannotTell, match=r"only in Kubernetes 1\.25"):
        is_served(_document(text.format("autoscaling/v2beta2")), None)
