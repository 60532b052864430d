"""The PersistentVolumeClaims of a set: what they ask for, and which pods mount them."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.manifests.workloads import PodTemplate, is_leader_worker_set, pod_templates
from seatrial.storage.mounts import claim_name, claim_templates, static_volume
from seatrial.workload.leader_worker_set import leader_worker_sets

# The way to name a class before Kubernetes 1.6; the API server still honours it.
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
WRITABLE_BY_MANY = "ReadWriteMany"
READABLE_BY_MANY = "ReadOnlyMany"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim: an object of the set, or a claim template of a workload (`document` is then the workload)."""

    manifests: ManifestSet
    node: Node

    @property
    def document(self) -> Document:
        return self.node.document

    @property
    def title(self) -> str:
        return self.document.title

    @property
    def is_template(self) -> bool:
        return bool(self.node.path)

    @property
    def name(self) -> str:
        return self.node.at("metadata", "name").text or ""

    @property
    def namespace(self) -> str:
        return self.manifests.namespace(self.document)

    @property
    def class_node(self) -> Node:
        """Where the claim names its class."""
        legacy = self.node.at("metadata", "annotations", CLASS_ANNOTATION)
        return legacy if legacy.exists else self.node.at("spec", "storageClassName")

    @property
    def modes(self) -> Node:
        return self.node.at("spec", "accessModes")

    @property
    def request_node(self) -> Node:
        return self.node.at("spec", "resources", "requests", "storage")

    @property
    def request(self) -> Fraction | None:
        """Requested bytes; None when nothing readable is requested."""
        try:
            return parse(self.request_node.raw)
        except InvalidQuantity:
            return None

    @property
    def static_volume(self) -> Document | None:
        """The PersistentVolume of the set that the claim is bound to by name."""
        return None if self.is_template else static_volume(self.manifests, self.document)


@dataclass(frozen=True, slots=True)
class Use:
    """A pod template that mounts a claim: how many pods it makes, and whether they can write."""

    template: PodTemplate
    volume: Node
    pods: int

    @property
    def place(self) -> Node:
        return self.volume.at("persistentVolumeClaim", "claimName")

    @property
    def writes(self) -> bool:
        if self.volume.at("persistentVolumeClaim", "readOnly").boolean:
            return False
        name = self.volume["name"].text
        return any(
            mount["name"].text == name and not mount["readOnly"].boolean
            for container in self.template.all_containers
            for mount in container["volumeMounts"]
        )


Key = tuple[str, str]


def claims(manifests: ManifestSet) -> list[Claim]:
    """The claims of the set, those that StatefulSets and LeaderWorkerSets make for each pod included."""
    return manifests.once(_claims)


def _claims(manifests: ManifestSet) -> list[Claim]:
    declared = [Claim(manifests, document.root) for document in manifests.of_kind("PersistentVolumeClaim", group="")]
    made = [
        Claim(manifests, document.at(*template.path))
        for document in manifests.of_kind("StatefulSet", "LeaderWorkerSet")
        for template in claim_templates(document)
    ]
    return [*declared, *made]


def uses(manifests: ManifestSet) -> dict[Key, list[Use]]:
    """Who mounts each claim, by namespace and name, declared or not. Computed once."""
    return manifests.once(_uses)


def _uses(manifests: ManifestSet) -> dict[Key, list[Use]]:
    found: dict[Key, list[Use]] = {}
    for template, pods in _templates(manifests):
        for volume in template.spec["volumes"]:
            name = claim_name(volume)
            if name:
                key = (manifests.namespace(template.document), name)
                found.setdefault(key, []).append(Use(template, volume, pods))
    return found


def _templates(manifests: ManifestSet) -> Iterator[tuple[PodTemplate, int]]:
    """Every pod template with the number of pods made of it; 2 stands for several."""
    for lws in manifests.once(leader_worker_sets):
        groups = max(1, lws.replicas)
        leader, *workers = lws.templates
        alone = not workers
        yield leader, groups * lws.size if alone else groups
        for worker in workers:
            yield worker, groups * (lws.size - 1)
    for document in manifests.documents:
        if not is_leader_worker_set(document):
            for template in pod_templates(document):
                yield template, _pods(document)


def _pods(document: Document) -> int:
    spec = document["spec"]
    if document.kind == "DaemonSet":
        return 2
    number = spec["parallelism" if document.kind == "Job" else "replicas"].integer
    return 1 if number is None else max(0, number)


def exists_outside(manifests: ManifestSet, namespace: str, name: str) -> bool:
    """Whether the target says that a claim exists which the set does not declare."""
    stated = manifests.target.get("existing.claims") or ()
    return any(claim.name == name and claim.namespace in (None, namespace) for claim in stated)


CLASS_OF_TKE = "cbs"
"""Every TKE cluster has it from the start (tencentyun/qcloud-documents: container service, PV and PVC)."""


def class_exists_outside(manifests: ManifestSet, name: str) -> bool:
    """Whether a StorageClass that the set does not declare exists: the target says so, or TKE brings it."""
    return name == CLASS_OF_TKE or any(
        found.name == name for found in manifests.target.get("existing.storage_classes") or ()
    )
