"""A set: the objects of one folder, judged together against one target."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from seatrial.manifests import reader
from seatrial.manifests.document import Document, documents
from seatrial.manifests.source import Location, Source, UnreadableManifest, read
from seatrial.manifests.workloads import PodTemplate, is_leader_worker_set, pod_templates
from seatrial.target import Target

DEFAULT_NAMESPACE = "default"
Built = TypeVar("Built")
_LISTING = ("apiVersion", "kind", "metadata", "resources")


class ManifestSet:
    """All objects of a set, with the look-ups that requirements share. Built once, never changed."""

    def __init__(
        self,
        name: str,
        documents: list[Document],
        target: Target,
        namespace: str = DEFAULT_NAMESPACE,
        definition: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.documents = documents
        self.target = target
        self.default_namespace = namespace
        self.definition = definition
        """The CustomResourceDefinition of LeaderWorkerSet that the user gave, else None."""
        self._built: dict[Any, Any] = {}

    @property
    def title(self) -> str:
        return self.name

    def of_kind(self, *kinds: str, group: str | None = None) -> list[Document]:
        """Objects of these kinds, of API group `group` where the kind's name alone is not enough."""
        return [
            document
            for kind in kinds
            for document in self._by_kind.get(kind, ())
            if group is None or document.group == group
        ]

    @cached_property
    def _by_kind(self) -> dict[str, list[Document]]:
        found: dict[str, list[Document]] = {}
        for document in self.documents:
            found.setdefault(document.kind, []).append(document)
        return found

    def namespace(self, document: Document) -> str:
        """The namespace the object will live in."""
        return document.namespace or self.default_namespace

    def find(self, kind: str, name: str, namespace: str, group: str | None = None) -> Document | None:
        """The object of that identity, if the set declares it."""
        return next(
            (
                document
                for document in self.of_kind(kind, group=group)
                if document.name == name and self.namespace(document) == namespace
            ),
            None,
        )

    def config_value(self, namespace: str, kind: str, name: str, key: str) -> str | None:
        """The value of a ConfigMap's key if the set declares it. A Secret's value is never read into a command."""
        document = self.find("ConfigMap", name, namespace) if kind == "ConfigMap" else None
        return document.at("data", key).text if document else None

    def secret_filled(self, namespace: str, name: str, key: str) -> bool:
        """Whether a Secret of the set has a value under a key; the API server lets `stringData` win over `data`."""
        secret = self.find("Secret", name, namespace, group="")
        if secret is None:
            return False
        plain = secret.at("stringData", key)
        return bool((plain if plain.exists else secret.at("data", key)).text)

    @cached_property
    def leader_worker_sets(self) -> list[Document]:
        return [document for document in self.of_kind("LeaderWorkerSet") if is_leader_worker_set(document)]

    @cached_property
    def pod_templates(self) -> list[PodTemplate]:
        """Every pod template of the set, in the order of the files."""
        return [template for document in self.documents for template in pod_templates(document)]

    def once(self, build: Callable[["ManifestSet"], Built]) -> Built:
        """The result of `build` for this set, computed the first time somebody asks."""
        if build not in self._built:
            self._built[build] = build(self)
        result: Built = self._built[build]
        return result

    def waived(self, requirement: str, object: str) -> bool:
        """Whether `seatrial.toml` accepts this deviation of this object."""
        return any(waiver.matches(requirement, object) for waiver in self.target.waivers)


def load(
    location: Location, target: Target, namespace: str = DEFAULT_NAMESPACE, definition: dict[str, Any] | None = None
) -> ManifestSet:
    """Read the files of a set.

    Raises UnreadableManifest, with one line for each problem, when a file cannot be read or nothing is in it.
    """
    return _build(location.name, read(location), target, namespace, definition)


def load_texts(name: str, files: dict[str, str], target: Target) -> ManifestSet:
    """A set from texts in memory, by file name. Raises UnreadableManifest as `load` does."""
    return _build(name, [Source(file, text) for file, text in files.items()], target)


def _build(
    name: str,
    sources: list[Source],
    target: Target,
    namespace: str = DEFAULT_NAMESPACE,
    definition: dict[str, Any] | None = None,
) -> ManifestSet:
    found: list[Document] = []
    problems: list[str] = []
    for source in sources:
        try:
            read_here = list(documents(source, reader.parse(source)))
            _refuse_chart(read_here)
            found.extend(document for document in read_here if not _is_file_list(document))
        except UnreadableManifest as problem:
            problems.append(str(problem))
    if not problems and not found:
        problems.append(f"{name}: its files hold no object; nothing to judge")
    if problems:
        raise UnreadableManifest("\n".join(problems))
    return ManifestSet(name, found, target, namespace, definition)


def _refuse_chart(documents: list[Document]) -> None:
    """Raises UnreadableManifest for a chart: its templates and values are not what a cluster gets."""
    for document in documents[:1]:
        if Path(document.source.name).name == "Chart.yaml" and not document.kind:
            raise UnreadableManifest(
                f"{document.source.name}: a chart of Helm, not manifests; "
                "render it: helm template CHART | pytest -m static --manifests -"
            )


def _is_file_list(document: Document) -> bool:
    """Whether this is a kustomization that only lists files: kustomize would change nothing, so the files count.

    Raises UnreadableManifest for one that changes objects, since the files are not what a cluster gets.
    """
    named = Path(document.source.name).stem.lower() == "kustomization" and not document.kind
    if not named and document.group != "kustomize.config.k8s.io":
        return False
    changing = [key for key in document.root.mapping if key not in _LISTING]
    if changing:
        raise UnreadableManifest(
            f"{document.source.name}: kustomize changes these files ({', '.join(changing[:3])}); "
            "render them: kustomize build DIR | pytest -m static --manifests -"
        )
    return True
