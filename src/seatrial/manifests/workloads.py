"""The pod templates of a set, whatever kind of object carries them."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.manifests.document import Document, Node

LEADER_WORKER_SET = ("leaderworkerset.x-k8s.io", "LeaderWorkerSet")

# Kind of the built-in workloads → where their pod template stands.
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


Key = tuple[int, tuple[str | int, ...]]


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """One pod template. `role` is leader or worker in a LeaderWorkerSet, empty elsewhere."""

    node: Node
    role: str = ""

    @property
    def document(self) -> Document:
        return self.node.document

    @property
    def key(self) -> Key:
        """What tells this template apart from all others of a set; its role is no part of it."""
        return id(self.document), self.node.path

    @property
    def spec(self) -> Node:
        return self.node["spec"]

    @property
    def title(self) -> str:
        return f"{self.document.title} {self.role}".rstrip()

    @property
    def labels(self) -> dict[str, str]:
        return self.node.at("metadata", "labels").texts

    @property
    def annotations(self) -> dict[str, str]:
        return self.node.at("metadata", "annotations").texts

    @property
    def containers(self) -> list[Node]:
        return list(self.spec["containers"])

    @property
    def init_containers(self) -> list[Node]:
        return list(self.spec["initContainers"])

    @property
    def all_containers(self) -> list[Node]:
        return [*self.init_containers, *self.containers]

    @property
    def volumes(self) -> dict[str, Node]:
        """Volumes by name."""
        return {volume["name"].text or "": volume for volume in self.spec["volumes"]}


def is_leader_worker_set(document: Document) -> bool:
    return (document.group, document.kind) == LEADER_WORKER_SET


def pod_templates(document: Document) -> Iterator[PodTemplate]:
    """The pod templates of an object; none for kinds that make no pods."""
    if is_leader_worker_set(document):
        template = document.at("spec", "leaderWorkerTemplate")
        for role in ("leader", "worker"):
            if template[f"{role}Template"].exists:
                yield PodTemplate(template[f"{role}Template"], role)
    elif document.kind == "Pod" and not document.group:
        yield PodTemplate(document.root)
    elif document.kind in _TEMPLATES and document.group in ("", "apps", "batch"):
        yield PodTemplate(document.at(*_TEMPLATES[document.kind]))
