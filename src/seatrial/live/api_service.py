"""An API Service on the cluster: the endpoints that its clients reach, beside the leaders that they have to be."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seatrial.finding import Blocked, NotApplicable
from seatrial.live.deployed import Deployed
from seatrial.live.group import is_ready
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet, Standing
from seatrial.live.objects import LiveObject
from seatrial.live.resources import ENDPOINT_SLICES, PODS
from seatrial.network.routing import ApiService, api_services

SERVICE_NAME = "kubernetes.io/service-name"
"""The label of an EndpointSlice that names its Service."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint in one slice. An absent condition means ready (EndpointConditions in the API reference)."""

    slice: LiveObject
    position: int
    raw: dict[str, Any]

    @property
    def uid(self) -> str:
        return str((self.raw.get("targetRef") or {}).get("uid", ""))

    @property
    def title(self) -> str:
        target = self.raw.get("targetRef") or {}
        address = ", ".join(map(str, self.raw.get("addresses") or ()))
        return f"{target.get('kind')}/{target.get('name')}" if target else f"address {address}"

    @property
    def ready(self) -> bool:
        return (self.raw.get("conditions") or {}).get("ready") is not False

    @property
    def place(self) -> tuple[str | int, ...]:
        return ("endpoints", self.position)


class LiveApiService:
    """A Service that leads, or is meant to lead, to the leaders of LeaderWorkerSets of the set."""

    def __init__(self, deployed: Deployed, declared: ApiService) -> None:
        self.deployed = deployed
        self.declared = declared

    @property
    def title(self) -> str:
        return self.declared.title

    @cached_property
    def leader_worker_sets(self) -> list[LiveLeaderWorkerSet]:
        meant = {id(one.document) for one in self.declared.leader_worker_sets}
        return [lws for lws in self.deployed.leader_worker_sets if id(lws.declared.document) in meant]

    @cached_property
    def object(self) -> LiveObject:
        """The Service on the cluster. Raises Blocked where there is none."""
        found = self.deployed.live(self.declared.document)
        if found is None:
            by = "ADM-03" if self._refused else "ADM-06"
            raise Blocked(by, f"{self.title} is not on the cluster")
        return found

    @property
    def _refused(self) -> bool:
        return any(
            one.document is self.declared.document and one.answer is None and not one.left_out
            for one in self.deployed.admissions
        )

    # Where it leads to.

    @cached_property
    def slices(self) -> list[LiveObject]:
        return self.deployed.once(_slices).get((self.object.namespace, self.object.name), [])

    @cached_property
    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(slice, position, raw)
            for slice in self.slices
            for position, raw in enumerate(slice.each("endpoints"))
        ]

    @property
    def ready_endpoints(self) -> list[Endpoint]:
        return [one for one in self.endpoints if one.ready]

    # Where it has to lead to.

    @cached_property
    def leaders(self) -> dict[str, LiveObject]:
        """The leaders of all groups by uid. Raises Blocked where a set is not on the cluster."""
        for lws in self.leader_worker_sets:
            lws.require(Standing.CREATED)
        return {pod.uid: pod for lws in self.leader_worker_sets for pod in lws.leaders}

    @property
    def due(self) -> dict[str, LiveObject]:
        """The ready leaders of the groups that have to be there."""
        groups = (group for lws in self.leader_worker_sets for group in lws.groups if group.wanted)
        return {
            group.leader.uid: group.leader for group in groups if group.leader is not None and is_ready(group.leader)
        }

    @cached_property
    def workers(self) -> dict[str, LiveObject]:
        return {pod.uid: pod for lws in self.leader_worker_sets for group in lws.groups for pod in group.workers}

    @cached_property
    def leaving(self) -> set[str]:
        """Uids of pods of its sets that are going away: slices take a moment to forget them."""
        return {pod.uid for lws in self.leader_worker_sets for pod in lws.all_pods if pod.deleting}

    def pod(self, uid: str) -> LiveObject | None:
        return self._pods.get(uid)

    @cached_property
    def _pods(self) -> dict[str, LiveObject]:
        return {pod.uid: pod for pod in self.deployed.view.all(PODS, self.object.namespace)}


def _slices(deployed: Deployed) -> dict[tuple[str, str], list[LiveObject]]:
    found: dict[tuple[str, str], list[LiveObject]] = {}
    for namespace in deployed.namespaces:
        for slice in deployed.view.all(ENDPOINT_SLICES, namespace):
            found.setdefault((namespace, slice.labels.get(SERVICE_NAME, "")), []).append(slice)
    return found


def live_api_services(deployed: Deployed) -> list[LiveApiService]:
    """The API Services of the set that are meant for LeaderWorkerSets. Raises NotApplicable for one that has none."""
    found = [LiveApiService(deployed, declared) for declared in deployed.manifests.once(api_services)]
    if not found:
        raise NotApplicable("the set has no API Service (SVC-14 judges that)")
    meant = [one for one in found if one.leader_worker_sets]
    if not meant:
        raise NotApplicable("no API Service of the set leads to a LeaderWorkerSet")
    return meant
