"""Claims → the PersistentVolumes that the CSI drivers of the set's cluster would make for them.

No driver runs on a cluster without containers, so these volumes are created beside the set, for kube-controller-manager
to bind. A claim that the drivers would leave Pending gets none.

Sources: kubernetes-csi/external-provisioner; TencentCloud/kubernetes-csi-tencentcloud: docs/README_CFSTURBO.md.
"""

import uuid
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from seatrial.knowledge import regions
from seatrial.manifest_set import ManifestSet
from seatrial.manifests import names
from seatrial.manifests.document import Document
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.storage.claims import CLASS_ANNOTATION, CLASS_OF_TKE, claims
from seatrial.storage.storage_classes import TURBO, storage_classes
from seatrial.target import Target

CBS = "com.tencent.cloud.csi.cbs"
CBS_ZONE = "topology.com.tencent.cloud.csi.cbs/zone"
CBS_MODES = {"ReadWriteOnce", "ReadWriteOncePod"}
BY_HAND = "kubernetes.io/no-provisioner"
WAITS = "WaitForFirstConsumer"
_TURBO_ADD_ON = "cfsturbo"
_CLUSTER_ID = "cls-dressed1"
# Parameters that a provisioner keeps to itself.
_KEPT_BACK = "csi.storage.k8s.io/"

Object = dict[str, Any]
"""An object of the API."""
Key = tuple[str, str]
"""Namespace and name of a claim."""


def has_turbo(target: Target) -> bool | None:
    """Whether the add-on CFSTurbo is installed; None when the target does not state the add-ons."""
    stated = target.get("cluster.addons")
    return None if stated is None else _TURBO_ADD_ON in (name.casefold() for name in stated)


def is_driver(name: str) -> bool:
    """Whether the API server takes a name for a CSI driver's. Source: Kubernetes, ValidateCSIDriverName."""
    return len(name) <= 63 and names.dns_subdomain(name) is None


class Provisioner:
    """Makes the volumes of one set's claims; `notes` says what was assumed for them.

    `zone` is the readable zone of the cluster's nodes, in which disks are made.
    """

    def __init__(self, manifests: ManifestSet, zone: str | None = None) -> None:
        self.manifests = manifests
        self.zone = zone
        self.notes: list[str] = []
        self._reserved: dict[str, Key] = {}
        self._served: dict[Key, str | None] = {}

    @cached_property
    def classes_outside(self) -> dict[str, Object]:
        """The StorageClasses that exist without the set: those that the target states, and `cbs` on TKE."""
        stated = [found.name for found in self.manifests.target.get("existing.storage_classes") or ()]
        brought = [CLASS_OF_TKE] if self.is_tke else []
        names = [name for name in dict.fromkeys((*stated, *brought)) if name not in self._classes]
        return {name: self._class_outside(name) for name in names}

    @cached_property
    def is_tke(self) -> bool:
        """Whether the cluster is one of TKE: by what the target states, or by what the set takes for granted."""
        fact = self.manifests.target.get
        stated = fact("cluster.type") or fact("pool.type") or regions.region(fact("cluster.region") or "")
        return bool(stated) or any(
            found.class_node.text == CLASS_OF_TKE and CLASS_OF_TKE not in self._classes
            for found in claims(self.manifests)
        )

    def _class_outside(self, name: str) -> Object:
        found: Object = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
        if name == CLASS_OF_TKE and self.is_tke:
            return found | {"provisioner": CBS, "parameters": {"type": "cbs"}, "reclaimPolicy": "Delete"}
        self.notes.append(f"what StorageClass {name} provisions is not stated: assumed that it serves every claim")
        return found | {"provisioner": BY_HAND, "reclaimPolicy": "Delete"}

    @cached_property
    def _classes(self) -> dict[str, Object]:
        return {found.name: found.document.root.mapping for found in storage_classes(self.manifests)}

    def volume_for(self, claim: Mapping[str, Any]) -> Object | None:
        """The volume that would be made for a claim, an object of a set or as read from a cluster.

        None where none would be: the claim has one already, from here or from the set, or names one; its class is the
        empty one, is not there, or lacks what its driver needs; the driver is not installed; or the API server refuses
        the claim.
        """
        spec, key = _mapping(claim.get("spec")), _key(claim)
        uid = claim["metadata"].get("uid")
        if key in self._served and self._served[key] in (None, uid):
            self._served[key] = uid
            return None
        name = self._class_name(claim)
        if (
            names.dns_subdomain(key[1])
            or not _is_sound(spec)
            or spec.get("volumeName")
            or name == ""
            or self._fitting(claim, name or "")
        ):
            return None
        made = self._made_for(claim, name)
        if made is not None:
            self._served[key] = uid
        return made

    def _made_for(self, claim: Mapping[str, Any], name: str | None) -> Object | None:
        if name is None:
            self.notes.append("a claim names no StorageClass: assumed that the cluster's default class serves it")
            return self._volume(claim, {"provisioner": BY_HAND, "reclaimPolicy": "Delete"}, "")
        outside = self.classes_outside.get(name)
        found = outside or self._classes.get(name)
        if found is None or not self._serves(found, _mapping(claim.get("spec")), outside is not None):
            return None
        return self._volume(claim, found, name)

    @staticmethod
    def _class_name(claim: Mapping[str, Any]) -> str | None:
        annotations = _mapping(_mapping(claim.get("metadata")).get("annotations"))
        name = annotations.get(CLASS_ANNOTATION, _mapping(claim.get("spec")).get("storageClassName"))
        return name if isinstance(name, str) else None

    def _serves(self, storage_class: Object, spec: Mapping[str, Any], outside: bool) -> bool:
        """Whether the class's driver is there, has its parameters, and can make what the claim asks for."""
        provisioner, given = storage_class.get("provisioner"), _mapping(storage_class.get("parameters"))
        if not isinstance(provisioner, str) or _texts([*given, *given.values()]) != [*given, *given.values()]:
            return False  # the API server refuses the class
        if provisioner == TURBO:
            if has_turbo(self.manifests.target) is None:
                self.notes.append("cluster.addons is not stated: assumed that CFSTurbo is installed")
            return all(map(given.get, ("fsid", "host"))) and has_turbo(self.manifests.target) is not False
        if provisioner == CBS:
            return CBS_MODES.issuperset(spec.get("accessModes") or ())
        return outside if provisioner == BY_HAND else "/" in provisioner or is_driver(provisioner)

    def _fitting(self, claim: Mapping[str, Any], name: str) -> bool:
        """Whether a volume of the set will be bound to the claim; each serves one claim."""
        key, spec = _key(claim), _mapping(claim.get("spec"))
        for volume in self.manifests.of_kind("PersistentVolume", group=""):
            reference = volume.at("spec", "claimRef")
            meant = (reference["namespace"].text, reference["name"].text) == key
            free = not reference.exists and self._reserved.get(volume.name, key) == key
            if meant or (free and _fits(volume, spec, name)):
                self._reserved[volume.name] = key
                return True
        return False

    def _volume(self, claim: Mapping[str, Any], storage_class: Object, class_name: str) -> Object:
        metadata, spec = _mapping(claim["metadata"]), _mapping(claim.get("spec"))
        provisioner = str(storage_class["provisioner"])
        name = f"pvc-{metadata.get('uid') or _uid(claim)}"
        waits = storage_class.get("volumeBindingMode") == WAITS
        reference = {key: metadata[key] for key in ("namespace", "name", "uid") if metadata.get(key)}
        made: Object = {
            "capacity": {"storage": _request(spec)},
            "accessModes": spec.get("accessModes"),
            "volumeMode": spec.get("volumeMode"),
            "storageClassName": class_name,
            "persistentVolumeReclaimPolicy": "Retain" if storage_class.get("reclaimPolicy") == "Retain" else "Delete",
            "mountOptions": _texts(storage_class.get("mountOptions")) or None,
            "claimRef": None if waits else {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **reference},
            **_source(name, provisioner, _mapping(storage_class.get("parameters"))),
        }
        if provisioner == CBS and self.zone is not None:
            term = {"matchExpressions": [{"key": CBS_ZONE, "operator": "In", "values": [self.zone]}]}
            made["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
        head: Object = {"name": name}
        if provisioner != BY_HAND:
            head["annotations"] = {"pv.kubernetes.io/provisioned-by": provisioner}
        kept = {key: value for key, value in made.items() if value is not None}
        return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": head, "spec": kept}


def _source(name: str, provisioner: str, parameters: Mapping[str, Any]) -> Object:
    """Where the volume's files are: its driver's words, or a path of the node for what no driver of CSI provisions."""
    if "/" in provisioner:
        return {"hostPath": {"path": f"/var/lib/dressed/{name}"}}
    attributes = {key: value for key, value in parameters.items() if not key.startswith(_KEPT_BACK)}
    handle = name
    if provisioner == TURBO:
        attributes["path"] = f"/{_CLUSTER_ID}/{name}"  # below /cfs, the default root
    elif provisioner == CBS:
        handle = f"disk-{name[4:12]}"
    return {"csi": {"driver": provisioner, "volumeHandle": handle, "volumeAttributes": attributes}}


def _is_sound(spec: Mapping[str, Any]) -> bool:
    """Whether the API server takes the claim, as far as a volume for it depends on that."""
    modes = spec.get("accessModes")
    if not modes or _texts(modes) != modes or spec.get("volumeMode") not in (None, "Filesystem", "Block"):
        return False
    try:
        return parse(_request(spec)) > 0
    except InvalidQuantity:
        return False


def _request(spec: Mapping[str, Any]) -> Any:
    return _mapping(_mapping(spec.get("resources")).get("requests")).get("storage")


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _fits(volume: Document, spec: Mapping[str, Any], class_name: str) -> bool:
    """Whether the controller may bind a volume to a claim: class, access modes and size."""
    modes = {mode.text for mode in volume.at("spec", "accessModes")}
    try:
        large_enough = parse(volume.at("spec", "capacity", "storage").raw) >= parse(_request(spec))
    except InvalidQuantity:
        return False
    in_class = (volume.at("spec", "storageClassName").text or "") == class_name
    return in_class and large_enough and modes.issuperset(spec.get("accessModes") or ())


def _key(claim: Mapping[str, Any]) -> Key:
    metadata = claim["metadata"]
    return metadata["namespace"], metadata["name"]


def _uid(claim: Mapping[str, Any]) -> uuid.UUID:
    """The same for the same claim each time: the cluster's own is not known before the claim is there."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, ".".join(_key(claim)))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
