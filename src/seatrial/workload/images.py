"""The images of a set, and whether nodes can pull them."""

from dataclasses import dataclass

from seatrial.finding import CannotTell
from seatrial.knowledge import images as known
from seatrial.knowledge.images import Reference, reference
from seatrial.knowledge.regions import is_mainland
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.workloads import PodTemplate


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """The image of one container; `node` is where it is written."""

    template: PodTemplate
    node: Node
    reference: Reference

    @property
    def written(self) -> str:
        return self.node.text or ""


def images(manifests: ManifestSet) -> list[ContainerImage]:
    """The images of all containers and init containers, in the order of the files. Computed once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[ContainerImage]:
    return [
        ContainerImage(template, container["image"], reference(text))
        for template in manifests.pod_templates
        for container in template.all_containers
        if (text := container["image"].text)
    ]


def unreachable(manifests: ManifestSet, image: Reference) -> str | None:
    """Why the target's nodes cannot pull an image; None when they can.

    What the target allows or denies goes before what is known of the registry. Without a region the nodes are taken
    to be in mainland China. Raises CannotTell for a registry that nobody knows.
    """
    target = manifests.target
    if any(_covers(entry, image) for entry in target.get("registry.deny") or ()):
        return f"the target denies {image.registry}"
    if any(_covers(entry, image) for entry in target.get("registry.allow") or ()):
        return None
    region = target.get("cluster.region")
    mainland = is_mainland(region) if region else True
    if mainland is None:
        raise CannotTell(f"whether region {region} reaches {image.registry}", _supply(image))
    if not mainland:
        return None
    found = known.registry(image.registry)
    if found is None:
        raise CannotTell(f"whether nodes in mainland China reach {image.registry}", _supply(image))
    if found.mainland == "yes":
        return None
    slow = "hardly" if found.mainland == "unreliable" else "not"
    return f"{image.registry} is {slow} reachable from mainland China"


def mirror(image: Reference) -> str:
    """What to write instead: the same image in a registry that carries copies, else a registry of one's own.

    A mirror that is a host keeps the whole path, one that is an account keeps the name.
    """
    found = known.registry(image.registry)
    if found is None or found.mirror is None:
        return "a copy in a registry of your own"
    return f"a copy such as {found.mirror}/{image.name if '/' in found.mirror else image.path}"


def _covers(entry: str, image: Reference) -> bool:
    """Whether an entry such as `ghcr.io`, `tencentcloudcr.com` or `docker.io/k8smirror` means this image."""
    host, _, path = entry.removeprefix("https://").rstrip("/").partition("/")
    host = "docker.io" if host in ("index.docker.io", "registry-1.docker.io") else host.casefold()
    same = image.registry == host or image.registry.endswith("." + host)
    return same and (not path or image.path == path or image.path.startswith(path + "/"))


def _supply(image: Reference) -> str:
    return f'seatrial.toml: [registry] allow = ["{image.registry}"]'
