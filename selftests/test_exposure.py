"""Ways by which the API of a group leaves the cluster."""

import pytest

from seatrial.manifest_set import load_texts
from seatrial.network.exposure import exits
from seatrial.target import Target
from seatrial.workload.serving import groups

SERVER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  template:
    metadata: {labels: {app: server}}
    spec:
      containers:
      - {name: sglang, image: "lmsysorg/sglang:v0.5.9", command: [python3, -m, sglang.launch_server, --model-path, /m]}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: api}}
spec: {{selector: {{app: {app}}}, ports: [{{port: 30000}}], {more}}}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: out}
spec: {defaultBackend: {service: {name: api, port: {number: 30000}}}}
"""
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: out}
spec: {rules: [{backendRefs: [{name: api, port: 30000}]}]}
"""


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([SERVICE.format(app="server", more="")], []),
        ([SERVICE.format(app="server", more="type: LoadBalancer")], ["Service/api of type LoadBalancer"]),
        ([SERVICE.format(app="server", more="type: NodePort")], ["Service/api of type NodePort"]),
        ([SERVICE.format(app="server", more="externalIPs: [192.0.2.1]")], ["Service/api with externalIPs"]),
        ([SERVICE.format(app="other", more="type: LoadBalancer")], []),
        ([SERVICE.format(app="server", more=""), INGRESS], ["Ingress/out"]),
        ([SERVICE.format(app="server", more=""), ROUTE], ["HTTPRoute/out"]),
        ([SERVICE.format(app="server", more=""), ROUTE.replace("HTTPRoute", "TCPRoute")], ["TCPRoute/out"]),
        ([SERVICE.format(app="other", more=""), ROUTE, INGRESS], []),
        ([ROUTE, INGRESS], []),
    ],
)
def test_exits(files: list[str], found: list[str]) -> None:
    texts = {f"{number}.yaml": text for number, text in enumerate([SERVER, *files])}
    (group,) = groups(load_texts("set", texts, Target.empty()))
    assert [way.what for way in exits(group)] == found
