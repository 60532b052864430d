"""Probes as the kubelet reads them."""

import pytest
import yaml

from seatrial.manifest_set import load_texts
from seatrial.target import Target
from seatrial.workload.probes import Probe, is_loopback, probe, probes


def _probe(text: str) -> Probe:
    container = f"ports: [{{name: api, containerPort: 30000}}]\nreadinessProbe: {text}\n"
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": yaml.safe_load(container)}
    manifests = load_texts("set", {"pod.yaml": yaml.safe_dump(document)}, Target.empty())
    found = probe(manifests.documents[0]["spec"], "readinessProbe")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("written", "path"),
    [("/health", "/health"), ("health", "/health"), ("/health/", "/health"), ("/health?x=1", "/health"), ("", "/")],
)
def test_path_is_what_is_asked_for(written: str, path: str) -> None:
    assert _probe(f"{{httpGet: {{path: '{written}', port: 1}}}}").path == path


@pytest.mark.parametrize(
    ("handler", "port"),
    [
        ("httpGet: {port: 8080}", 8080),
        ("httpGet: {port: api}", 30000),
        ("tcpSocket: {port: api}", 30000),
        ("httpGet: {port: http}", None),
        ("httpGet: {port: true}", None),
        ("exec: {command: [ls]}", None),
    ],
)
def test_port_is_looked_up_by_name(handler: str, port: int | None) -> None:
    assert _probe(f"{{{handler}}}").port == port


def test_numbers_are_what_the_api_server_fills_in() -> None:
    assert _probe("{exec: {command: [ls]}}").timeout_s == 1
    assert _probe("{exec: {command: [ls]}}").budget_s == 30
    given = _probe("{exec: {}, initialDelaySeconds: 60, periodSeconds: 20, failureThreshold: 6, timeoutSeconds: x}")
    assert (given.budget_s, given.timeout_s) == (180, 1)


def test_keys_are_seen_in_headers() -> None:
    header = "httpHeaders: [{name: authorization, value: Bearer x}]"
    assert _probe(f"{{httpGet: {{port: 1, {header}}}}}").has_key
    assert not _probe("{httpGet: {port: 1}}").has_key


def test_what_is_no_probe_is_none() -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {livenessProbe: [], startupProbe: null}\n"
    manifests = load_texts("set", {"pod.yaml": text}, Target.empty())
    assert probes(manifests.documents[0]["spec"]) == []


@pytest.mark.parametrize(
    ("host", "answer"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer
