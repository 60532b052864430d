"""A Job of the set that downloads the model, as it stands on the cluster."""

from dataclasses import dataclass

from seatrial.finding import Blocked, CannotTell
from seatrial.live.declared_object import DeclaredObject
from seatrial.live.deployed import Deployed
from seatrial.live.journal import restarts
from seatrial.live.objects import LiveObject
from seatrial.live.resources import PODS
from seatrial.manifests.document import Document
from seatrial.storage.download import downloads


@dataclass(frozen=True, eq=False)
class DownloadJob:
    """Reading raises CannotTell where it is forbidden."""

    deployed: Deployed
    document: Document

    @property
    def title(self) -> str:
        return self.document.title

    def need_live(self) -> LiveObject:
        """The Job on the cluster. Raises Blocked where it was not accepted, CannotTell where it is not there."""
        live = self.deployed.live(self.document)
        if live is not None:
            return live
        if self.deployed.own:
            raise Blocked(
                "ADM-03" if DeclaredObject(self.deployed, self.document).refused else "ADM-06", "it is not there"
            )
        raise CannotTell(f"{self.title} is not there: never applied, or removed when it was done")

    def pods(self, live: LiveObject) -> list[LiveObject]:
        """The pods that the Job has made and that are still there."""
        return [
            pod
            for pod in self.deployed.view.all(PODS, live.namespace)
            if pod.owner is not None and pod.owner.get("uid") == live.uid
        ]

    def retries(self, live: LiveObject) -> int:
        """Failed pods and restarts of containers together, as far as pods are still there."""
        return int(live.at("status", "failed") or 0) + sum(restarts(pod) for pod in self.pods(live))


def download_jobs(deployed: Deployed) -> list[DownloadJob]:
    """Every Job of the set that downloads a model, once."""
    found = {id(one.document): one.document for one in downloads(deployed.manifests) if one.document.kind == "Job"}
    return [DownloadJob(deployed, document) for document in found.values()]
