"""The storage of a set's cluster: what is there before the set comes, and the volumes that its claims will get."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from seatrial.clusters.node_templates import CSI_IDS, Node
from seatrial.clusters.provisioner import CBS, CBS_ZONE, Object, Provisioner, has_turbo, is_driver
from seatrial.lws.expand import expand
from seatrial.lws.releases import NEWEST
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document
from seatrial.storage.claims import WRITABLE_BY_MANY
from seatrial.storage.mounts import claim_templates, volume_name
from seatrial.storage.storage_classes import TURBO, storage_classes
from seatrial.workload.leader_worker_set import LeaderWorkerSet, leader_worker_sets

MOST_CLAIMS = 10_000
"""Volumes made beforehand; further claims get theirs when they appear."""
OUTSIDE_SIZE = "2Ti"
"""Assumed of a claim outside the set: room for the largest checkpoint."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Objects in the order in which they have to be created, and what was assumed, one sentence each.

    `csi_nodes` say which drivers run on which node; a fleet can do without. `provisioner` goes on making volumes: for
    claims that appear later, of new groups for example.
    """

    objects: list[Object]
    csi_nodes: list[Object]
    notes: tuple[str, ...]
    provisioner: Provisioner


def drivers(manifests: ManifestSet) -> tuple[str, ...]:
    """The CSI drivers of the set's cluster: CBS on TKE, and those of classes and volumes whose add-on is there."""
    own = [CBS] if Provisioner(manifests).is_tke else []
    of_classes = [found.provisioner for found in storage_classes(manifests)]
    of_volumes = [one.at("spec", "csi", "driver").text or "" for one in manifests.of_kind("PersistentVolume", group="")]
    named = dict.fromkeys(name for name in (*own, *of_classes, *of_volumes) if is_driver(name))
    return tuple(name for name in named if name != TURBO or has_turbo(manifests.target) is not False)


def storage(manifests: ManifestSet, nodes: Iterable[Node] = ()) -> Storage:
    """What the storage of a set's cluster consists of.

    StorageClasses outside the set, CSIDrivers, claims outside the set (whose namespaces have to be there), and a
    PersistentVolume for each claim of the set that a driver would make one for. Volumes of a class that waits for the
    first consumer are left for the scheduler to bind; all others name their claim.
    """
    nodes = list(nodes)
    provisioner = Provisioner(manifests, _zone(nodes))
    expected = list(islice(claims(manifests), MOST_CLAIMS))
    objects = [
        *provisioner.classes_outside.values(),
        *map(_csi_driver, drivers(manifests)),
        *_claims_outside(manifests, provisioner.notes),
        *(volume for claim in expected if (volume := provisioner.volume_for(claim)) is not None),
    ]
    csi_nodes = [found for node in nodes if (found := _csi_node(node)) is not None]
    return Storage(objects, csi_nodes, tuple(dict.fromkeys(provisioner.notes)), provisioner)


def _zone(nodes: list[Node]) -> str | None:
    return next((zone for node in nodes if (zone := node["metadata"]["labels"].get(CBS_ZONE))), None)


def _csi_driver(name: str) -> Object:
    """A driver as it registers, but that it attaches nothing: here pods would wait for that, and report it, in vain."""
    spec = {"attachRequired": False, "podInfoOnMount": False}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": name}, "spec": spec}


def _csi_node(node: Node) -> Object | None:
    """The drivers that run on a node, as its annotation says; None where none does."""
    ids: dict[str, str] = json.loads(node["metadata"]["annotations"].get(CSI_IDS, "{}"))
    running = [
        {"name": driver, "nodeID": name, "topologyKeys": [CBS_ZONE] if driver == CBS else []}
        for driver, name in ids.items()
    ]
    head = {"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": node["metadata"]["name"]}}
    return head | {"spec": {"drivers": running}} if running else None


def claims(manifests: ManifestSet) -> Iterator[Object]:
    """The claims that there will be once the set is applied: its own, and those of the pods of its claim templates."""
    for document in manifests.of_kind("PersistentVolumeClaim", group=""):
        yield _claim(document.root.mapping, document.name, manifests.namespace(document))
    for lws in manifests.once(leader_worker_sets):
        yield from _claims_of_groups(lws)
    for document in manifests.of_kind("StatefulSet", group="apps"):
        for template in claim_templates(document):
            for ordinal in _ordinals(document):
                name = f"{volume_name(template)}-{document.name}-{ordinal}"
                yield _claim(template.mapping, name, manifests.namespace(document))


def _claims_of_groups(lws: LeaderWorkerSet) -> Iterator[Object]:
    """The claims of every pod of every group; none where the release of LWS has no claim templates."""
    if next(claim_templates(lws.document), None) is None:
        return
    expansion = expand(lws.document.root.mapping, lws.release or NEWEST, namespace=lws.namespace)
    templates = expansion.leader_stateful_set["spec"].get("volumeClaimTemplates", ())
    for pod in expansion.pods if templates else ():
        for template in templates:
            yield _claim(template, f"{template['metadata']['name']}-{pod.name}", pod.namespace)


def _ordinals(document: Document) -> range:
    start = document.at("spec", "ordinals", "start").integer or 0
    replicas = document.at("spec", "replicas").integer
    return range(start, start + (1 if replicas is None else max(0, replicas)))


def _claim(raw: Mapping[str, Any], name: str, namespace: str) -> Object:
    metadata = raw.get("metadata")
    kept = metadata if isinstance(metadata, dict) else {}
    return {**raw, "metadata": {**kept, "name": name, "namespace": namespace}}


def _claims_outside(manifests: ManifestSet, notes: list[str]) -> Iterator[Object]:
    """The claims that the target says exist, each with the volume that it is bound to."""
    for found in manifests.target.get("existing.claims") or ():
        namespace = found.namespace or manifests.default_namespace
        if manifests.find("PersistentVolumeClaim", found.name, namespace, group="") is not None:
            continue
        notes.append(f"claim {namespace}/{found.name} exists: assumed {OUTSIDE_SIZE} that many pods can write to")
        volume = f"outside-{namespace}-{found.name}"
        common = {"accessModes": [WRITABLE_BY_MANY], "storageClassName": ""}
        reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": found.name}
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": common
            | {
                "capacity": {"storage": OUTSIDE_SIZE},
                "claimRef": reference,
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": f"/var/lib/dressed/{volume}"},
            },
        }
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": found.name, "namespace": namespace},
            "spec": common | {"volumeName": volume, "resources": {"requests": {"storage": OUTSIDE_SIZE}}},
        }
