"""LWS as it is installed: from manifests, from the target, and the definition of --crd."""

from pathlib import Path

import pytest
import yaml

from seatrial import catalogue
from seatrial.api_server import definition_file
from seatrial.finding import NotApplicable
from seatrial.judge import Judgement, judge
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.manifests.source import UnreadableManifest
from seatrial.target import Target
from seatrial.verdict import Verdict
from seatrial.workload.lws_installation import installation, minor_of_definition

CONTROLLER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: lws-controller-manager, namespace: lws-system}
spec:
  replicas: 2
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: manager, image: "registry.k8s.io/lws/lws:v0.9.0"}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: lws}
webhooks:
- name: mpod.kb.io
  objectSelector: {matchExpressions: [{key: leaderworkerset.sigs.k8s.io/name, operator: Exists}]}
  clientConfig: {service: {name: lws-webhook-service, path: /mutate--v1-pod}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config, namespace: lws-system}
data:
  config.yaml: |
    apiVersion: config.lws.x-k8s.io/v1alpha1
    gangSchedulingManagement:
      schedulerProvider: volcano
"""


def _definition(**fields: object) -> dict[str, object]:
    spec = {"type": "object", "properties": {"leaderWorkerTemplate": {"type": "object", "properties": fields}}}
    schema = {"type": "object", "properties": {"spec": spec}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "leaderworkersets.leaderworkerset.x-k8s.io"},
        "spec": {
            "group": "leaderworkerset.x-k8s.io",
            "names": {"kind": "LeaderWorkerSet"},
            "versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}],
        },
    }


def _set(text: str) -> ManifestSet:
    return load_texts("set", {"a.yaml": text}, Target.empty())


def _judged(manifests: ManifestSet) -> dict[str, Judgement]:
    return {
        requirement.id: judge(requirement, manifests)
        for requirement in catalogue.requirements("static")
        if requirement.area == "INS"
    }


def test_install_manifests_answer_without_facts() -> None:
    found = installation(_set(CONTROLLER))
    assert found.provider == "volcano"
    assert found.need_version()[0].minor == (0, 9)
    judged = _judged(_set(CONTROLLER))
    passed = {id for id, judgement in judged.items() if judgement.verdict is Verdict.PASSED}
    assert passed == {"INS-01", "INS-02", "INS-04", "INS-06", "INS-07", "INS-10"}


@pytest.mark.parametrize(
    ("old", "new", "id"),
    [
        ("namespace: lws-system}\nspec", "namespace: default}\nspec", "INS-01"),
        ("lws:v0.9.0", "lws:main", "INS-02"),
        ("registry.k8s.io/lws/lws", "docker.io/somebody/lws", "INS-04"),
        ("operator: Exists", "operator: DoesNotExist", "INS-06"),
        ("replicas: 2", "replicas: 1", "INS-07"),
        ("lws:v0.9.0", "lws:v0.6.2", "INS-10"),
    ],
)
def test_install_manifests_are_judged(old: str, new: str, id: str) -> None:
    assert old in CONTROLLER
    judgement = _judged(_set(CONTROLLER.replace(old, new)))[id]
    assert judgement.verdict in (Verdict.FAILED, Verdict.WARNED)
    assert judgement.findings[0].line > 0


def test_sets_without_lws_have_no_installation() -> None:
    with pytest.raises(NotApplicable):
        installation(_set("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"))


@pytest.mark.parametrize(
    ("fields", "minor"),
    [
        ({}, (0, 5)),
        ({"subGroupPolicy": {"properties": {"subGroupPolicyType": {"type": "string"}}}}, (0, 6)),
        ({"volumeClaimTemplates": {"type": "array"}}, (0, 8)),
        ({"restartPolicy": {"enum": ["None", "RecreateGroupAfterStart"]}}, (0, 9)),
    ],
)
def test_definitions_tell_their_release(fields: dict[str, object], minor: tuple[int, int]) -> None:
    assert minor_of_definition(_definition(**fields)) == minor
    assert minor_of_definition({"spec": []}) == (0, 5)


def test_definition_is_found_among_other_objects(tmp_path: Path) -> None:
    file = tmp_path / "install.yaml"
    file.write_text(yaml.safe_dump_all([{"kind": "Namespace"}, _definition()]), encoding="utf-8")
    assert definition_file.load(file)["kind"] == "CustomResourceDefinition"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: ConfigMap\n", "defines no leaderworkerset.x-k8s.io/v1 LeaderWorkerSet"),
        ("a: [\n", "not YAML"),
        (
            yaml.safe_dump(_definition(size={"type": "integer", "pattern": "["})),
            "its schema cannot be used",
        ),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "crd.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableManifest, match=message) as problem:
        definition_file.load(file)
    assert "\n" not in str(problem.value)
    with pytest.raises(UnreadableManifest, match="no such file"):
        definition_file.load(tmp_path / "absent.yaml")


def test_set_is_judged_by_the_given_definition(tmp_path: Path) -> None:
    lws = {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "x"},
        "spec": {"leaderWorkerTemplate": {"size": 2, "colour": "red"}},
    }
    documents = _set(yaml.safe_dump(lws)).documents
    manifests = ManifestSet("set", documents, Target.empty(), definition=_definition(colour={"type": "string"}))
    schema = next(each for each in catalogue.requirements("static") if each.id == "LWS-11")
    release = next(each for each in catalogue.requirements("static") if each.id == "LWS-13")
    assert [finding.path for finding in judge(schema, manifests).findings] == []
    assert [finding.path for finding in judge(release, manifests).findings] == ["spec.leaderWorkerTemplate.size"]
