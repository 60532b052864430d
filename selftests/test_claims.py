"""Claims: who mounts them, and what they ask for."""

import pytest

from seatrial.manifest_set import load_texts
from seatrial.storage.claims import claims, uses
from seatrial.target import Target

SPEC = "{volumes: [{name: v, persistentVolumeClaim: {claimName: c}}], containers: [{volumeMounts: [{name: v}]}]}"
SET = f"""
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {{name: x}}
spec:
  replicas: 3
  leaderWorkerTemplate:
    size: 4
    leaderTemplate: {{spec: {SPEC}}}
    workerTemplate: {{spec: {SPEC}}}
"""


@pytest.mark.parametrize(
    ("manifest", "pods"),
    [
        (SET, [3, 9]),
        (SET.replace("    leaderTemplate:", "    ignored:"), [12]),
        (SET.replace("size: 4", "size: 1"), [3]),
        (f"{{apiVersion: apps/v1, kind: Deployment, spec: {{replicas: 2, template: {{spec: {SPEC}}}}}}}", [2]),
        (f"{{apiVersion: apps/v1, kind: Deployment, spec: {{replicas: [], template: {{spec: {SPEC}}}}}}}", [1]),
        (f"{{apiVersion: apps/v1, kind: DaemonSet, spec: {{template: {{spec: {SPEC}}}}}}}", [2]),
        (f"{{apiVersion: batch/v1, kind: Job, spec: {{parallelism: 5, template: {{spec: {SPEC}}}}}}}", [5]),
        (f"{{apiVersion: v1, kind: Pod, spec: {SPEC}}}", [1]),
    ],
)
def test_pods_that_mount_a_claim(manifest: str, pods: list[int]) -> None:
    found = uses(load_texts("set", {"a.yaml": manifest}, Target.empty()))
    assert [use.pods for use in found["default", "c"]] == pods
    assert all(use.writes for use in found["default", "c"])


@pytest.mark.parametrize(
    ("volume", "mount"), [("claimName: c, readOnly: true", "name: v"), ("claimName: c", "name: v, readOnly: true")]
)
def test_who_only_reads(volume: str, mount: str) -> None:
    pod = f"""
apiVersion: v1
kind: Pod
spec:
  volumes: [{{name: v, persistentVolumeClaim: {{{volume}}}}}]
  containers: [{{volumeMounts: [{{{mount}}}]}}]
"""
    (use,) = uses(load_texts("set", {"a.yaml": pod}, Target.empty()))["default", "c"]
    assert not use.writes


@pytest.mark.parametrize(
    ("written", "request_bytes"), [("1Gi", 2**30), ("700G", 700 * 10**9), ("5Gib", None), ("[]", None)]
)
def test_request(written: str, request_bytes: int | None) -> None:
    text = f"""
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: c}}
spec: {{resources: {{requests: {{storage: {written}}}}}}}
"""
    (claim,) = claims(load_texts("set", {"a.yaml": text}, Target.empty()))
    assert claim.request == request_bytes
