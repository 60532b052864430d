"""Dressed nodes and volumes on a real control plane: the scheduler places pods on them, the controllers bind claims."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.clusters.apiserver import ApiServer
from seatrial.clusters.dressing import Dressing, dress
from seatrial.clusters.kwok import Kwok
from seatrial.clusters.leftovers import Run
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.target import parse

TARGET = """
[kubernetes]
version = "v1.34.1-tke.8"
[cluster]
region = "ap-guangzhou"
addons = ["CFSTurbo"]
[pool]
type = "native"
instance_type = "PNV6.32XLARGE1280"
nodes = 4
taints = ["nvidia.com/gpu=present:NoSchedule"]
subnets = [{ zone = "ap-guangzhou-6" }]
"""
SET = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: models}
provisioner: com.tencent.cloud.csi.cfsturbo
parameters: {fsid: 7c9e2b40, host: 10.0.16.5}
reclaimPolicy: Retain
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: waits}
provisioner: com.tencent.cloud.csi.cbs
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: model}
spec: {storageClassName: models, accessModes: [ReadWriteMany], resources: {requests: {storage: 800Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: chats}
spec: {storageClassName: waits, accessModes: [ReadWriteOnce], resources: {requests: {storage: 20Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: nowhere}
spec: {storageClassName: none, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: chat}
spec:
  containers: [{name: chat, image: chat:1}]
  volumes: [{name: chats, persistentVolumeClaim: {claimName: chats}}]
---
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: r1}
spec:
  replicas: 1
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      spec:
        nodeSelector: {nvidia-device-enable: enable}
        tolerations: [{key: nvidia.com/gpu, operator: Exists}]
        containers:
        - name: engine
          image: lmsysorg/sglang:v0.5.9
          resources: {requests: {cpu: 96, memory: 1200Gi}, limits: {nvidia.com/gpu: 8}}
        volumes: [{name: model, persistentVolumeClaim: {claimName: model}}]
    volumeClaimTemplates:
    - metadata: {name: cache}
      spec: {storageClassName: cbs, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
"""
CORE, STORAGE = "/api/v1", "/apis/storage.k8s.io/v1"
HOME = f"{CORE}/namespaces/default"
SETS = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/default/leaderworkersets"
COLLECTIONS = {
    "StorageClass": f"{STORAGE}/storageclasses",
    "CSIDriver": f"{STORAGE}/csidrivers",
    "CSINode": f"{STORAGE}/csinodes",
    "PersistentVolume": f"{CORE}/persistentvolumes",
    "PersistentVolumeClaim": f"{HOME}/persistentvolumeclaims",
    "Pod": f"{HOME}/pods",
    "LeaderWorkerSet": SETS,
}
LONGEST = 60.0


@pytest.fixture(scope="module")
def manifests() -> ManifestSet:
    return load_texts("set", {"set.yaml": SET}, parse(TARGET, Path("seatrial.toml")))


@pytest.fixture(scope="module")
def dressing(manifests: ManifestSet) -> Dressing:
    return dress(manifests)


@pytest.fixture(scope="module")
def server(
    manifests: ManifestSet, dressing: Dressing, run: Run, asset_folders: tuple[Path, ...]
) -> Iterator[ApiServer]:
    provider = Kwok("0.9.0", dressing.nodes, asset_folders=asset_folders, run=run)
    try:
        provider.start()
        server = provider.server
        for made in (*dressing.storage.objects, *dressing.storage.csi_nodes):
            server.create(COLLECTIONS[made["kind"]], made)
        for document in manifests.documents:
            server.create(COLLECTIONS[document.kind], dict(document.root.mapping))
        yield server
    finally:
        provider.stop()


def until(look: Callable[[], Any], expected: Any) -> None:
    end = time.monotonic() + LONGEST
    while (found := look()) != expected and time.monotonic() < end:
        time.sleep(0.1)
    assert found == expected


def phases(server: ApiServer, kind: str) -> dict[str, str]:
    return {one["metadata"]["name"]: one["status"]["phase"] for one in server.get(COLLECTIONS[kind])["items"]}


def test_pods_land_on_the_nodes_that_they_are_meant_for(server: ApiServer, dressing: Dressing) -> None:
    until(lambda: phases(server, "Pod"), {"chat": "Running", "r1-0": "Running", "r1-0-1": "Running"})
    node_of = {one["metadata"]["name"]: one["spec"]["nodeName"] for one in server.get(COLLECTIONS["Pod"])["items"]}
    pool = {node["metadata"]["name"] for node in dressing.nodes if "nvidia.com/gpu" in node["status"]["capacity"]}
    assert {name for name, node in node_of.items() if node in pool} == {"r1-0", "r1-0-1"}
    assert node_of["r1-0"] != node_of["r1-0-1"]


def test_claims_are_bound_as_their_classes_say(server: ApiServer) -> None:
    bound = dict.fromkeys(("model", "chats", "cache-r1-0", "cache-r1-0-1"), "Bound")
    until(lambda: phases(server, "PersistentVolumeClaim"), {**bound, "nowhere": "Pending"})
    claim = server.get(f"{COLLECTIONS['PersistentVolumeClaim']}/model")
    volume = server.get(f"{COLLECTIONS['PersistentVolume']}/{claim['spec']['volumeName']}")
    assert claim["status"]["capacity"] == {"storage": "800Gi"}
    assert volume["spec"]["csi"]["volumeAttributes"]["fsid"] == "7c9e2b40"
    assert volume["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]


def test_nothing_waits_for_a_disk_to_be_attached(server: ApiServer) -> None:
    until(lambda: phases(server, "Pod").get("chat"), "Running")
    assert server.get(f"{STORAGE}/volumeattachments")["items"] == []


def test_nodes_keep_what_they_were_dressed_in(server: ApiServer, dressing: Dressing) -> None:
    for node in dressing.nodes:
        seen = server.get(f"{CORE}/nodes/{node['metadata']['name']}")
        conditions = {one["type"]: one["status"] for one in seen["status"]["conditions"]}
        assert conditions["Ready"] == "True"
        assert {
            one["type"]: one["status"] for one in node["status"].get("conditions", ())
        }.items() <= conditions.items()
        assert node["metadata"]["labels"].items() <= seen["metadata"]["labels"].items()
        assert seen["status"]["nodeInfo"] == node["status"]["nodeInfo"]
        assert seen["status"]["allocatable"] == node["status"]["allocatable"]
        assert seen["status"]["addresses"] == node["status"]["addresses"]


def test_claims_of_a_new_group_get_volumes_when_they_appear(server: ApiServer, dressing: Dressing) -> None:
    claims = COLLECTIONS["PersistentVolumeClaim"]
    server.patch(f"{SETS}/r1", {"spec": {"replicas": 2}})
    until(lambda: len(phases(server, "PersistentVolumeClaim")), 7)
    for claim in server.get(claims)["items"]:
        volume = dressing.storage.provisioner.volume_for(claim)
        if volume is not None:
            server.create(COLLECTIONS["PersistentVolume"], volume)
    until(
        lambda: [name for name, phase in phases(server, "PersistentVolumeClaim").items() if phase != "Bound"],
        ["nowhere"],
    )
    until(lambda: set(phases(server, "Pod").values()), {"Running"})
    assert len(phases(server, "Pod")) == 5
