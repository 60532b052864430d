"""Sets as they run: manifests read from a cluster, for a user who names none.

All LeaderWorkerSets of one namespace form a set, with what belongs to them there. Secrets are never asked for.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from seatrial.finding import CannotTell
from seatrial.live.objects import LiveObject
from seatrial.live.resources import (
    AUTOSCALERS,
    BUDGETS,
    CLAIMS,
    CONFIG_MAPS,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    INGRESSES,
    JOBS,
    LEADER_WORKER_SETS,
    NETWORK_POLICIES,
    PODS,
    SERVICES,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    Resource,
)
from seatrial.live.view import View
from seatrial.lws import keys
from seatrial.lws.selectors import service_matches
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document
from seatrial.manifests.reader import Path, Position
from seatrial.manifests.source import Source
from seatrial.manifests.workloads import PodTemplate, pod_templates
from seatrial.storage.mounts import claim_name
from seatrial.target import Target

_WORKLOADS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, JOBS, CRON_JOBS)
"""Kinds whose pods may use what the set offers; only those that do belong to it."""
_SURROUNDINGS = (SERVICES, CLAIMS, BUDGETS, NETWORK_POLICIES, AUTOSCALERS, CONFIG_MAPS, INGRESSES, HTTP_ROUTES)
_WORKLOAD_KINDS = frozenset(resource.kind for resource in _WORKLOADS)
_GIVEN = frozenset({("ConfigMap", "kube-root-ca.crt"), ("Service", "kubernetes")})
"""What every namespace, or the first, has from the start."""
_METADATA = ("name", "namespace", "labels", "annotations")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class LiveDocument(Document):
    """A manifest that no file holds."""

    __slots__ = ()

    def position(self, path: Path, scalar_line: int | None = None, *, of_value: bool = False) -> Position:
        """There is no line."""
        del path, scalar_line, of_value
        return Position(0, 0)


class ReadBack(ManifestSet):
    """A set read from a namespace. Whoever asks for a kind that may not be listed there is told that nobody knows."""

    def __init__(
        self, namespace: str, documents: list[Document], target: Target, hidden: dict[str, CannotTell]
    ) -> None:
        super().__init__(namespace, documents, target, namespace)
        self._hidden = hidden

    def of_kind(self, *kinds: str, group: str | None = None) -> list[Document]:
        """As for any set. Raises CannotTell where objects of these kinds may be there unseen."""
        unseen = [kind for kind in kinds if kind in self._hidden]
        others = [kind for kind in kinds if kind not in self._hidden]
        # A rule about whatever has pods holds for the LeaderWorkerSets alone.
        if unseen and (not others or not _WORKLOAD_KINDS.issuperset(unseen)):
            raise _again(self._hidden[unseen[0]])
        return super().of_kind(*kinds, group=group)

    @cached_property
    def pod_templates(self) -> list[PodTemplate]:
        """Raises CannotTell where a workload may be there unseen."""
        for kind, unknown in self._hidden.items():
            if kind in _WORKLOAD_KINDS:
                raise _again(unknown)
        return [template for document in self.documents for template in pod_templates(document)]


def _again(unknown: CannotTell) -> CannotTell:
    return CannotTell(unknown.reason, unknown.supply)


def read_back(view: View, target: Target, namespace: str | None = None) -> list[ReadBack]:
    """The sets of one namespace, or of all. Raises CannotTell where no LeaderWorkerSet may be listed, Unreachable."""
    found: dict[str, list[LiveObject]] = {}
    for lws in view.all(LEADER_WORKER_SETS, namespace):
        if not lws.deleting:
            found.setdefault(lws.namespace, []).append(lws)
    return [_Reader(view, where, sets).read(target) for where, sets in sorted(found.items())]


class _Reader:
    """Finds what belongs to the LeaderWorkerSets of one namespace."""

    def __init__(self, view: View, namespace: str, sets: list[LiveObject]) -> None:
        self._view = view
        self._namespace = namespace
        self._sets = [_document(one) for one in sets]
        self._hidden: dict[str, CannotTell] = {}

    def read(self, target: Target) -> ReadBack:
        around = [_document(one) for resource in _SURROUNDINGS for one in self._all(resource, self._namespace)]
        claims, services = self._used_claims(), self._own_services(around)
        workloads = [
            document
            for resource in _WORKLOADS
            for document in map(_document, self._all(resource, self._namespace))
            if _claims(document) & claims or any(_speaks_of(document, name) for name in services)
        ]
        documents = [*self._classes([*self._sets, *around]), *around, *workloads, *self._sets]
        return ReadBack(self._namespace, documents, target, self._hidden)

    def _all(self, resource: Resource, namespace: str | None) -> list[LiveObject]:
        """The objects that a user has made; those of controllers follow from them."""
        try:
            if not self._view.served(resource):
                return []
            found = self._view.all(resource, namespace)
        except CannotTell as unknown:
            self._hidden[resource.kind] = unknown
            return []
        return [one for one in found if one.owner is None and (one.kind, one.name) not in _GIVEN and not one.deleting]

    def _used_claims(self) -> set[str]:
        return {name for document in self._sets for name in _claims(document)}

    def _own_services(self, around: Iterable[Document]) -> set[str]:
        """The Services that select pods of the sets."""
        labels = [pod.labels for pod in self._pods()]
        return {
            document.name
            for document in around
            if document.kind == "Service"
            and any(service_matches(document.at("spec", "selector").raw, each) for each in labels)
        }

    def _pods(self) -> Iterator[LiveObject]:
        names = {document.name for document in self._sets}
        try:
            found = self._view.all(PODS, self._namespace)
        except CannotTell:
            return  # clients are then not found; whoever reads pods says so
        yield from (pod for pod in found if pod.labels.get(keys.NAME) in names)

    def _classes(self, documents: Iterable[Document]) -> list[Document]:
        """The StorageClasses that claims of the set name."""
        named = set(_named_classes(documents))
        if not named:
            return []
        return [_document(one) for one in self._all(STORAGE_CLASSES, None) if one.name in named]


def _document(object: LiveObject) -> LiveDocument:
    """An object as somebody would have written it: without what the server adds to every object."""
    metadata = {key: object.metadata[key] for key in _METADATA if object.metadata.get(key)}
    annotations = metadata.get("annotations") or {}
    if _APPLIED in annotations:
        metadata["annotations"] = {key: text for key, text in annotations.items() if key != _APPLIED}
    raw: dict[str, Any] = {key: value for key, value in object.raw.items() if key != "status"}
    where = f"cluster, namespace {object.namespace}" if object.namespace else "cluster"
    return LiveDocument(Source(where, ""), 0, (), {**raw, "metadata": metadata})


def _claims(document: Document) -> set[str]:
    """The claims that the pods of a workload mount."""
    return {
        name
        for template in pod_templates(document)
        for volume in template.spec["volumes"]
        if (name := claim_name(volume)) is not None
    }


def _speaks_of(document: Document, service: str) -> bool:
    """Whether a URL with the Service as its host stands anywhere in a workload."""
    return re.search(rf"//{re.escape(service)}[.:/]", str(document["spec"].raw)) is not None


def _named_classes(documents: Iterable[Document]) -> Iterator[str]:
    for document in documents:
        claims = [document["spec"]] if document.kind == "PersistentVolumeClaim" else []
        if document.kind == LEADER_WORKER_SETS.kind:
            claims = [one["spec"] for one in document.at("spec", "leaderWorkerTemplate", "volumeClaimTemplates")]
        for claim in claims:
            if name := claim["storageClassName"].text:
                yield name
