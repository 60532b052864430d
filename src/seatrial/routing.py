"""The Services through which clients reach the leaders."""

from functools import cached_property

from seatrial.lws import keys
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.pods import SetPod, behind
from seatrial.serving import Group, groups


class ApiService:
    """A Service that leads, or is meant to lead, to the leaders of a group."""

    def __init__(self, manifests: ManifestSet, document: Document) -> None:
        self.manifests = manifests
        self.document = document

    @property
    def title(self) -> str:
        return self.document.title

    @property
    def name(self) -> str:
        return self.document.name

    @property
    def namespace(self) -> str:
        return self.manifests.namespace(self.document)

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

    @property
    def groups(self) -> list[Group]:
        """The SGLang groups whose pods the selector matches."""
        owners = {id(pod.template.document) for pod in self.pods}
        return [group for group in groups(self.manifests) if id(group.document) in owners]


def is_headless(service: Document) -> bool:
    return service.at("spec", "clusterIP").text == "None"


def api_services(manifests: ManifestSet) -> list[ApiService]:
    """Every Service with a cluster address whose selector speaks of LWS or matches a pod that serves. Once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[ApiService]:
    services = [
        ApiService(manifests, document)
        for document in manifests.of_kind("Service", group="")
        if not is_headless(document) and document.at("spec", "type").text != "ExternalName"
    ]
    serving = {id(group.document) for group in groups(manifests)}
    return [service for service in services if _speaks_of_lws(service) or _reaches(service, serving)]


def _speaks_of_lws(service: ApiService) -> bool:
    return any(key.startswith(keys.PREFIX) for key in service.selector.mapping)


def _reaches(service: ApiService, serving: set[int]) -> bool:
    return any(pod.lws is not None or id(pod.template.document) in serving for pod in service.pods)
