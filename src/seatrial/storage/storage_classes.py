"""The StorageClasses of a set, and which of them stand for a CFS-Turbo file system."""

from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.set_object import SetObject

TURBO = "com.tencent.cloud.csi.cfsturbo"
"""Provisioner of CFS-Turbo. Source: TencentCloud/kubernetes-csi-tencentcloud, docs/README_CFSTURBO.md."""

EXAMPLES = {"fsid": "564b8ef1", "host": "11.0.0.7"}
"""The guide's own mount point, which nobody else can mount."""


class StorageClass(SetObject):
    """A class of the set. Values that are no strings read as absent; the schema judges them."""

    @property
    def provisioner(self) -> str:
        return self.document["provisioner"].text or ""

    @property
    def fsid(self) -> Node:
        return self.document.at("parameters", "fsid")

    @property
    def host(self) -> Node:
        return self.document.at("parameters", "host")

    @property
    def is_turbo(self) -> bool:
        """Whether it is, or by its parameters is meant to be, a class of CFS-Turbo."""
        tencent = "tencent" in self.provisioner or "cfs" in self.provisioner
        return self.provisioner == TURBO or self.fsid.exists or (self.host.exists and tencent)


def storage_classes(manifests: ManifestSet) -> list[StorageClass]:
    """The classes of the set. Computed once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[StorageClass]:
    return [StorageClass(manifests, document) for document in manifests.of_kind("StorageClass", group="storage.k8s.io")]


def storage_class(manifests: ManifestSet, name: str) -> StorageClass | None:
    """The class of that name, if the set declares it."""
    return next((found for found in storage_classes(manifests) if found.name == name), None)
