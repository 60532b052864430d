"""Dressed storage: the volumes that drivers would make, and none where they would not."""

import json
from typing import Any

import pytest

from seatrial import defects
from seatrial.clusters import storage as dressed_storage
from seatrial.clusters.dressing import dress
from seatrial.clusters.provisioner import CBS, CBS_ZONE
from seatrial.clusters.storage import drivers, storage
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.manifests import schema
from seatrial.storage.storage_classes import TURBO
from seatrial.target import Target

CLASS = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {{name: models}}\nprovisioner: {}\nparameters: {}\n{}\n---\n"
CLAIM = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: model}}\nspec: {{accessModes: [{}], resources: {{requests: {{storage: 10Gi}}}}{}}}\n"
TURBO_PARAMETERS = '{fsid: "7c9e2b40", host: 10.0.16.5, csi.storage.k8s.io/fstype: x}'
STATEFUL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: chat}
spec:
  replicas: 2
  ordinals: {start: 3}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {storageClassName: cbs, accessModes: [ReadWriteOnce], resources: {requests: {storage: 20Gi}}}
"""
GROUPS = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: r1}
spec:
  replicas: 2
  leaderWorkerTemplate:
    size: 2
    workerTemplate: {spec: {containers: [{name: c, image: x}]}}
    volumeClaimTemplates:
    - metadata: {name: cache}
      spec: {storageClassName: cbs, accessModes: [ReadWriteOnce], resources: {requests: {storage: 20Gi}}}
"""


def set_of(text: str, **facts: object) -> ManifestSet:
    return load_texts(
        "set",
        {"set.yaml": text},
        Target.empty().override({key.replace("__", "."): value for key, value in facts.items()}),
    )


def claim(modes: str = "ReadWriteMany", more: str = ", storageClassName: models") -> str:
    return CLAIM.format(modes, more)


def turbo(parameters: str = TURBO_PARAMETERS, more: str = "reclaimPolicy: Retain") -> str:
    return CLASS.format(TURBO, parameters, more)


def volumes(manifests: ManifestSet, zone: str | None = None) -> list[dict[str, Any]]:
    nodes = [{"metadata": {"name": "n", "labels": {CBS_ZONE: zone}, "annotations": {}}}] if zone else []
    found = storage(manifests, nodes).objects
    assert all(schema.violations(made, 34) == () for made in found)
    return [made for made in found if made["kind"] == "PersistentVolume"]


def test_a_turbo_volume_is_one_as_the_driver_makes_it() -> None:
    made, *others = volumes(set_of(turbo() + claim(), cluster__addons=["CFSTurbo"]))
    assert others == []
    spec = made["spec"]
    name = made["metadata"]["name"]
    assert name.startswith("pvc-")
    assert spec["csi"]["driver"] == TURBO
    assert spec["csi"]["volumeAttributes"] == {"fsid": "7c9e2b40", "host": "10.0.16.5", "path": f"/cls-dressed1/{name}"}
    assert spec["claimRef"] == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": "default",
        "name": "model",
    }
    assert (spec["persistentVolumeReclaimPolicy"], spec["storageClassName"]) == ("Retain", "models")
    assert (spec["capacity"], spec["accessModes"]) == ({"storage": "10Gi"}, ["ReadWriteMany"])
    assert "nodeAffinity" not in spec


@pytest.mark.parametrize(
    "text",
    [
        turbo('{fsid: "7c9e2b40"}') + claim(),
        turbo("{}") + claim(),
        turbo() + claim(more=", storageClassName: other"),
        turbo() + claim(more=', storageClassName: ""'),
        turbo() + claim(more=", storageClassName: models, volumeName: mine"),
        turbo() + claim(modes=""),
        turbo() + claim().replace("10Gi", "lots"),
        turbo().replace("10.0.16.5", "10") + claim(),
        turbo().replace(TURBO, "not a driver") + claim(),
        turbo() + claim().replace("{name: model}", "{name: Model_1}"),
        CLASS.format("kubernetes.io/no-provisioner", "{}", "") + claim(),
        claim(more=", storageClassName: cbs"),
        claim(modes="ReadWriteOnce, ReadOnlyMany", more=", storageClassName: cbs"),
    ],
)
def test_a_claim_that_no_driver_serves_stays_without_a_volume(text: str) -> None:
    assert volumes(set_of(text, cluster__addons=["CFSTurbo"])) == []


def test_without_its_add_on_turbo_makes_nothing_and_runs_nowhere() -> None:
    manifests = set_of(turbo() + claim(), cluster__addons=["CFS"])
    assert volumes(manifests) == []
    assert TURBO not in drivers(manifests)
    unstated = set_of(turbo() + claim())
    assert len(volumes(unstated)) == 1
    assert any("cluster.addons" in note for note in storage(unstated).notes)


def test_disks_are_made_in_the_nodes_zone() -> None:
    made, *_ = volumes(set_of(claim("ReadWriteOnce", ", storageClassName: cbs")), zone="ap-guangzhou-6")
    term = made["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]
    assert (term["key"], term["values"]) == (CBS_ZONE, ["ap-guangzhou-6"])
    assert made["spec"]["csi"]["driver"] == CBS


def test_a_class_that_waits_leaves_the_choice_to_the_scheduler() -> None:
    made, *_ = volumes(set_of(turbo(more="volumeBindingMode: WaitForFirstConsumer") + claim()))
    assert "claimRef" not in made["spec"]
    assert made["spec"]["storageClassName"] == "models"


def test_a_volume_of_the_set_serves_one_claim() -> None:
    volume = "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: mine}\nspec: {capacity: {storage: 20Gi}, accessModes: [ReadWriteMany], storageClassName: models, nfs: {server: a, path: /}}\n---\n"
    two = turbo() + volume + claim() + "---\n" + claim().replace("{name: model}", "{name: second}")
    made = volumes(set_of(two))
    assert [one["spec"]["claimRef"]["name"] for one in made] == ["second"]
    assert len(volumes(set_of(turbo() + volume.replace("20Gi", "5Gi") + claim()))) == 1
    assert (
        volumes(set_of(turbo() + volume.replace("nfs:", "claimRef: {namespace: default, name: model}, nfs:") + claim()))
        == []
    )


def test_claim_templates_get_a_volume_for_each_pod() -> None:
    made = volumes(set_of(STATEFUL, existing__storage_classes=["cbs"]))
    assert [one["spec"]["claimRef"] for one in made] == [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "chat", "name": f"data-db-{n}"}
        for n in (3, 4)
    ]
    of_groups = volumes(set_of(GROUPS, lws__version="0.9.0"))
    assert [one["spec"]["claimRef"]["name"] for one in of_groups] == [
        "cache-r1-0",
        "cache-r1-0-1",
        "cache-r1-1",
        "cache-r1-1-1",
    ]
    assert volumes(set_of(GROUPS, lws__version="0.7.0")) == []


def test_claims_beyond_a_bound_get_theirs_when_they_appear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dressed_storage, "MOST_CLAIMS", 3)
    assert len(volumes(set_of(GROUPS.replace("replicas: 2", "replicas: 1000000")))) == 3


def test_a_claim_that_appears_gets_one_volume_and_its_successor_another() -> None:
    found = storage(set_of(STATEFUL))
    spec = {"storageClassName": "cbs", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}

    def seen(name: str, uid: str) -> dict[str, Any] | None:
        return found.provisioner.volume_for({"metadata": {"namespace": "chat", "name": name, "uid": uid}, "spec": spec})

    assert seen("data-db-3", "a") is None  # it has the one made beforehand
    assert seen("data-db-3", "a") is None
    again = seen("data-db-3", "b")
    assert again is not None and again["metadata"]["name"] == "pvc-b"
    assert again["spec"]["claimRef"]["uid"] == "b"
    scaled = seen("data-db-5", "c")
    assert scaled is not None and seen("data-db-5", "c") is None


def test_what_exists_outside_the_set_is_there() -> None:
    manifests = set_of(
        claim(more=", storageClassName: gold"),
        existing__storage_classes=["gold"],
        existing__claims=["llm/other", "default/model"],
    )
    found = storage(manifests)
    assert [(one["kind"], one["metadata"]["name"]) for one in found.objects[:3]] == [
        ("StorageClass", "gold"),
        ("PersistentVolume", "outside-llm-other"),
        ("PersistentVolumeClaim", "other"),
    ]
    assert len(found.objects) == 4
    assert {"gold", "llm/other"} <= {word for note in found.notes for word in note.replace(":", "").split()}


def test_a_claim_without_a_class_rests_on_an_assumption() -> None:
    found = storage(set_of(claim(more="")))
    assert [one["spec"]["storageClassName"] for one in found.objects] == [""]
    assert any("default class" in note for note in found.notes)


def test_drivers_are_registered_on_real_nodes_only() -> None:
    for name in ("deepseek-r1-tke", "super-node"):
        found = dress(defects.assemble(name, defects.files(name)))
        registered = {one["metadata"]["name"]: one["spec"]["drivers"] for one in found.storage.csi_nodes}
        real = [node for node in found.nodes if not node["metadata"]["name"].startswith("eklet-")]
        assert list(registered) == [node["metadata"]["name"] for node in real]
        assert all({driver["name"] for driver in running} == {CBS, TURBO} for running in registered.values())
        ids = json.loads(real[0]["metadata"]["annotations"]["csi.volume.kubernetes.io/nodeid"])
        assert ids == {driver["name"]: driver["nodeID"] for driver in registered[real[0]["metadata"]["name"]]}
    static = [one for one in found.storage.objects if one["kind"] == "PersistentVolume"]
    assert static == []  # the set brings its own


def test_every_driver_of_a_class_or_volume_is_registered_and_attaches_nothing() -> None:
    found = storage(set_of(turbo().replace(TURBO, "nfs.csi.k8s.io") + claim()))
    registered = {one["metadata"]["name"]: one["spec"] for one in found.objects if one["kind"] == "CSIDriver"}
    assert registered == {"nfs.csi.k8s.io": {"attachRequired": False, "podInfoOnMount": False}}
