"""One set on one cluster: what was declared beside what is there."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TypeVar

from seatrial.clusters.capability import MEANING, Capability
from seatrial.clusters.provider import Cluster
from seatrial.finding import CannotTell, Finding
from seatrial.knowledge import versions
from seatrial.live.admission import Admission
from seatrial.live.installation import Installation
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject, LivePlace
from seatrial.live.probes import Probes
from seatrial.live.resources import CLAIMS, PODS, Resource
from seatrial.live.view import View
from seatrial.live.workbench import Workbench
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document
from seatrial.workload.leader_worker_set import leader_worker_sets

Built = TypeVar("Built")


class Deployed:
    """A set with the cluster that it runs on, or was meant to.

    `read_back` says that the manifests themselves were read from the cluster, because the user named none: then there
    is nothing to compare with. `admissions` tells what became of each object when the run offered it; it is empty
    where the run was not allowed to, and `probes` is None then: what the server said to small sets of the run's own.
    """

    def __init__(
        self,
        manifests: ManifestSet,
        view: View,
        *,
        own: bool,
        read_back: bool = False,
        admissions: Iterable[Admission] = (),
        probes: Probes | None = None,
        workbench: Workbench | None = None,
        wait_s: float = 120.0,
    ) -> None:
        self.manifests = manifests
        self.view = view
        self.own = own
        self.read_back = read_back
        self.admissions = tuple(admissions)
        self.probes = probes
        self._workbench = workbench
        self.wait_s = wait_s
        """How long a deployment may take to settle, in seconds."""
        self._built: dict[object, object] = {}

    @property
    def name(self) -> str:
        return self.manifests.name

    @property
    def title(self) -> str:
        return self.manifests.name

    @property
    def cluster(self) -> Cluster:
        return self.view.cluster

    def waived(self, requirement: str, object: str) -> bool:
        """Whether `seatrial.toml` accepts this deviation of this object."""
        return self.manifests.waived(requirement, object)

    def need(self, capability: Capability) -> None:
        """Raises CannotTell when the cluster lacks a capability."""
        if capability not in self.cluster.capabilities:
            raise CannotTell(*self.cluster.why_not(capability))

    def has(self, capability: Capability) -> bool:
        return capability in self.cluster.capabilities

    @property
    def workbench(self) -> Workbench:
        """For experiments. Raises CannotTell where the set is only looked at."""
        if self._workbench is None:
            raise CannotTell(*MEANING[Capability.DISRUPT])
        return self._workbench

    @cached_property
    def kubernetes(self) -> versions.Version | None:
        """The version that the API server reports; None if it is not understood."""
        return versions.parse(self.view.git_version())

    @cached_property
    def installation(self) -> Installation:
        """The LWS controller of the cluster."""
        return Installation(self.view, self.probes, self.manifests.target.get("lws.image"))

    @cached_property
    def leader_worker_sets(self) -> list[LiveLeaderWorkerSet]:
        """Every LeaderWorkerSet of the set, whether it is on the cluster or not."""
        return [LiveLeaderWorkerSet(self, declared) for declared in self.manifests.once(leader_worker_sets)]

    def live(self, document: Document) -> LiveObject | None:
        """The object on the cluster that a document of the set declares. Raises CannotTell, Unreachable."""
        resource = self.view.resource(document.api_version, document.kind)
        if resource is None:
            return None
        return self.view.one(
            resource, document.name, self.manifests.namespace(document) if resource.namespaced else None
        )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces in which the set has objects."""
        return self.view.namespaces

    def pods(self) -> list[LiveObject]:
        """All pods of the set's namespaces."""
        return self._everywhere(PODS)

    def claims(self) -> list[LiveObject]:
        return self._everywhere(CLAIMS)

    def _everywhere(self, resource: Resource) -> list[LiveObject]:
        return [one for namespace in self.namespaces for one in self.view.all(resource, namespace)]

    def once(self, build: Callable[["Deployed"], Built]) -> Built:
        """The result of `build`, computed the first time somebody asks since the last look at the cluster."""
        if build not in self._built:
            self._built[build] = build(self)
        return self._built[build]  # type: ignore[return-value]  # keyed by the function that made it

    def look_again(self) -> None:
        """Forget what follows from the last look at the cluster."""
        self._built.clear()
        for name in ("installation", "leader_worker_sets"):
            self.__dict__.pop(name, None)


def missing(place: LivePlace, capability: Capability) -> Finding:
    """A capability that the user demanded with `--require` and that the cluster lacks."""
    return Finding(place, MEANING[capability][0], f"a cluster with the capability {capability}")
