"""One object that the set declares, beside the one of that name on the cluster."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.finding import CannotTell
from seatrial.live.declared import Departure, departures
from seatrial.live.deployed import Deployed
from seatrial.live.objects import LiveObject
from seatrial.live.resources import AUTOSCALERS
from seatrial.manifests.document import Document
from seatrial.workload.autoscalers import AUTOSCALER_KINDS, Autoscaler

_REPLICAS = ("spec", "replicas")


@dataclass(frozen=True, eq=False)
class DeclaredObject:
    """`live` and `departures` raise CannotTell where the object may not be read."""

    deployed: Deployed
    document: Document

    @property
    def title(self) -> str:
        return self.document.title

    @property
    def namespace(self) -> str:
        return self.deployed.manifests.namespace(self.document)

    @property
    def where(self) -> str:
        """Where it has to be, in words."""
        resource = self.deployed.view.resource(self.document.api_version, self.document.kind)
        return "the cluster" if resource is not None and not resource.namespaced else f"namespace {self.namespace}"

    @property
    def live(self) -> LiveObject | None:
        return self.deployed.live(self.document)

    @property
    def refused(self) -> str:
        """Why the run itself did not bring it onto the cluster; empty where it did, or was not to."""
        for admission in self.deployed.admissions:
            if admission.document is self.document and admission.answer is None:
                return admission.left_out or f"{self.title} was not accepted"
        return ""

    def departures(self, live: LiveObject) -> Iterator[Departure]:
        """Every declared field that the live object does not have, but for a count that an autoscaler sets."""
        for departure in departures(self.document.kind, self.document.root.mapping, live.raw):
            if departure.path != _REPLICAS or not self._autoscaled():
                yield departure

    def _autoscaled(self) -> bool:
        """Whether an autoscaler of the set or of the cluster sets the number of replicas."""
        set_by = (
            Autoscaler(self.deployed.manifests, one) for one in self.deployed.manifests.of_kind(*AUTOSCALER_KINDS)
        )
        if any((one.kind, one.name) == (self.document.kind, self.document.name) for one in set_by):
            return True
        try:
            live = self.deployed.view.all(AUTOSCALERS, self.namespace)
        except CannotTell as unknown:
            raise CannotTell(f"whether an autoscaler sets the replicas of {self.title}", unknown.supply) from None
        return any(
            (one.at("spec", "scaleTargetRef", "kind"), one.at("spec", "scaleTargetRef", "name"))
            == (self.document.kind, self.document.name)
            for one in live
        )


def declared_objects(deployed: Deployed) -> list[DeclaredObject]:
    """Every object of the set that has a name of its own."""
    return [DeclaredObject(deployed, document) for document in deployed.manifests.documents if document.name]
