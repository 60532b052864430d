"""What schema and webhook say about a LeaderWorkerSet, each objection under one requirement."""

from typing import Any, get_args

import pytest
import yaml

from seatrial import catalogue
from seatrial.api_server import admission
from seatrial.finding import CannotTell, Finding
from seatrial.judge import judge
from seatrial.lws.admission import Rule
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.target import Target
from seatrial.verdict import Verdict

LWS = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: x}
spec:
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      spec:
        containers: [{name: c, image: vllm/vllm-openai:v0.8.5, env: [{name: A, value: b}]}]
"""


def _set(change: dict[str, Any] | None = None, version: str | None = "0.9.0", text: str = LWS) -> ManifestSet:
    document = yaml.safe_load(text)
    for path, value in (change or {}).items():
        node, *steps = document, *path.split("/")
        for step in steps[:-1]:
            node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
        node[steps[-1]] = value
    target = Target.empty().override({"lws.version": version}) if version else Target.empty()
    return load_texts("set", {"lws.yaml": yaml.safe_dump(document)}, target)


def _broken(manifests: ManifestSet) -> dict[str, Verdict]:
    verdicts = {
        requirement.id: judge(requirement, manifests).verdict
        for requirement in catalogue.requirements("static")
        if requirement.area in ("LWS", "K8S") and requirement.id not in ("K8S-03", "LWS-18")
    }
    return {id: verdict for id, verdict in verdicts.items() if verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE)}


@pytest.mark.parametrize(
    ("change", "requirement"),
    [
        ({"metadata/name": "1x"}, "LWS-01"),
        ({"spec/replicas": -1}, "LWS-12"),
        ({"spec/leaderWorkerTemplate/size": 0}, "LWS-12"),
        ({"spec/replicas": 2**31 - 1}, "LWS-12"),
        ({"spec/rolloutStrategy/rollingUpdateConfiguration": {"maxUnavailable": 0}}, "LWS-03"),
        ({"spec/rolloutStrategy/rollingUpdateConfiguration": {"maxUnavailable": "x"}}, "LWS-12"),
        ({"spec/rolloutStrategy/rollingUpdateConfiguration": {"maxSurge": -1}}, "LWS-12"),
        ({"spec/rolloutStrategy/rollingUpdateConfiguration": {"partition": -1}}, "LWS-12"),
        ({"spec/leaderWorkerTemplate/subGroupPolicy": {}}, "LWS-09"),
        ({"spec/leaderWorkerTemplate/subGroupPolicy": {"subGroupSize": 5}}, "LWS-09"),
        ({"spec/replicaCount": 2}, "LWS-11"),
        ({"spec/leaderWorkerTemplate/workerTemplate/spec/containers/0/imagePolicy": "Always"}, "LWS-11"),
        ({"apiVersion": "leaderworkerset.x-k8s.io/v1beta1"}, "LWS-11"),
        (
            {
                "spec/leaderWorkerTemplate/workerTemplate/spec/containers/0/env": [
                    {"name": "A", "value": "b"},
                    {"name": "A", "value": "c"},
                ]
            },
            "K8S-02",
        ),
    ],
)
def test_each_objection_has_one_requirement(change: dict[str, Any], requirement: str) -> None:
    assert set(_broken(_set(change))) - {"LWS-14"} == {requirement}


def test_a_correct_set_has_none() -> None:
    assert _broken(_set()) == {}


def test_what_a_release_does_not_have_is_told_apart() -> None:
    policy = {"spec/leaderWorkerTemplate/restartPolicy": "RecreateGroupAfterStart"}
    field = {"spec/leaderWorkerTemplate/workerTemplate/spec/hostnameOverride": "rank"}
    assert _broken(_set(policy, "0.8.0")) == {"LWS-13": Verdict.FAILED}
    assert _broken(_set(field, "0.7.0")) == {"LWS-08": Verdict.WARNED}
    assert _broken(_set(policy, None)) == {"LWS-13": Verdict.CANNOT_TELL}
    assert _broken(_set(field, None)) == {"LWS-08": Verdict.CANNOT_TELL}


def test_every_rule_of_the_webhook_is_asked_for() -> None:
    assert set(admission._EXPECTED) == set(get_args(Rule)) - {"immutable"}


def test_unknown_release_is_settled_by_agreement() -> None:
    from seatrial.workload.leader_worker_set import leader_worker_sets

    lws = _set({"spec/replicas": -1}, None).once(leader_worker_sets)[0]
    assert [type(outcome) for outcome in admission.refused(lws, "replicas")] == [Finding]
    lws = _set({"spec/replicas": 2_000_000}, None).once(leader_worker_sets)[0]
    assert [type(outcome) for outcome in admission.refused(lws, "replicas")] == [CannotTell]
