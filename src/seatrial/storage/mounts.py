"""Which directory of which volume a path in a container really is.

Two containers see the same files when their paths lead to equal directories, whatever the mount paths are called.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from seatrial.finding import CannotTell
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.workloads import PodTemplate

Variables = Callable[[str], str | None]
"""The value of a container's environment variable, None when it is not known."""

Store = tuple[str, ...]
# Volumes that every pod gets for itself, and that go with it.
_PER_POD = ("emptyDir", "ephemeral")
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory on a volume; equal ones hold the same files.

    `store` tells volumes apart: a claim by namespace and name, a host path, an NFS export, a pod's own volume.
    `path` is the way below the volume's root, without slashes at its ends.
    """

    store: Store
    path: str
    mount: Node = field(compare=False)
    volume: Node = field(compare=False)

    @property
    def on_host(self) -> bool:
        return self.store[0] == "hostPath"

    @property
    def goes_with_pod(self) -> bool:
        """Whether the directory is deleted together with the pod."""
        return self.store[0] == "pod"

    def __str__(self) -> str:
        claim = claim_name(self.volume)
        where = f"claim {claim}" if claim else f"volume {volume_name(self.volume) or '?'}"
        if self.on_host:
            return f"/{self.path} of the node"
        return f"{self.path or 'the root'} of {where}"


def claim_name(volume: Node) -> str | None:
    """The claim behind a volume of a pod, None for other volumes."""
    return volume.at("persistentVolumeClaim", "claimName").text


def volumes(template: PodTemplate) -> dict[str, Node]:
    """What volumeMounts of a template can name: its volumes, and the claim templates of its workload."""
    return {volume_name(claim): claim for claim in claim_templates(template.document)} | template.volumes


def claim_templates(document: Document) -> Iterator[Node]:
    """The volumeClaimTemplates of a StatefulSet or LeaderWorkerSet; each pod gets a claim of its own from them."""
    for place in (("spec",), ("spec", "leaderWorkerTemplate")):
        yield from document.at(*place, "volumeClaimTemplates")


def volume_name(volume: Node) -> str:
    """The name by which mounts mean a volume or claim template; empty without one."""
    own = volume["name"] if volume["name"].exists else volume.at("metadata", "name")
    return own.text or ""


def mount_of(container: Node, path: str) -> tuple[Node, str] | None:
    """The volumeMount that serves an absolute path, and the path below it. The longest mountPath wins."""
    wanted = absolute(path)
    best: tuple[Node, str] | None = None
    longest = -1
    for mount in container["volumeMounts"]:
        point = mount["mountPath"].text
        if not point:
            continue
        point = absolute(point)
        inside = wanted == point or point == "/" or wanted.startswith(point + "/")
        if inside and len(point) > longest:
            best, longest = (mount, wanted[len(point) :].strip("/")), len(point)
    return best


def absolute(path: str) -> str:
    """`path` in one spelling: from the root, without `.`, `..`, doubled or trailing slashes."""
    return posixpath.normpath("/" + path.lstrip("/"))


def directory(
    manifests: ManifestSet, template: PodTemplate, container: Node, path: str, variables: Variables
) -> Directory | None:
    """The directory that `path` is in a container; None when it is on no volume, but in the image.

    Raises CannotTell when a subPathExpr depends on a variable that is not known.
    """
    found = mount_of(container, path)
    volume = volumes(template).get(found[0]["name"].text or "") if found else None
    if found is None or volume is None:
        return None
    mount, below = found
    store, root = _store(manifests, template, volume)
    return Directory(store, _joined(root, _sub_path(mount, variables), below), mount, volume)


def _sub_path(mount: Node, variables: Variables) -> str:
    expression = mount["subPathExpr"].text
    if expression is None:
        return mount["subPath"].text or ""

    def replace(found: re.Match[str]) -> str:
        if found[1] is None:
            return "$"
        value = variables(found[1])
        if value is None:
            raise CannotTell(f"the value of {found[1]} in subPathExpr is not known from the manifests")
        return value

    return _REFERENCE.sub(replace, expression)


def _joined(*parts: str) -> str:
    return absolute("/".join(part for part in parts if part)).strip("/")


def _store(manifests: ManifestSet, template: PodTemplate, volume: Node) -> tuple[Store, str]:
    """What tells a volume apart from others, and the directory of it that is mounted."""
    claim = claim_name(volume)
    if claim is not None:
        return _claim_store(manifests, manifests.namespace(template.document), claim)
    if volume["metadata"].exists or any(volume[kind].exists for kind in _PER_POD):
        document = template.document
        return ("pod", document.kind, document.name, template.role, volume_name(volume)), ""
    return _source_store(volume)


def _claim_store(manifests: ManifestSet, namespace: str, name: str) -> tuple[Store, str]:
    """A claim's store: the claim itself, or what the volume that it names explicitly stands for."""
    claim = manifests.find("PersistentVolumeClaim", name, namespace)
    volume = static_volume(manifests, claim) if claim else None
    return _source_store(volume["spec"]) if volume else (("claim", namespace, name), "")


def static_volume(manifests: ManifestSet, claim: Document) -> Document | None:
    """The PersistentVolume of the set that a claim names, or that names the claim."""
    wanted = claim.at("spec", "volumeName").text
    for volume in manifests.of_kind("PersistentVolume"):
        reference = volume.at("spec", "claimRef")
        if wanted and volume.name == wanted:
            return volume
        if reference["name"].text == claim.name and reference["namespace"].text == manifests.namespace(claim):
            return volume
    return None


def _source_store(source: Node) -> tuple[Store, str]:
    host, nfs, csi = source["hostPath"], source["nfs"], source["csi"]
    if host.exists:
        return ("hostPath",), host["path"].text or ""
    if nfs.exists:
        return ("nfs", nfs["server"].text or ""), nfs["path"].text or ""
    if csi.exists:
        attributes = csi["volumeAttributes"].texts
        path = attributes.pop("path", "")
        identity = [f"{key}={value}" for key, value in sorted(attributes.items())]
        return ("csi", csi["driver"].text or "", *(identity or [csi["volumeHandle"].text or ""])), path
    return ("other", repr(source.raw)), ""
