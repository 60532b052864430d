"""The pods of a set that serve: of which template, how many, with how many GPUs, and those of them that are there."""

import math
from dataclasses import dataclass

from seatrial.clusters.wanted import request
from seatrial.finding import NotApplicable, Place
from seatrial.live.deployed import Deployed
from seatrial.live.objects import LiveObject, LivePlace
from seatrial.live.workload_pods import workload_pods
from seatrial.manifests.document import Document
from seatrial.manifests.workloads import PodTemplate
from seatrial.nodes.super_pods import is_super_pod
from seatrial.workload.serving import GPU, groups

NO_GPUS = "no pod of the set asks for GPUs"


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """Pods of one template: so many groups of a set, and in each group so many pods."""

    template: PodTemplate
    groups: int
    each: int
    on_super_nodes: bool

    @property
    def title(self) -> str:
        return self.template.title

    @property
    def document(self) -> Document:
        return self.template.document

    @property
    def pods(self) -> int:
        return self.groups * self.each

    @property
    def gpus(self) -> int:
        """What one pod asks for."""
        return math.ceil(request(self.template, GPU))

    def place(self, deployed: Deployed) -> Place | LivePlace:
        """Where the number of groups stands."""
        path = ("spec", "replicas")
        if deployed.read_back:
            return LivePlace(deployed.manifests.namespace(self.document), self.document.title, path)
        return self.document.at(*path)


def engines(deployed: Deployed) -> list[Engine]:
    """Every template of a LeaderWorkerSet, and of what serves with SGLang without one. Raises CannotTell."""
    return deployed.once(_find)


def _find(deployed: Deployed) -> list[Engine]:
    found: list[tuple[PodTemplate, int, int]] = []
    for lws in deployed.leader_worker_sets:
        leader, *workers = lws.declared.templates
        found.append((leader, lws.replicas, 1 if workers else lws.size))
        found += [(worker, lws.replicas, lws.size - 1) for worker in workers]
    for group in groups(deployed.manifests):
        if group.lws is None:
            found.append((group.leader.template, _replicas(deployed, group.document, group.replicas), group.size))
    return [
        Engine(template, replicas, each, is_super_pod(deployed.manifests, template))
        for template, replicas, each in found
    ]


def _replicas(deployed: Deployed, document: Document, declared: int) -> int:
    """What the object on the cluster says goes before what the set declares."""
    live = deployed.live(document)
    stated = live.at("spec", "replicas") if live is not None and document.kind == "Deployment" else None
    return stated if isinstance(stated, int) else declared


def on_gpu_nodes(deployed: Deployed) -> list[Engine]:
    """Those that take GPUs of nodes. Raises NotApplicable where there are none, CannotTell."""
    found = [one for one in engines(deployed) if one.gpus]
    if not found:
        raise NotApplicable(NO_GPUS)
    found = [one for one in found if not one.on_super_nodes]
    if not found:
        raise NotApplicable("the set's pods are meant for super nodes, where each pod is a machine of its own")
    return found


def pods_of(deployed: Deployed, engine: Engine) -> list[LiveObject]:
    """Its pods that are not going away. Raises CannotTell where pods may not be read."""
    return [one.pod for one in workload_pods(deployed) if one.template.key == engine.template.key]
