"""Where each release keeps compiled kernels."""

import pytest

from seatrial.finding import CannotTell
from seatrial.manifest_set import load_texts
from seatrial.storage import kernel_cache
from seatrial.target import Target
from seatrial.workload.serving import Role, groups

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec:
  containers:
  - name: sglang
    image: lmsysorg/sglang:{tag}
    command: [python3, -m, sglang.launch_server, --model-path, /m]
    env: [{env}]
    volumeMounts: [{{name: v, mountPath: /root/.cache}}]
  volumes: [{{name: v, hostPath: {{path: /cache}}}}]
"""


def role(tag: str, env: str = "") -> Role:
    return groups(load_texts("set", {"pod.yaml": POD.format(tag=tag, env=env)}, Target.empty()))[0].leader


@pytest.mark.parametrize(
    ("tag", "env", "path"),
    [
        ("v0.4.5", "", "/root/.deep_gemm"),
        ("v0.4.6", "", "/root/.cache/deep_gemm"),
        ("v0.4.9", "{name: SGL_DG_CACHE_DIR, value: /k}", "/k"),
        ("v0.4.9", "{name: SGLANG_DG_CACHE_DIR, value: /k}", "/root/.cache/deep_gemm"),
        ("v0.5.9", "{name: SGLANG_DG_CACHE_DIR, value: /k}", "/k"),
        ("v0.5.9", "{name: SGL_DG_CACHE_DIR, value: /k}", "/k"),
        ("v0.5.17", "", "/root/.cache/deep_gemm"),
        ("v0.5.18", "", "/root/.cache/sglang/deep_gemm"),
        ("v0.5.18", "{name: SGLANG_CACHE_DIR, value: ~/k}", "/root/k/deep_gemm"),
        ("v0.5.9", "{name: HOME, value: /home/me}", "/home/me/.cache/deep_gemm"),
    ],
)
def test_path(tag: str, env: str, path: str) -> None:
    assert kernel_cache.path(role(tag, env)) == path


@pytest.mark.parametrize(
    ("tag", "env", "compiles"),
    [
        ("v0.4.3.post2", "", False),
        ("v0.4.4", "{name: SGL_ENABLE_JIT_DEEPGEMM, value: '1'}", True),
        ("v0.4.5", "", True),
        ("v0.4.5.post3", "", False),
        ("v0.5.9", "", True),
        ("v0.5.9", "{name: SGLANG_ENABLE_JIT_DEEPGEMM, value: 'false'}", False),
    ],
)
def test_compiles(tag: str, env: str, compiles: bool) -> None:
    assert kernel_cache.compiles(role(tag, env)) is compiles


def test_versions_disagree() -> None:
    with pytest.raises(CannotTell, match="version"):
        kernel_cache.compiles(role("latest"))


def test_value_from_a_secret() -> None:
    env = "{name: SGLANG_DG_CACHE_DIR, valueFrom: {secretKeyRef: {name: s, key: k}}}"
    with pytest.raises(CannotTell, match="SGLANG_DG_CACHE_DIR"):
        kernel_cache.path(role("v0.5.9", env))


def test_directory_on_a_volume() -> None:
    found = kernel_cache.directory(role("v0.5.9"))
    assert found is not None
    assert str(found) == "/cache/deep_gemm of the node"


def test_what_the_script_exports_counts() -> None:
    words = "[python3, -m, sglang.launch_server, --model-path, /m]"
    script = "[sh, -c, 'export SGLANG_DG_CACHE_DIR=/k; exec python3 -m sglang.launch_server --model-path /m']"
    text = POD.format(tag="v0.5.9", env="").replace(words, script)
    assert kernel_cache.path(groups(load_texts("set", {"pod.yaml": text}, Target.empty()))[0].leader) == "/k"


def test_a_switch_that_nobody_knows_is_no_default() -> None:
    env = "{name: SGLANG_ENABLE_JIT_DEEPGEMM, valueFrom: {secretKeyRef: {name: s, key: k}}}"
    with pytest.raises(CannotTell):
        kernel_cache.compiles(role("v0.5.9", env))
