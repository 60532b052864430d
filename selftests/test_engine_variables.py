"""Rules that read the variables of the engine: what counts as set, and what nobody can tell."""

import pytest

from seatrial import catalogue
from seatrial.judge import judge
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.nodes import rdma
from seatrial.target import Target
from seatrial.verdict import Verdict
from seatrial.workload.serving import groups

LWS = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {{name: r1}}
spec:
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      spec:
        hostNetwork: true
        containers:
        - name: c
          image: lmsysorg/sglang:v0.5.9
          command: [bash, -c, '{script} exec python3 -m sglang.launch_server --model-path /m']
          env: [{env}]
"""
RULES = {found.id: found for found in catalogue.requirements("static")}


def _set(script: str = "", env: str = "") -> ManifestSet:
    return load_texts("set", {"lws.yaml": LWS.format(script=script, env=env)}, Target.empty())


SET, WRONG = "{name: GLOO_SOCKET_IFNAME, value: eth0}", "{name: GLOO_SOCKET_IFNAME, value: ^lo}"


@pytest.mark.parametrize(
    ("script", "env", "net_04", "net_05"),
    [
        ("", "", Verdict.WARNED, Verdict.NOT_APPLICABLE),
        ("", SET, Verdict.PASSED, Verdict.PASSED),
        ("", WRONG, Verdict.PASSED, Verdict.FAILED),
        ("export GLOO_SOCKET_IFNAME=eth0;", "", Verdict.PASSED, Verdict.PASSED),
        ("export GLOO_SOCKET_IFNAME=eth0;", WRONG, Verdict.PASSED, Verdict.PASSED),
        ("unset GLOO_SOCKET_IFNAME;", SET, Verdict.WARNED, Verdict.NOT_APPLICABLE),
        ("[ -e /a ] && export GLOO_SOCKET_IFNAME=eth0;", "", Verdict.CANNOT_TELL, Verdict.CANNOT_TELL),
        ("[ -e /a ] && export GLOO_SOCKET_IFNAME=eth1;", SET, Verdict.PASSED, Verdict.CANNOT_TELL),
    ],
)
def test_the_script_has_the_last_word(script: str, env: str, net_04: Verdict, net_05: Verdict) -> None:
    manifests = _set(script, env)
    assert judge(RULES["NET-04"], manifests).verdict is net_04
    assert judge(RULES["NET-05"], manifests).verdict is net_05


@pytest.mark.parametrize(("value", "off"), [("1", True), ("0", False), ("true", False), ("2", True), ("", False)])
def test_nccl_reads_a_number(value: str, off: bool) -> None:
    (group,) = groups(_set(env=f"{{name: NCCL_IB_DISABLE, value: '{value}'}}"))
    assert rdma.is_switched_off(group.leader) is off
