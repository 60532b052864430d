"""Bringing a set onto a cluster and taking it away again."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from seatrial.clusters.provider import ClusterError
from seatrial.live.admission import Admission
from seatrial.live.api import Api, ApiError
from seatrial.live.discovery import Discovery
from seatrial.live.offer import Patience
from seatrial.live.resources import NAMESPACES, Resource
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document
from seatrial.workload.lws_installation import belongs_to_lws

# What others need comes first; what starts pods comes last, so that it finds everything in its place.
_FIRST = (
    "Namespace",
    "CustomResourceDefinition",
    "PriorityClass",
    "StorageClass",
    "ServiceAccount",
    "ConfigMap",
    "Secret",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ResourceQuota",
    "LimitRange",
    "Service",
    "PodDisruptionBudget",
    "NetworkPolicy",
)
_LAST = ("Deployment", "StatefulSet", "DaemonSet", "Pod", "Job", "LeaderWorkerSet")

_OUTSIDE = frozenset({
    "APIService", "CSIDriver", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "DeviceClass",
    "GatewayClass", "IngressClass", "MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume",
    "PriorityClass", "RuntimeClass", "StorageClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration", "VolumeSnapshotClass",
})  # fmt: skip
"""Kinds whose objects are in no namespace."""


def in_order(documents: Iterable[Document]) -> list[Document]:
    """The documents in the order in which they are applied."""
    return sorted(documents, key=_rank)


def _rank(document: Document) -> int:
    if document.kind in _FIRST:
        return _FIRST.index(document.kind)
    return 100 + _LAST.index(document.kind) if document.kind in _LAST else 50


def body(manifests: ManifestSet, document: Document, namespaced: bool) -> dict[str, Any]:
    """The object as it is sent, with its namespace filled in."""
    raw = dict(document.root.mapping)
    metadata = raw.get("metadata") or {}
    if namespaced and isinstance(metadata, dict):
        raw["metadata"] = {**metadata, "namespace": manifests.namespace(document)}
    return raw


def namespaces(manifests: ManifestSet) -> list[str]:
    """The namespaces in which the set has objects, the default one first where it has any there."""
    inside = [document for document in manifests.documents if document.kind not in _OUTSIDE]
    found = list(dict.fromkeys(manifests.namespace(document) for document in inside)) or [manifests.default_namespace]
    return sorted(found, key=lambda name: name != manifests.default_namespace)


def ensure_namespaces(api: Api, names: Iterable[str], labels: dict[str, str]) -> None:
    """Make the namespaces that are not there. Raises ApiError, Unreachable."""
    for name in names:
        if api.find(NAMESPACES, name) is None:
            metadata = {"name": name, "labels": labels}
            api.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def admissions(
    api: Api, discovery: Discovery, manifests: ManifestSet, patience: Patience, *, bare: bool
) -> Iterator[Admission]:
    """Offer every document to the server without storing it; `bare` where the cluster is the run's own.

    Raises ApiError where the server does not say what it serves, Unreachable.
    """
    for document in in_order(manifests.documents):
        if belongs_to_lws(manifests, document):
            yield Admission(
                document, None, None, left_out="the cluster has an LWS of its own, which this would replace"
            )
            continue
        resource = discovery.resource(document.api_version, document.kind)
        if resource is None:
            yield Admission(document, None, None, served=False, bare=bare)
            continue
        if not bare and not resource.namespaced:
            continue  # the run makes nothing there; what is lacking, ADM-06 tells
        answer = patience.ask(partial(_send, api, resource, manifests, document, dry_run=True))
        yield Admission(document, answer.object, answer.error, waited_s=answer.waited_s)


def apply(api: Api, discovery: Discovery, manifests: ManifestSet, admitted: Iterable[Admission]) -> None:
    """Store what was admitted. Raises ClusterError when the server changes its mind."""
    for admission in admitted:
        if admission.answer is None:
            continue
        document = admission.document
        resource = discovery.resource(document.api_version, document.kind)
        assert resource is not None
        try:
            _send(api, resource, manifests, document)
        except ApiError as error:
            raise ClusterError(f"{document.title}: admitted in a dry run, then refused: {error.message}") from None


def _send(
    api: Api, resource: Resource, manifests: ManifestSet, document: Document, *, dry_run: bool = False
) -> dict[str, Any]:
    """Server-side apply, or creation where only the server can tell what the object is to be called."""
    namespace = manifests.namespace(document) if resource.namespaced else None
    object = body(manifests, document, resource.namespaced)
    write = api.apply if document.name else api.create
    return write(resource, object, namespace, dry_run=dry_run)
