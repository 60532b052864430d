"""Evidence holds what a failure left, no secret of it, and stays within its bounds."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seatrial.clusters.capability import Capability
from seatrial.clusters.provider import Cluster
from seatrial.live import evidence
from seatrial.live.api import Unreachable
from seatrial.live.deployed import Deployed
from seatrial.live.frozen import FrozenView
from seatrial.live.objects import LiveObject
from seatrial.live.redaction import Redactor, names_secret
from seatrial.live.resources import EVENTS, MUTATING, NODES, PODS, Resource
from seatrial.manifest_set import load_texts
from seatrial.report import terminal
from seatrial.report.tally import Tally
from seatrial.target import Target
from seatrial.verdict import Verdict

ROOT = Path(__file__).parents[1]
SECRETS = {
    "opaque": "zebra-quartz-71",
    "encoded": "umbrella lantern 5",
    "variable": "violet-harbour-33",
    "flag": "granite-otter-12",
    "flag-value": "cobalt-badger-90",
    "annotation": "maple-falcon-44",
    "bearer": "Qm9ndXNCZWFyZXI2NQ",
    "basic": "YWxpY2U6d29uZGVybGFuZA==",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZWF0cmlhbCJ9.c2lnbmF0dXJlLXBhcnQ",
    "pem": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "kubeconfig": "amber-walrus-58",
    "event": "indigo-heron-27",
    "log": "scarlet-lynx-83",
    "url": "teal-marmot-16",
    "manager": "ochre-puffin-39",
    "hugging-face": "hf_AbCdEfGhIjKlMnOpQrStUvWx",
}
"""A secret for each place in which one may stand."""


def pem(body: str = SECRETS["pem"]) -> str:
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"


MANIFESTS = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: keys, namespace: llm}}
stringData: {{api-key: {SECRETS["opaque"]}}}
data: {{other: {base64.b64encode(SECRETS["encoded"].encode()).decode()}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: tools, namespace: llm}}
data: {{unused: declared}}
"""
KUBECONFIG = f"""\
apiVersion: v1
kind: Config
users:
- name: admin
  user: {{token: {SECRETS["kubeconfig"]}, client-key-data: {base64.b64encode(pem().encode()).decode()}}}
"""
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
LAST_APPLIED = json.dumps({
    "kind": "Pod", "spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": SECRETS["annotation"]}]}]},
})  # fmt: skip


def pod(name: str = "llm-0", ready: bool = False) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "llm",
            "labels": {"leaderworkerset.sigs.k8s.io/group-key": "5f0b3c9a"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": LAST_APPLIED},
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {
            "containers": [
                {
                    "name": "engine",
                    "command": ["python3", "-m", "sglang.launch_server", f"--api-key={SECRETS['flag']}", "--tp=16"],
                    "args": ["--hf-token", SECRETS["flag-value"], "--nnodes", "2"],
                    "env": [
                        {"name": "MODEL_TOKEN", "value": SECRETS["variable"]},
                        {"name": "NCCL_DEBUG", "value": "INFO"},
                        {"name": "PROXY", "value": f"http://me:{SECRETS['url']}@proxy:3128"},
                        {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api-key"}}},
                    ],
                }
            ]
        },
        "status": {
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "engine", "restartCount": 3}],
        },
    }


def event(message: str, last: str = "2025-11-25T02:00:00Z", **more: Any) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"name": f"e-{last}", "namespace": "llm"},
        "involvedObject": {"kind": "Pod", "name": "llm-0", "namespace": "llm"},
        "lastTimestamp": last,
        "type": "Warning",
        "reason": "Failed",
        "message": message,
        **more,
    }


LOG = (
    f"[2025-11-25 02:00:00] server_args=ServerArgs(model_path='/models', api_key='{SECRETS['log']}', tp_size=16)\n"
    f"GET /v1/models Authorization: Bearer {SECRETS['bearer']}\n"
    f'curl -H "Authorization: Basic {SECRETS["basic"]}" http://localhost\n'
    f"token was {SECRETS['jwt']}\n{pem()}\nlogin {SECRETS['hugging-face']} ok\n"
    f"echo {SECRETS['opaque']} {SECRETS['encoded']} {SECRETS['variable']} {SECRETS['flag-value']}\n"
    "Decode batch. #running-req: 1, #token: 4711, token usage: 0.02\n"
)


def deployed(
    tmp_path: Path,
    objects: Mapping[Resource, list[dict[str, Any]]] | None = None,
    logs: Mapping[str, str] | None = None,
    hidden: frozenset[str] = frozenset(),
    kind: type[FrozenView] = FrozenView,
    capabilities: frozenset[Capability] = frozenset({Capability.LOGS}),
) -> Deployed:
    manager = tmp_path / "lws-manager.log"
    manager.write_text(f'{{"level":"info","msg":"reconcile","token":"{SECRETS["manager"]}"}}\n')
    cluster = Cluster("kwok", "trial", tmp_path / "kubeconfig", None, capabilities, logs={"lws-manager": manager})
    found = objects if objects is not None else {
        PODS: [pod()],
        CONFIG_MAPS: [{"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "tools", "namespace": "llm"},
                       "data": {"kubeconfig": KUBECONFIG, "note": "keep me"}}],
        EVENTS: [
            event(f"login with password={SECRETS['event']} failed"),
            event("pulled", "2025-11-25T01:00:00Z", count=4),
        ],
        MUTATING: [{"kind": "MutatingWebhookConfiguration", "apiVersion": "admissionregistration.k8s.io/v1",
                    "metadata": {"name": "lws"}, "webhooks": [{"clientConfig": {"caBundle": "QUJDREVG"}}]}],
    }  # fmt: skip
    given_logs = logs if logs is not None else {"llm/llm-0/engine": LOG, "llm/llm-0/engine/previous": f"before\n{LOG}"}
    view = kind(cluster, ["llm"], found, "v1.34.4", given_logs, hidden)

    return Deployed(load_texts("trial", {"set.yaml": MANIFESTS}, Target.empty()), view, own=True)


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "evidence" / "trial" / "set"


def test_no_secret_is_in_any_file(tmp_path: Path, folder: Path) -> None:
    assert evidence.gather(deployed(tmp_path), folder, "GRP-01") == str(folder)
    written = texts(folder)
    found = {
        (name, file)
        for name, secret in SECRETS.items()
        for form in (secret, base64.b64encode(secret.encode()).decode())
        for file, text in written.items()
        if form in text
    }
    assert found == set()
    assert not any("QUJDREVG" in text for text in written.values())


def test_what_is_no_secret_stays(tmp_path: Path, folder: Path) -> None:
    evidence.gather(deployed(tmp_path), folder, "GRP-01")
    written = texts(folder)
    there = yaml.safe_load(written["pods.yaml"])
    container = there["spec"]["containers"][0]
    assert there["metadata"]["labels"] == {"leaderworkerset.sigs.k8s.io/group-key": "5f0b3c9a"}
    assert container["command"] == ["python3", "-m", "sglang.launch_server", "--api-key=<redacted>", "--tp=16"]
    assert container["args"] == ["--hf-token", "<redacted>", "--nnodes", "2"]
    assert container["env"][1:] == [
        {"name": "NCCL_DEBUG", "value": "INFO"},
        {"name": "PROXY", "value": "http://<redacted>@proxy:3128"},
        {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api-key"}}},
    ]
    secret = yaml.safe_load(written["declared-secret.yaml"])
    assert secret["metadata"]["name"] == "keys"
    assert (list(secret["stringData"]), list(secret["data"])) == (["api-key"], ["other"])
    assert "keep me" in written["declared-configmap.yaml"]
    log = written["logs/pods/llm_llm-0_engine.log"]
    assert "model_path='/models', api_key='<redacted>', tp_size=16" in log
    assert "#token: 4711, token usage: 0.02" in log
    assert written["logs/pods/llm_llm-0_engine.previous.log"].startswith("before\n")
    assert '"msg":"reconcile"' in written["logs/lws-manager.log"]


def test_events_are_in_order(tmp_path: Path, folder: Path) -> None:
    evidence.gather(deployed(tmp_path), folder, "GRP-01")
    assert (folder / "events.txt").read_text().splitlines() == [
        "2025-11-25T01:00:00Z  Warning  llm/Pod/llm-0  Failed  x4  pulled",
        "2025-11-25T02:00:00Z  Warning  llm/Pod/llm-0  Failed  x1  login with password=<redacted> failed",
    ]


def test_the_readme_says_what_is_what(tmp_path: Path, folder: Path) -> None:
    evidence.gather(deployed(tmp_path, hidden=frozenset({"Node"})), folder, "GRP-01")
    readme = (folder / "README.txt").read_text()
    assert "GRP-01" in readme
    assert "trial (provider kwok)" in readme
    assert all(file in readme for file in texts(folder) if file != "README.txt")
    assert "- nodes: nodes may not be read by this kubeconfig's user" in readme


def test_a_later_run_replaces_and_never_mixes(tmp_path: Path, folder: Path) -> None:
    evidence.gather(deployed(tmp_path), folder, "GRP-01")
    evidence.gather(
        deployed(tmp_path, objects={NODES: [{"kind": "Node", "metadata": {"name": "n"}}]}), folder, "NOD-01"
    )
    assert {file for file in texts(folder) if file.endswith(".yaml")} == {
        "nodes.yaml", "declared-secret.yaml",
    }  # fmt: skip
    assert [path.name for path in folder.parent.iterdir()] == ["set"]


def test_only_what_seatrial_wrote_is_discarded(tmp_path: Path, folder: Path) -> None:
    evidence.gather(deployed(tmp_path), folder, "GRP-01")
    foreign = folder.parent / "mine"
    foreign.mkdir()
    (foreign / "README.txt").write_text("my own notes")
    unfinished = folder.with_name(".set.123.part")
    unfinished.mkdir()
    (unfinished / "README.txt").write_text(f"{evidence.TITLE}\n")
    evidence.discard(tmp_path / "evidence")
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]
    assert evidence.gather(deployed(tmp_path), foreign, "GRP-01").startswith("not gathered: ")
    assert texts(foreign) == {"README.txt": "my own notes"}


def test_a_disk_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where a folder should be")
    said = evidence.gather(deployed(tmp_path), tmp_path / "evidence" / "trial" / "set", "GRP-01")
    assert said == f"not gathered: {tmp_path}/evidence/trial/set: Not a directory"


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    trial = deployed(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert evidence.gather(trial, folder, "GRP-01") == f"not gathered: {folder}: No space left on device"
    assert list(folder.parent.iterdir()) == []


class Gone(FrozenView):
    """A cluster whose API server stops answering when it is asked for pods."""

    def all(self, resource: Resource, namespace: str | None = None) -> list[LiveObject]:
        if resource is PODS:
            raise Unreachable("https://127.0.0.1:1: connection refused")
        return super().all(resource, namespace)


def test_a_cluster_that_is_gone_ends_gathering_but_not_the_run(tmp_path: Path, folder: Path) -> None:
    assert evidence.gather(deployed(tmp_path, kind=Gone), folder, "GRP-01") == str(folder)
    readme = (folder / "README.txt").read_text()
    assert "- pods: https://127.0.0.1:1: connection refused" in readme
    assert "- events: left out" in readme


def test_bounds(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST_OBJECTS", 3)
    monkeypatch.setattr(evidence, "MOST_BYTES", 40_000)
    monkeypatch.setattr(evidence, "LOG_BYTES", 1_000)
    pods = [pod(f"llm-{n}", ready=n != 5) for n in range(8)]
    logs = {f"llm/llm-{n}/engine": "".join(f"line {i}\n" for i in range(500)) for n in range(8)}
    evidence.gather(deployed(tmp_path, objects={PODS: pods}, logs=logs), folder, "GRP-01")
    written = texts(folder)
    names = [one["metadata"]["name"] for one in yaml.safe_load_all(written["pods.yaml"])]
    assert names == ["llm-5", "llm-0", "llm-1"], "those that are not ready first"
    log = written["logs/pods/llm_llm-0_engine.log"]
    assert len(log) <= 1_000
    assert log.endswith("line 499\n")
    assert sum(len(text) for name, text in written.items() if name != "README.txt") <= 40_000
    assert "pods: 3 of 8 are here" in written["README.txt"]
    assert "llm-0_engine.log: its last" in written["README.txt"]


def test_a_folder_that_is_full_says_what_is_left_out(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "MOST_BYTES", 500)
    evidence.gather(deployed(tmp_path), folder, "GRP-01")
    written = texts(folder)
    assert sum(len(text) for name, text in written.items() if name != "README.txt") <= 500
    assert "pods.yaml: 0 of 1 objects are here" in written["README.txt"]


@pytest.mark.parametrize(
    "text",
    [
        "--api-key {}",
        "--api-key='{}' --tp 8",
        '{{"api_key": "{}"}}',
        r"{{\"hf_token\":\"{}\"}}",
        '{{"password": "{} and it is cut off',
        "PGPASSWORD={}",
        "password: {}",
        "password: |\n  {}\nnext: 1",
        "- name: HF_TOKEN\n  value: {}",
        "EnvVar{{Name:HF_TOKEN,Value:{},ValueFrom:nil}}",
        "headers={{'Authorization': 'Bearer {}'}}",
        "authorization: Token {}",
        "X-Api-Key: {}",
        "https://me:{}@example.com/x",
        "GET /v1?api_key={}&x=1",
        "-----BEGIN RSA PRIVATE KEY-----\n{}",
        "{}\n-----END RSA PRIVATE KEY-----\nmore",
        "export SECRET={}; run",
    ],
)
def test_what_stands_behind_a_telling_name_goes(text: str) -> None:
    assert "4fGk2Lq9Zt" not in Redactor().text(text.format("4fGk2Lq9Zt"))


@pytest.mark.parametrize(
    "text",
    [
        'secret "hf" not found',
        "Bearer token expired",
        "#new-token: 7, #cached-token: 0, token usage: 0.01",
        "leaderworkerset.sigs.k8s.io/group-key=5f0b3c9a",
        "0/4 nodes are available: 4 node(s) had untolerated taint {nvidia.com/gpu: present}",
        "topologyKey: topology.kubernetes.io/zone",
        "--api-key $API_KEY --tp 16",
        "api_key=None",
        "max_total_tokens=4096, tokenizer_path='/models'",
        "-----BEGIN",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_a_value_that_is_known_goes_from_everywhere() -> None:
    redactor = Redactor()
    redactor.object({"kind": "Secret", "data": {"a": base64.b64encode(b"plain-words-here").decode()}})
    assert redactor.text("it says plain-words-here") == "it says <redacted>"
    assert redactor.text(base64.b64encode(b"plain-words-here").decode()) == "<redacted>"


def test_names() -> None:
    assert all(map(names_secret, ("API_KEY", "hfToken", "--admin-api-key", "client-key-data", "X-Amz-Signature")))
    assert not any(map(names_secret, ("key", "MAX_TOKENS", "secretName", "topologyKey", "tokenizer-path", "NAME")))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["kind", "Secret", "--token"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["kind", "name", "value", "data", "stringData", "binaryData", "token", "metadata"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_any_object_can_be_redacted_and_what_is_redacted_stays_as_it_is(value: Any) -> None:
    once = Redactor().object(value)
    assert Redactor().object(once) == once


def test_the_terminal_names_a_set_s_evidence_once() -> None:
    tally = Tally()
    for number, text in enumerate(
        ["out/evidence/a/set", "out/evidence/a/set", "out/evidence/a/LIF-01", "not gathered: out: No space left"]
    ):
        row = {"set": "a", "evidence": text, "waived": [], "requirement": f"X-{number}"}
        tally.add(f"X-{number}", "a", Verdict.FAILED, row)
    tally.add("X-9", "b", Verdict.FAILED, {"set": "b", "waived": [], "requirement": "X-9"})
    assert list(terminal.evidence_of(tally, "a")) == ["out/evidence/a", "not gathered: out: No space left"]
    assert list(terminal.evidence_of(tally, "b")) == []


@pytest.mark.parametrize("more", [[], ["-n", "1"]], ids=["one process", "pytest-xdist"])
def test_a_run_discards_the_evidence_of_the_former_one(tmp_path: Path, folder: Path, more: list[str]) -> None:
    if more:
        pytest.importorskip("xdist")
    evidence.gather(deployed(tmp_path), folder, "GRP-01")
    (tmp_path / "evidence" / "notes.txt").write_text("mine")
    command = [sys.executable, "-m", "pytest", "-p", "seatrial.plugin", "-p", "no:cacheprovider", "-m", "static"]
    command += [str(ROOT / "suites/static"), "-k", "ARG-01", "--rootdir", str(tmp_path), *more]
    command += ["--manifests", str(ROOT / "manifests/deepseek-r1-tke"), "--report-dir", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True, timeout=60)
    assert (tmp_path / "results.jsonl").exists(), done.stdout + done.stderr
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == ["notes.txt"]
