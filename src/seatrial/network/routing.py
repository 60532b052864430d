"""The Services through which clients reach the leaders."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from seatrial.lws import keys
from seatrial.lws.selectors import service_matches
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.set_object import SetObject
from seatrial.workload.leader_worker_set import LeaderWorkerSet, leader_worker_sets
from seatrial.workload.pods import SetPod, behind
from seatrial.workload.serving import Group, groups


class ApiService(SetObject):
    """A Service that leads, or is meant to lead, to the leaders of a group."""

    @property
    def selector(self) -> Node:
        return self.document.at("spec", "selector")

    @property
    def ports(self) -> list[Node]:
        return list(self.document.at("spec", "ports"))

    @cached_property
    def pods(self) -> list[SetPod]:
        """The pods that the selector matches in the Service's own namespace."""
        return behind(self.manifests, self.document)

    @cached_property
    def leader_worker_sets(self) -> list[LeaderWorkerSet]:
        """The LeaderWorkerSets it is meant for, those of its own namespace before those of others.

        A selector that names one means that one; another means those whose pods have its labels.
        """
        everywhere = self.manifests.once(leader_worker_sets)
        named = self.selector[keys.NAME]
        if named.exists:
            meant = [lws for lws in everywhere if lws.name == named.text]
        else:
            meant = [lws for lws in everywhere if any(self.selects(pod.labels) for pod in lws.pods)]
        return [lws for lws in meant if lws.namespace == self.namespace] or meant

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether the selector matches these labels, whatever the namespace."""
        return service_matches(self.selector.raw, labels)

    @property
    def groups(self) -> list[Group]:
        """The SGLang groups it leads to, or is meant for."""
        owners = {id(pod.template.document) for pod in self.pods if pod.lws is None}
        owners |= {id(lws.document) for lws in self.leader_worker_sets}
        return [group for group in groups(self.manifests) if id(group.document) in owners]


def is_headless(service: Document) -> bool:
    return service.at("spec", "clusterIP").text == "None"


def is_made_by_controller(service: Document) -> bool:
    """Whether a Service, as found in a dump of a cluster, was made by the LeaderWorkerSet controller."""
    owners = service.at("metadata", "ownerReferences")
    return any(owner["kind"].text in ("LeaderWorkerSet", "Pod") for owner in owners)


def api_services(manifests: ManifestSet) -> list[ApiService]:
    """Every Service with a cluster address whose selector speaks of LWS or matches a pod that serves. Once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[ApiService]:
    serving = {id(group.document) for group in groups(manifests)}
    return [service for service in _with_address(manifests) if _leads_to(service, serving)]


def _with_address(manifests: ManifestSet) -> Iterator[ApiService]:
    for document in manifests.of_kind("Service", group=""):
        if not is_headless(document) and document.at("spec", "type").text != "ExternalName":
            yield ApiService(manifests, document)


def _leads_to(service: ApiService, serving: set[int]) -> bool:
    if any(key.startswith(keys.PREFIX) for key in service.selector.mapping):
        return True
    if service.pods:
        return any(pod.lws is not None or id(pod.template.document) in serving for pod in service.pods)
    return bool(service.leader_worker_sets)
