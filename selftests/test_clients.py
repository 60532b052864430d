"""Clients: the variables of a container, and which hosts are names of Services."""

import pytest

from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.network.clients import clients
from seatrial.target import Target
from seatrial.workload.variables import Variable, hidden_sources, variables

POD = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: known}}
data: {{A: from-map, B: {{}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec: {{containers: [{{name: c, image: {image}, envFrom: {sources}, env: {env}}}]}}
"""


def _set(env: str, sources: str = "[]", image: str = "client:1") -> ManifestSet:
    return load_texts("set", {"all.yaml": POD.format(env=env, sources=sources, image=image)}, Target.empty())


def _variables(env: str, sources: str = "[]") -> dict[str, Variable]:
    manifests = _set(env, sources)
    (template,) = manifests.pod_templates
    return variables(manifests, template, template.containers[0])


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ("[{name: X, value: a}]", "a"),
        ("[{name: X, value: a}, {name: X, value: b}]", "b"),
        ("[{name: X}]", ""),
        ("[{name: HOST, value: a}, {name: X, value: $(HOST)/v1}]", "a/v1"),
        ("[{name: X, value: $(HOST)/v1}, {name: HOST, value: a}]", "$(HOST)/v1"),
        ("[{name: HOST, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: X, value: $(HOST)/v1}]", None),
        ("[{name: HOST, value: a}, {name: X, value: $$(HOST)}]", "$(HOST)"),
        ("[{name: X, valueFrom: {configMapKeyRef: {name: known, key: A}}}]", "from-map"),
        ("[{name: X, valueFrom: {configMapKeyRef: {name: other, key: A}}}]", None),
        ("[{name: X, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]", None),
    ],
)
def test_value_of_a_variable(env: str, text: str | None) -> None:
    assert _variables(env)["X"].text == text


def test_sources_of_many_variables() -> None:
    sources = "[{configMapRef: {name: known}, prefix: P_}, {configMapRef: {name: other}}, {secretRef: {name: s}}]"
    manifests = _set("[{name: P_B, value: own}]", sources)
    (template,) = manifests.pod_templates
    (container,) = template.containers
    found = variables(manifests, template, container)
    assert (found["P_A"].text, found["P_B"].text) == ("from-map", "own")
    assert hidden_sources(manifests, "default", container) == ["ConfigMap/other", "Secret/s"]


@pytest.mark.parametrize("value", ["null", "1", "x", "[null, 1, [], {}]", "[{name: 1, value: 2}]", "[{valueFrom: 3}]"])
def test_wrong_types_are_no_variables(value: str) -> None:
    assert _variables(value, value) == {}


@pytest.mark.parametrize(
    ("url", "service", "namespace", "port"),
    [
        ("http://api:30000/v1", "api", "default", 30000),
        ("http://api/v1", "api", "default", 80),
        ("https://api.llm/v1", "api", "llm", 443),
        ("http://api.llm.svc:1/v1", "api", "llm", 1),
        ("http://api.llm.svc.cluster.local.:1/v1", "api", "llm", 1),
        ("https://llm.example.com/v1", None, "default", 443),
        ("http://10.0.0.1:80/v1", None, "default", 80),
        ("http://localhost:80/v1", None, "default", 80),
        ("http://api:99999999/v1", "api", "default", None),
        ("http://[::1/v1", None, "default", None),
        ("api:30000/v1", None, "default", None),
    ],
)
def test_where_a_url_leads(url: str, service: str | None, namespace: str, port: int | None) -> None:
    (client,) = clients(_set(f'[{{name: OPENAI_API_BASE_URL, value: "{url}"}}]'))
    (found,) = client.urls()
    assert (found.service, found.namespace, found.port) == (service, namespace, port)


@pytest.mark.parametrize(
    ("name", "is_client"),
    [("OPENAI_API_BASE_URLS", True), ("OPENAI_BASE_URL", True), ("MY_OPENAI_API_BASE", True), ("BASE_URL", False)],
)
def test_which_variables_make_a_client(name: str, is_client: bool) -> None:
    assert bool(clients(_set(f"[{{name: {name}, value: http://api/v1}}]"))) is is_client


@pytest.mark.parametrize(
    ("image", "answer"),
    [
        ("ghcr.io/open-webui/open-webui:main", True),
        ("registry:5000/team/open-webui", True),
        ("open-webui@sha256:00", True),
        ("team/open-webui-pipelines:1", False),
    ],
)
def test_what_open_webui_is(image: str, answer: bool) -> None:
    assert bool(clients(_set("[]", image=f'"{image}"'))) is answer
