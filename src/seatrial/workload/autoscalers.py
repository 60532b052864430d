"""The autoscalers of a set, and what each one scales.

Sources: Kubernetes API reference, HorizontalPodAutoscalerSpec; kedacore/keda, ScaledObject.
"""

from dataclasses import dataclass

from seatrial.lws.naming import child_names
from seatrial.lws.releases import NEWEST
from seatrial.lws.schema import API_VERSION, KIND
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.workload.leader_worker_set import LeaderWorkerSet

AUTOSCALER_KINDS = {"HorizontalPodAutoscaler": "", "ScaledObject": "Deployment"}


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler or a ScaledObject of KEDA."""

    manifests: ManifestSet
    document: Document

    @property
    def target(self) -> Node:
        return self.document.at("spec", "scaleTargetRef")

    @property
    def kind(self) -> str:
        return self.target["kind"].text or AUTOSCALER_KINDS[self.document.kind]

    @property
    def name(self) -> str:
        return self.target["name"].text or ""

    def scales(self, lws: LeaderWorkerSet) -> bool:
        """Whether it scales the LeaderWorkerSet itself."""
        return (self.kind, self.name, self.target["apiVersion"].text) == (KIND, lws.name, API_VERSION)

    def concerns(self, lws: LeaderWorkerSet) -> bool:
        """Whether it names the LeaderWorkerSet or one of its StatefulSets, and no other object of the set."""
        if self.manifests.namespace(self.document) != lws.namespace:
            return False
        children = child_names(lws.document.value, lws.release or NEWEST)
        if self.name != lws.name and not children.owns("StatefulSet", self.name):
            return False
        return self.kind == KIND or self.manifests.find(self.kind, self.name, lws.namespace) is None


def autoscalers_of(lws: LeaderWorkerSet) -> list[Autoscaler]:
    """The autoscalers that act, or are meant to act, on a LeaderWorkerSet."""
    found = (Autoscaler(lws.manifests, document) for document in lws.manifests.of_kind(*AUTOSCALER_KINDS))
    return [autoscaler for autoscaler in found if autoscaler.concerns(lws)]
