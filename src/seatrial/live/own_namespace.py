"""A namespace of the run's own on the user's cluster: the set moves in, is judged, and all of it goes away again.

Nothing outside it is written. By label and annotation everybody can tell which run made it, and when.
"""

import re
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from seatrial.clusters.provider import ClusterError, Progress
from seatrial.live.api import Api, ApiError, Unreachable
from seatrial.live.objects import LiveObject
from seatrial.live.resources import NAMESPACES
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document

RUN = "seatrial/run"
"""Label and annotation that hold the run's id."""
MANAGED = {"app.kubernetes.io/managed-by": "seatrial"}
GONE_WITHIN_S = 120.0
"""How long the run waits for the namespace to be gone; Kubernetes goes on without it."""
_LONGEST = 63
_POLL_S = 0.5
_RIGHTS = "grant the rights that `seatrial rbac deploy` prints"


def check(manifests: ManifestSet) -> None:
    """Raises ClusterError for a set that cannot be brought up beside others on a cluster."""
    stated = _namespaces(manifests)
    if len(stated) > 1:
        raise ClusterError(
            f"--deploy: set {manifests.name} is spread over namespaces {', '.join(sorted(stated))}, and the run makes "
            "only one; bring it up yourself, and judge it without --deploy"
        )
    for claim in manifests.of_kind("PersistentVolumeClaim", group=""):
        if claim.at("spec", "volumeName").text:
            raise ClusterError(
                f"--deploy: {claim.title} of set {manifests.name} names a volume, which would be lost with the run's "
                "namespace; leave volumeName out, or bring the set up yourself"
            )


def moved(manifests: ManifestSet, namespace: str) -> ManifestSet:
    """The set with all its objects in another namespace, as `check` allows. Places stay those of the files."""
    own = {"Namespace"}
    documents = [_without_namespace(one) for one in manifests.documents if one.kind not in own or one.group]
    return ManifestSet(manifests.name, documents, manifests.target, namespace, manifests.definition)


def _without_namespace(document: Document) -> Document:
    metadata = document.root["metadata"].mapping
    if document.namespace is None:
        return document
    value = {**document.root.mapping, "metadata": {k: v for k, v in metadata.items() if k != "namespace"}}
    return Document(document.source, document.index, document.prefix, value, document.duplicates)


def _namespaces(manifests: ManifestSet) -> set[str]:
    return {one.namespace for one in manifests.documents if one.namespace is not None}


class OwnNamespace:
    """Made by `take`, deleted by `leave`, which does nothing about a namespace that `take` did not make."""

    def __init__(self, api: Api, set: str, progress: Progress) -> None:
        self._api = api
        self._progress = progress
        self.run = secrets.token_hex(4)
        self.name = _name(self.run, set)
        self._asked = False

    def take(self) -> None:
        """Raises ClusterError where it is there already or may not be made."""
        self._asked = True
        metadata: dict[str, Any] = {
            "name": self.name,
            "labels": {**MANAGED, RUN: self.run},
            "annotations": {RUN: self.run},
        }
        try:
            self._api.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        except ApiError as error:
            if error.status == 409:
                raise ClusterError(f"namespace {self.name} is there already, and not of this run; run again") from None
            mend = f"; {_RIGHTS}" if error.forbidden else ""
            raise ClusterError(f"--deploy: namespace {self.name} cannot be made: {error.message}{mend}") from None

    def leave(self) -> None:
        """Delete it, and wait until it is gone. Never raises; says what is left and how to remove it."""
        if not self._asked:
            return
        self._asked = False
        try:
            found = self._api.find(NAMESPACES, self.name)
            if found is None or not self._is_own(LiveObject(found)):
                return
            self._api.delete(NAMESPACES, self.name, uid=found["metadata"]["uid"])
            self._progress(f"deleting namespace {self.name}")
            end = time.monotonic() + GONE_WITHIN_S
            while self._api.find(NAMESPACES, self.name) is not None:
                if time.monotonic() > end:
                    self._progress(f"namespace {self.name} is still being deleted; see: kubectl get ns {self.name}")
                    return
                time.sleep(_POLL_S)
            self._progress("")
        except (ApiError, Unreachable) as error:
            self._progress(f"namespace {self.name} could not be deleted ({error}); kubectl delete ns {self.name}")

    def _is_own(self, namespace: LiveObject) -> bool:
        return namespace.labels.get(RUN) == self.run == namespace.annotations.get(RUN)


def left_behind(api: Api) -> list[str]:
    """Namespaces of other runs, one line each; none of them is touched. Raises Unreachable."""
    try:
        found = api.list(NAMESPACES, labels=",".join(f"{key}={value}" for key, value in MANAGED.items()))
    except ApiError:
        return []  # who may not list namespaces cannot be told of them
    return [
        f"namespace {one.name} is there since {_age(one)}, made by run {run}; "
        f"if that run is over: kubectl delete namespace {one.name}"
        for one in map(LiveObject, found)
        if (run := one.labels.get(RUN)) and one.annotations.get(RUN) == run and not one.deleting
    ]


def _age(namespace: LiveObject) -> str:
    minutes = (datetime.now(UTC) - namespace.created).total_seconds() / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def _name(run: str, set: str) -> str:
    """As long as a namespace's name may be, with nothing in it that it may not hold."""
    word = re.sub(r"[^a-z0-9]+", "-", set.lower()).strip("-")
    return f"seatrial-{run}-{word}"[:_LONGEST].rstrip("-")
