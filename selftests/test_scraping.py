"""Scraping: annotations, PodMonitors and ServiceMonitors, and the ports they mean."""

import pytest

from seatrial.manifest_set import load_texts
from seatrial.network.scraping import Scrape, scrapes
from seatrial.target import Target
from seatrial.workload.pods import pods

BASE = """
apiVersion: v1
kind: Pod
metadata: {{name: p, labels: {{app: p}}, annotations: {annotations}}}
spec: {{containers: [{{name: c, image: i, ports: [{{name: api, containerPort: 30000}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: s, labels: {{svc: s}}}}
spec: {{selector: {{app: p}}, ports: [{{name: http, port: 80, targetPort: api}}, {{name: raw, port: 81}}]}}
---
apiVersion: monitoring.coreos.com/v1
kind: {kind}
metadata: {{name: m, namespace: {namespace}}}
spec: {spec}
"""


def _scrapes(
    annotations: str = "{}", kind: str = "Nothing", spec: str = "{}", namespace: str = "default"
) -> list[Scrape]:
    text = BASE.format(annotations=annotations, kind=kind, spec=spec, namespace=namespace)
    manifests = load_texts("set", {"all.yaml": text}, Target.empty())
    return list(scrapes(manifests, pods(manifests)[0]))


@pytest.mark.parametrize(
    ("annotations", "found"),
    [
        ("{}", []),
        ('{prometheus.io/scrape: "false"}', []),
        ('{prometheus.io/scrape: "true"}', [(None, "/metrics", "")]),
        ('{prometheus.io/scrape: "true", prometheus.io/port: "9", prometheus.io/path: /x}', [(9, "/x", "")]),
        ('{prometheus.io/scrape: "true", prometheus.io/port: api}', [(None, "/metrics", "api")]),
    ],
)
def test_annotations(annotations: str, found: list[object]) -> None:
    assert [(each.port, each.path, each.unresolved) for each in _scrapes(annotations)] == found


@pytest.mark.parametrize(
    ("kind", "endpoint", "found"),
    [
        ("PodMonitor", "{port: api}", (30000, "")),
        ("PodMonitor", "{port: other}", (None, "other")),
        ("PodMonitor", "{portNumber: 7}", (7, "")),
        ("PodMonitor", "{targetPort: 7}", (7, "")),
        ("PodMonitor", "{}", (None, "")),
        ("ServiceMonitor", "{port: http}", (30000, "")),
        ("ServiceMonitor", "{port: raw}", (81, "")),
        ("ServiceMonitor", "{port: other}", (None, "other")),
        ("ServiceMonitor", "{targetPort: api}", (30000, "")),
    ],
)
def test_monitors(kind: str, endpoint: str, found: tuple[int | None, str]) -> None:
    field, labels = ("podMetricsEndpoints", "app: p") if kind == "PodMonitor" else ("endpoints", "svc: s")
    spec = f"{{selector: {{matchLabels: {{{labels}}}}}, {field}: [{endpoint}]}}"
    (scrape,) = _scrapes(kind=kind, spec=spec)
    assert (scrape.port, scrape.unresolved) == found


@pytest.mark.parametrize(
    ("namespaces", "count"), [("{}", 0), ("{any: true}", 1), ("{matchNames: [default]}", 1), ("{matchNames: [x]}", 0)]
)
def test_a_monitor_sees_its_own_namespace_or_those_it_names(namespaces: str, count: int) -> None:
    spec = f"{{selector: {{}}, namespaceSelector: {namespaces}, podMetricsEndpoints: [{{port: api}}]}}"
    assert len(_scrapes(kind="PodMonitor", spec=spec, namespace="monitoring")) == count
