"""The environment that the Downward API gives outside LeaderWorkerSets."""

import pytest

from seatrial.manifest_set import load_texts
from seatrial.manifests.shell.values import Value
from seatrial.target import Target
from seatrial.workload.environments import sample_environment
from seatrial.workload.serving import groups

WORKLOAD = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: engine}}
spec:
  replicas: 2
  template:
    metadata: {{labels: {{app: engine}}}}
    spec:
      containers:
      - name: c
        image: i
        env:
        - {{name: V, valueFrom: {{fieldRef: {{fieldPath: "{path}"}}}}}}
"""


def value(kind: str, path: str) -> Value | None:
    manifests = load_texts("set", {"set.yaml": WORKLOAD.format(kind=kind, path=path)}, Target.empty())
    template = manifests.pod_templates[0]
    return sample_environment(manifests, template, template.containers[0]).get("V")


@pytest.mark.parametrize(
    ("kind", "path", "text"),
    [
        ("StatefulSet", "metadata.labels['apps.kubernetes.io/pod-index']", "0"),
        ("StatefulSet", "metadata.name", "engine-0"),
        ("Deployment", "metadata.labels['app']", "engine"),
        ("Deployment", "metadata.labels['apps.kubernetes.io/pod-index']", ""),
        ("Deployment", "metadata.namespace", "default"),
    ],
)
def test_what_is_known(kind: str, path: str, text: str) -> None:
    found = value(kind, path)
    assert found is not None
    assert (found.known, found.text) == (True, text)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", "metadata.name"),
        ("Deployment", "metadata.labels['pod-template-hash']"),
        ("StatefulSet", "status.podIP"),
    ],
)
def test_what_only_the_cluster_knows(kind: str, path: str) -> None:
    found = value(kind, path)
    assert found is not None
    assert not found.known


def test_a_config_map_of_the_set_gives_its_keys() -> None:
    text = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: engine}
data: {IFNAME: eth0}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: c, envFrom: [{prefix: NCCL_, configMapRef: {name: engine}}, {configMapRef: {name: other}}]}]
"""
    manifests = load_texts("set", {"set.yaml": text}, Target.empty())
    (template,) = manifests.pod_templates
    found = sample_environment(manifests, template, template.containers[0])
    assert found.get("NCCL_IFNAME") == Value("eth0", True, frozenset({"NCCL_IFNAME"}))
    assert found.may_be_set("ANYTHING")


def hostnames(spec: str) -> list[str]:
    """What a script sees in HOSTNAME, in the pods of a worker."""
    engine = "name: c, image: i, command: [sh, -c, 'python3 -m sglang.launch_server --node-rank ${HOSTNAME##*-}']"
    text = f"""\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {{name: r1}}
spec:
  leaderWorkerTemplate: {{size: 3, workerTemplate: {{spec: {{{spec} containers: [{{{engine}}}]}}}}}}
"""
    worker = groups(load_texts("set", {"lws.yaml": text}, Target.empty()))[0].worker
    assert worker is not None
    return [launch.commands[-1].words[-1].text for launch in worker.launches]


def test_pods_of_a_group_are_hosts_of_their_own_name() -> None:
    assert sorted(set(hostnames(""))) == ["1", "2"]


@pytest.mark.parametrize("spec", ["hostNetwork: true,", "hostname: engine,"])
def test_other_hostnames_are_not_known(spec: str) -> None:
    assert all("⟨" in text for text in hostnames(spec))
