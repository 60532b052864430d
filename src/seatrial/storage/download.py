"""The workloads of a set that download a model."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.finding import Place
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.launch import Download, Environment, Word, download_of
from seatrial.manifests.workloads import PodTemplate
from seatrial.workload.environments import sample_environment

# Kinds whose purpose is to run to an end, or once on every node.
KINDS = ("Job", "CronJob", "DaemonSet", "Pod")


@dataclass(frozen=True, slots=True)
class ModelDownload:
    """A container that fetches a model: which repository, with which tool, into which directory."""

    manifests: ManifestSet
    template: PodTemplate
    container: Node
    download: Download
    environment: Environment

    @property
    def document(self) -> Document:
        return self.template.document

    @property
    def title(self) -> str:
        return self.document.title

    @property
    def namespace(self) -> str:
        return self.manifests.namespace(self.document)

    def variable(self, name: str) -> str | None:
        """The value of an environment variable; None when it is not set or not known."""
        value = self.environment.get(name)
        return value.text if value is not None and value.known else None

    def place_of(self, word: Word) -> Place:
        return self.container.at(*word.path).word_line(word.line)


def downloads(manifests: ManifestSet) -> list[ModelDownload]:
    """Jobs, DaemonSets and init containers that download a model. Computed once."""
    return manifests.once(_all)


def _all(manifests: ManifestSet) -> list[ModelDownload]:
    return list(_find(manifests))


def _find(manifests: ManifestSet) -> Iterator[ModelDownload]:
    for template in manifests.pod_templates:
        containers = template.all_containers if template.document.kind in KINDS else template.init_containers
        for container in containers:
            environment = sample_environment(manifests, template, container)
            found = download_of(container.mapping, environment)
            if found is not None:
                yield ModelDownload(manifests, template, container, found, environment)
