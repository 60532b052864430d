"""Routes: their backends, grants, and how long a request may last."""

import math
from textwrap import dedent

import pytest

from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.network.routes import granted, has_port, routes, seconds, timeout
from seatrial.target import Target
from seatrial.workload.service_links import link_names


def _set(text: str) -> ManifestSet:
    return load_texts("set", {"all.yaml": dedent(text)}, Target.empty())


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("600s", "", 600),
        ("1h30m", "", 5400),
        ("1500ms", "", 1.5),
        ("0s", "", math.inf),
        ("600", "", None),
        ("10 min", "", None),
        ("600", "s", 600),
        ("50000", "ms", 50),
        ("15m", "ms", 900),
        ("0", "s", 0),
        ("", "s", None),
    ],
)
def test_durations(text: str, unit: str, value: float | None) -> None:
    assert seconds(text, unit) == value


INGRESS = """
    apiVersion: networking.k8s.io/v1
    kind: Ingress
    metadata: {{name: a, annotations: {annotations}}}
    spec: {{{spec} defaultBackend: {{service: {{name: api, port: {{name: http}}}}}}}}
"""


@pytest.mark.parametrize(
    ("annotations", "spec", "facts", "found"),
    [
        ("{}", "", {}, None),
        ("{}", "ingressClassName: nginx,", {}, (None,)),
        ("{}", "", {"gateway.controller": "ingress-nginx"}, (None,)),
        ("{kubernetes.io/ingress.class: haproxy}", "", {}, (None,)),
        ('{nginx.ingress.kubernetes.io/proxy-read-timeout: "600"}', "", {}, (600,)),
        ("{haproxy.org/timeout-server: 15m}", "", {}, (900,)),
        ("{}", "ingressClassName: qcloud,", {}, None),
    ],
)
def test_timeout_of_an_ingress(annotations: str, spec: str, facts: dict[str, object], found: object) -> None:
    manifests = _set(INGRESS.format(annotations=annotations, spec=spec))
    result = timeout(routes(manifests)[0], Target.empty().override(facts))
    assert (result and result[1:]) == found


ROUTE = """
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata: {name: a, namespace: front}
    spec:
      rules:
      - backendRefs:
        - {name: api, namespace: llm, port: 80}
        - {name: pool, kind: InferencePool, group: inference.networking.k8s.io}
        filters: [{requestMirror: {backendRef: {name: mirror, port: 81}}}]
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: api, namespace: llm}
    spec: {ports: [{name: http, port: 80}, {port: 443}]}
"""
GRANT = """
    ---
    apiVersion: gateway.networking.k8s.io/v1beta1
    kind: ReferenceGrant
    metadata: {{name: g, namespace: llm}}
    spec:
      from: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: {namespace}}}]
      to: [{{group: "", kind: Service{name}}}]
"""


def test_backends_of_an_http_route() -> None:
    (route,) = routes(_set(ROUTE))
    assert [(each.title, each.namespace) for each in route.backends] == [
        ("Service/api", "llm"),
        ("InferencePool/pool", "front"),
        ("Service/mirror", "front"),
    ]


@pytest.mark.parametrize(
    ("grant", "answer"),
    [
        ("", False),
        (GRANT.format(namespace="front", name=""), True),
        (GRANT.format(namespace="front", name=", name: api"), True),
        (GRANT.format(namespace="front", name=", name: other"), False),
        (GRANT.format(namespace="back", name=""), False),
    ],
)
def test_another_namespace_needs_a_grant(grant: str, answer: bool) -> None:
    manifests = _set(ROUTE + grant)
    assert granted(manifests, routes(manifests)[0].backends[0]) is answer


def test_a_port_goes_by_number_or_name() -> None:
    manifests = _set(ROUTE + "    ---\n    {a: 80, b: http, c: 81, d: '80', e: null}\n")
    service, ports = manifests.of_kind("Service")[0], manifests.documents[-1]
    assert [has_port(service, ports[key]) for key in "abcde"] == [True, True, False, False, False]


def test_variables_of_a_service() -> None:
    (service,) = _set("""
        apiVersion: v1
        kind: Service
        metadata: {name: my-sglang}
        spec: {ports: [{name: api, port: 80}]}
    """).documents
    assert set(link_names(service)) == {
        "MY_SGLANG_SERVICE_HOST",
        "MY_SGLANG_SERVICE_PORT",
        "MY_SGLANG_SERVICE_PORT_API",
        "MY_SGLANG_PORT",
        "MY_SGLANG_PORT_80_TCP",
        "MY_SGLANG_PORT_80_TCP_PROTO",
        "MY_SGLANG_PORT_80_TCP_PORT",
        "MY_SGLANG_PORT_80_TCP_ADDR",
    }
