"""What a set says of the CFS-Turbo file system that it mounts."""

from collections.abc import Iterator
from typing import Any

from seatrial.finding import NotApplicable
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.storage.storage_classes import TURBO, storage_classes


def turbo_volumes(deployment: ManifestSet) -> Iterator[tuple[Document, Node]]:
    """The objects that name a Turbo file system, each with the map that holds fsid and host."""
    for found in storage_classes(deployment):
        if found.is_turbo:
            yield found.document, found.document["parameters"]
    for volume in deployment.of_kind("PersistentVolume", group=""):
        if volume.at("spec", "csi", "driver").text == TURBO:
            yield volume, volume.at("spec", "csi", "volumeAttributes")


def cfs_fact(deployment: ManifestSet, name: str) -> Any:
    """A fact of a set that uses CFS-Turbo. Raises NotApplicable for other sets, MissingFact when it is not stated."""
    if next(turbo_volumes(deployment), None) is None and not deployment.target.below("cfs."):
        raise NotApplicable("the set uses no CFS-Turbo")
    return deployment.target.need(name)
