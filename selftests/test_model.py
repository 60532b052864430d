"""Which model a group serves, and which volumes hold it."""

from pathlib import Path

import pytest

from seatrial.finding import CannotTell
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.storage.download import downloads
from seatrial.storage.model import directory_written, served
from seatrial.storage.model_volumes import model_volumes
from seatrial.target import Target, parse
from seatrial.workload.serving import groups

SERVER = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: server}}
spec:
  template:
    spec:
      containers:
      - name: sglang
        image: lmsysorg/sglang:v0.5.9
        command: [python3, -m, sglang.launch_server, --model-path, {path}]
        volumeMounts: [{{name: v, mountPath: /data}}]
      volumes: [{{name: v, persistentVolumeClaim: {{claimName: model}}}}]
"""
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {{name: fetch}}
spec:
  template:
    spec:
      containers:
      - name: fetch
        image: lmsysorg/sglang:v0.5.9
        command: {command}
        volumeMounts: [{{name: v, mountPath: /model}}]
      volumes: [{{name: v, persistentVolumeClaim: {{claimName: model}}}}]
"""
NAME = "deepseek-ai/DeepSeek-R1"


def build(path: str, repository: str | None = None, directory: str = "/model/r1", facts: str = "") -> ManifestSet:
    files = {"server.yaml": SERVER.format(path=path)}
    if repository:
        files["job.yaml"] = JOB.format(command=f"[modelscope, download, {repository}, --local_dir, {directory}]")
    return load_texts("set", files, parse(facts, Path("seatrial.toml")) if facts else Target.empty())


@pytest.mark.parametrize(
    ("manifests", "repository", "checkpoint", "evidence"),
    [
        (build("/data/DeepSeek-R1"), NAME, "fp8", "--model-path"),
        (build(NAME), NAME, "fp8", "--model-path"),
        (build("/data/r1", NAME), NAME, "fp8", "downloaded by Job/fetch"),
        (build("/data/r1", "DeepSeek-AI/deepseek-r1"), NAME, "fp8", "downloaded by Job/fetch"),
        (build("/data/DeepSeek-R1", "unsloth/DeepSeek-R1-BF16", "/model/DeepSeek-R1"),
         "unsloth/DeepSeek-R1-BF16", "bf16", "downloaded by Job/fetch"),
        (build("/data/DeepSeek-R1", "unsloth/DeepSeek-R1-BF16", "/model/other"), NAME, "fp8", "--model-path"),
        (build("/data/x", facts=f'[model]\nrepository = "{NAME}"'), NAME, "fp8", "the fact model.repository"),
        (build("/data/DeepSeek-R1", facts='[model]\ncheckpoint = "awq"'), NAME, "awq", "--model-path"),
        (build("/data/r1", "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", facts='[model]\ncheckpoint = "fp8"'),
         "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "bf16", "downloaded by Job/fetch"),
    ],
)  # fmt: skip
def test_served(manifests: ManifestSet, repository: str, checkpoint: str, evidence: str) -> None:
    found = served(groups(manifests)[0])
    assert (found.repository.name, found.checkpoint.name, found.evidence) == (repository, checkpoint, evidence)


@pytest.mark.parametrize(
    "manifests",
    [build("/data/x"), build("/data/r1", "example/unknown"), build("/data/x", facts='[model]\nrepository = "a/b"')],
)
def test_unknown_model(manifests: ManifestSet) -> None:
    with pytest.raises(CannotTell) as unknown:
        served(groups(manifests)[0])
    assert "[model] repository" in unknown.value.supply


@pytest.mark.parametrize(
    "command",
    [
        "[modelscope, download, a/b, --cache_dir, /model]",
        "[modelscope, download, a/b]",
        "[modelscope, download, a/b, --local_dir, r1]",
        "[bash, -c, 'modelscope download a/b --local_dir $(mktemp -d)']",
    ],
)
def test_directory_that_is_not_known(command: str) -> None:
    manifests = load_texts("set", {"job.yaml": JOB.format(command=command)}, Target.empty())
    with pytest.raises(CannotTell):
        directory_written(downloads(manifests)[0])


def test_one_volume_for_engine_and_download() -> None:
    volumes = model_volumes(build("/data/r1", NAME))
    assert [volume.key for volume in volumes] == [("claim", "default", "model")]
    assert volumes[0].need_checkpoint().name == "fp8"


def test_download_alone_has_a_volume() -> None:
    command = f"[modelscope, download, {NAME}, --local_dir, /model/r1]"
    manifests = load_texts("set", {"job.yaml": JOB.format(command=command)}, Target.empty())
    assert model_volumes(manifests)[0].need_checkpoint().file_bytes == 688_586_727_753
