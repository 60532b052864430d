"""The clients of the API: containers that are given the base URL of an OpenAI-compatible server."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

from seatrial.knowledge.images import reference
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.network.routing import ApiService, api_services
from seatrial.workload.serving import groups
from seatrial.workload.variables import Variable, hidden_sources, variables

# OPENAI_API_BASE_URL(S), OPENAI_BASE_URL, OPENAI_API_BASE: clients that append /chat/completions and so need /v1.
_BASE_URL = re.compile(r"(?:.*_)?OPENAI(?:_API)?_BASE(?:_URLS?)?")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """One URL of a client. `service` and `namespace` are set when its host has the form of a Service's name."""

    place: Node
    text: str
    parts: SplitResult
    service: str | None
    namespace: str

    @property
    def port(self) -> int | None:
        """The port, also when it is that of the scheme; None when it is no number."""
        try:
            return self.parts.port or _PORTS.get(self.parts.scheme)
        except ValueError:
            return None


@dataclass(frozen=True)
class Client:
    """A container that talks to an OpenAI-compatible server."""

    manifests: ManifestSet
    template: PodTemplate
    container: Node

    @property
    def document(self) -> Document:
        return self.template.document

    @property
    def namespace(self) -> str:
        return self.manifests.namespace(self.document)

    @cached_property
    def variables(self) -> dict[str, Variable]:
        return variables(self.manifests, self.template, self.container)

    @property
    def hidden(self) -> list[str]:
        """Where variables may come from that the set does not show."""
        return hidden_sources(self.manifests, self.namespace, self.container)

    @property
    def addresses(self) -> list[Variable]:
        """The variables that hold base URLs."""
        return [variable for name, variable in self.variables.items() if _BASE_URL.fullmatch(name)]

    @property
    def is_open_webui(self) -> bool:
        return reference(self.container["image"].text or "").name == "open-webui"

    def urls(self) -> Iterator[BaseUrl]:
        """The URLs that are known; a variable may list several with semicolons."""
        for variable in self.addresses:
            for text in (variable.text or "").split(";"):
                if text.strip():
                    yield _base_url(variable.place, text.strip(), self.namespace)

    def api_of(self, url: BaseUrl) -> ApiService | None:
        """The API Service that a URL leads to."""
        return next(
            (
                each
                for each in api_services(self.manifests)
                if (each.name, each.namespace) == (url.service, url.namespace)
            ),
            None,
        )


def _base_url(place: Node, text: str, namespace: str) -> BaseUrl:
    try:
        parts = urlsplit(text)
        labels = (parts.hostname or "").rstrip(".").split(".")
    except ValueError:
        return BaseUrl(place, text, SplitResult("", "", "", "", ""), None, namespace)
    inside = len(labels) <= 2 or labels[2] == "svc"
    if not inside or labels[-1].isdigit() or labels[0] in ("", "localhost"):
        return BaseUrl(place, text, parts, None, namespace)
    return BaseUrl(place, text, parts, labels[0], labels[1] if len(labels) > 1 else namespace)


def clients(manifests: ManifestSet) -> list[Client]:
    """Containers with a base URL, and every Open WebUI; the engine's own containers are none. Computed once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[Client]:
    engines = {id(group.document) for group in groups(manifests)}
    candidates = [
        Client(manifests, template, container)
        for template in manifests.pod_templates
        if id(template.document) not in engines
        for container in template.containers
    ]
    return [client for client in candidates if client.is_open_webui or client.addresses]
