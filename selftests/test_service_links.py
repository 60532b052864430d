"""SVC-10: which names of Services hit a variable that the release reads."""

import pytest

from seatrial import catalogue
from seatrial.judge import judge
from seatrial.manifest_set import load_texts
from seatrial.target import Target
from seatrial.verdict import Verdict

SET = """
apiVersion: v1
kind: Service
metadata: {{name: {service}}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec:
  containers:
  - name: c
    image: lmsysorg/sglang:{tag}
    command: [python3, -m, sglang.launch_server, --model-path, /m]
    env: [{env}]
"""
(SVC_10,) = (found for found in catalogue.requirements("static") if found.id == "SVC-10")


@pytest.mark.parametrize(
    ("service", "tag", "verdict"),
    [
        ("sglang", "v0.5.9", Verdict.FAILED),
        ("sglang", "latest", Verdict.FAILED),
        ("master", "v0.5.9", Verdict.FAILED),
        ("sglang-grpc", "v0.5.9", Verdict.PASSED),
        ("sglang-grpc", "v0.5.11", Verdict.FAILED),
        ("sglang-grpc", "latest", Verdict.CANNOT_TELL),
        ("sglang-api", "latest", Verdict.PASSED),
    ],
)
def test_the_release_decides_which_variables_count(service: str, tag: str, verdict: Verdict) -> None:
    manifests = load_texts("set", {"a.yaml": SET.format(service=service, tag=tag, env="")}, Target.empty())
    assert judge(SVC_10, manifests).verdict is verdict


def test_what_the_manifest_sets_is_not_injected() -> None:
    text = SET.format(service="sglang", tag="v0.5.9", env="{name: SGLANG_PORT, value: '30001'}")
    assert judge(SVC_10, load_texts("set", {"a.yaml": text}, Target.empty())).verdict is Verdict.PASSED


def test_the_finding_says_what_the_release_does() -> None:
    manifests = load_texts("set", {"a.yaml": SET.format(service="sglang", tag="v0.5.9", env="")}, Target.empty())
    (finding,) = judge(SVC_10, manifests).findings
    assert finding.why == "SGLang 0.5.9 reads the address SGLANG_PORT=tcp://...: ValueError: the text is no integer."
