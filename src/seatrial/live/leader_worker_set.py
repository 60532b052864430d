"""A LeaderWorkerSet on a cluster: its groups as they are, and as the controller has to make them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seatrial.finding import Blocked
from seatrial.live.objects import LiveObject, LivePlace
from seatrial.live.resources import LEADER_WORKER_SETS, NODES, PODS, SERVICES, STATEFUL_SETS
from seatrial.lws import keys
from seatrial.lws.expand import Expansion, expand
from seatrial.lws.pods import Pod
from seatrial.lws.releases import NEWEST, Release
from seatrial.manifests.document import Node
from seatrial.workload.leader_worker_set import LeaderWorkerSet

if TYPE_CHECKING:
    from seatrial.live.deployed import Deployed


class Standing(IntEnum):
    """How far a LeaderWorkerSet has come. Each step needs the one before."""

    CREATED = 1
    FORMED = 2
    PLACED = 3
    READY = 4


@dataclass(frozen=True, eq=False)
class LiveGroup:
    """One group: the pods of one group index that are not going away, beside those that there have to be."""

    lws: "LiveLeaderWorkerSet"
    index: int
    pods: tuple[LiveObject, ...]

    @property
    def title(self) -> str:
        return f"{self.lws.title} group {self.index}"

    @cached_property
    def leader(self) -> LiveObject | None:
        return next((pod for pod in self.pods if is_leader(pod)), None)

    @property
    def workers(self) -> list[LiveObject]:
        return [pod for pod in self.pods if not is_leader(pod)]

    @cached_property
    def expected(self) -> dict[str, Pod]:
        """The pods that the controller has to make for this group, by name."""
        return {pod.name: pod for pod in self.lws.expected_pods(self.index)}

    def paired(self) -> Iterator[tuple[LiveObject, Pod]]:
        """Each pod that is there with the one it has to be; pods that should not be there are left out."""
        for pod in self.pods:
            if pod.name in self.expected:
                yield pod, self.expected[pod.name]

    @property
    def complete(self) -> bool:
        return {pod.name for pod in self.pods} == set(self.expected)

    @property
    def ready(self) -> bool:
        return self.complete and all(is_ready(pod) for pod in self.pods)


class LiveLeaderWorkerSet:
    """One LeaderWorkerSet of the set, whether it is on the cluster or not."""

    def __init__(self, deployed: "Deployed", declared: LeaderWorkerSet) -> None:
        self.deployed = deployed
        self.declared = declared
        self.name = declared.name
        self.namespace = declared.namespace

    @property
    def title(self) -> str:
        return self.declared.title

    @property
    def release(self) -> Release:
        """The release that serves it; the newest where the cluster does not tell (CTL-07 judges that)."""
        return self.deployed.installation.release or NEWEST

    @property
    def object(self) -> LiveObject | None:
        """The object on the cluster as it is now."""
        return self.deployed.view.one(LEADER_WORKER_SETS, self.name, self.namespace)

    @property
    def raw(self) -> Mapping[str, Any]:
        """The object on the cluster, else the one that was declared."""
        live = self.object
        return live.raw if live is not None else self.declared.document.root.mapping

    @property
    def replicas(self) -> int:
        return int(_spec(self.raw).get("replicas", 1))

    @property
    def size(self) -> int:
        return int((_spec(self.raw).get("leaderWorkerTemplate") or {}).get("size", 1))

    @property
    def restart_policy(self) -> str:
        template = _spec(self.raw).get("leaderWorkerTemplate") or {}
        return str(template.get("restartPolicy", "RecreateGroupOnPodRestart"))

    def place(self, *path: str | int) -> "LivePlace | Node":
        """Where a finding about it points: into the manifests where they declare it, else to the cluster."""
        if not self.deployed.read_back:
            return self.declared.document.at(*path)
        live = self.object
        return live.place(*path) if live else LivePlace(self.namespace, self.title, path)

    # What is there.

    @property
    def all_pods(self) -> list[LiveObject]:
        """Its pods, also those that are going away."""
        return [pod for pod in self.deployed.view.all(PODS, self.namespace) if pod.labels.get(keys.NAME) == self.name]

    @property
    def pods(self) -> list[LiveObject]:
        return [pod for pod in self.all_pods if not pod.deleting]

    @property
    def groups(self) -> list[LiveGroup]:
        """Every group that has to be there or is there (surge groups), by index."""
        found: dict[int, list[LiveObject]] = {index: [] for index in range(self.replicas)}
        for pod in self.pods:
            index = pod.labels.get(keys.GROUP_INDEX, "")
            if index.isdigit():
                found.setdefault(int(index), []).append(pod)
        return [LiveGroup(self, index, tuple(sorted(pods, key=_rank))) for index, pods in sorted(found.items())]

    @property
    def leaders(self) -> list[LiveObject]:
        return [pod for pod in self.pods if is_leader(pod)]

    @property
    def stateful_sets(self) -> list[LiveObject]:
        return [
            one
            for one in self.deployed.view.all(STATEFUL_SETS, self.namespace)
            if one.labels.get(keys.NAME) == self.name and not one.deleting
        ]

    @property
    def leader_stateful_set(self) -> LiveObject | None:
        return next((one for one in self.stateful_sets if one.name == self.name), None)

    @property
    def services(self) -> list[LiveObject]:
        """The headless Services that the controller has to make, as far as a Service of that name is there."""
        wanted = {service["metadata"]["name"] for service in self.expansion.services}
        return [one for one in self.deployed.view.all(SERVICES, self.namespace) if one.name in wanted]

    @property
    def revision(self) -> str:
        """The hash of its current template: the leader StatefulSet's label."""
        leader = self.leader_stateful_set
        return leader.labels.get(keys.REVISION, "") if leader is not None else ""

    # What has to be there.

    @property
    def expansion(self) -> Expansion:
        """What the controller has to make of the object as it is on the cluster now."""
        version = self.deployed.kubernetes
        return expand(
            dict(self.raw),
            self.release,
            namespace=self.namespace,
            kubernetes=version.minor if version else None,
            topology=self._topology,
            revision=self.revision,
        )

    def expected_pods(self, index: int) -> list[Pod]:
        """The pods of one group, surge groups too."""
        version = self.deployed.kubernetes
        one = expand(
            dict(self.raw),
            self.release,
            namespace=self.namespace,
            groups=[index],
            kubernetes=version.minor if version else None,
            topology=self._topology,
            revision=self.revision,
        )
        return list(one.pods)

    def _topology(self, index: int) -> str | None:
        """The exclusive-topology label of the node on which a leader landed."""
        key = (self.raw.get("metadata") or {}).get("annotations", {}).get(keys.EXCLUSIVE_TOPOLOGY)
        leader = next((pod for pod in self.leaders if pod.labels.get(keys.GROUP_INDEX) == str(index)), None)
        node = self.deployed.view.one(NODES, str(leader.at("spec", "nodeName"))) if leader else None
        return node.labels.get(key) if node is not None and key else None

    # How far it has come.

    @property
    def available(self) -> bool:
        """Whether it says so itself, about its present generation, and all its pods agree."""
        live = self.object
        return (
            live is not None
            and live.holds("Available")
            and not live.holds("UpdateInProgress")
            and _observed(live)
            and len(self.groups) == self.replicas
            and all(group.ready for group in self.groups)
        )

    def require(self, standing: Standing) -> None:
        """Raises Blocked by the requirement that reports why it has not come that far."""
        for step, lacking in _STEPS:
            if step > standing:
                return
            blocked = lacking(self)
            if blocked is not None:
                raise blocked


def _created(lws: LiveLeaderWorkerSet) -> Blocked | None:
    if not lws.deployed.view.served(LEADER_WORKER_SETS):
        return Blocked("CTL-02", "the cluster does not serve LeaderWorkerSets")
    if lws.object is None:
        by = "ADM-03" if lws.deployed.admissions else "ADM-06"
        return Blocked(by, f"{lws.title} is not on the cluster")
    return None


def _formed(lws: LiveLeaderWorkerSet) -> Blocked | None:
    lacking = [group.title for group in lws.groups if not group.complete]
    return Blocked("GRP-02", f"pods are missing in {', '.join(lacking[:3])}") if lacking else None


def _placed(lws: LiveLeaderWorkerSet) -> Blocked | None:
    waiting = [pod.name for pod in lws.pods if not pod.at("spec", "nodeName")]
    return Blocked("GRP-13", f"not scheduled: {', '.join(waiting[:3])}") if waiting else None


def _ready(lws: LiveLeaderWorkerSet) -> Blocked | None:
    return None if lws.available else Blocked("GRP-01", f"{lws.title} is not available")


_STEPS = (
    (Standing.CREATED, _created),
    (Standing.FORMED, _formed),
    (Standing.PLACED, _placed),
    (Standing.READY, _ready),
)


def is_leader(pod: LiveObject) -> bool:
    return pod.labels.get(keys.WORKER_INDEX) == "0"


def is_ready(pod: LiveObject) -> bool:
    return pod.holds("Ready") and not pod.deleting


def _rank(pod: LiveObject) -> tuple[int, str]:
    index = pod.labels.get(keys.WORKER_INDEX, "")
    return (int(index) if index.isdigit() else 1 << 30, pod.name)


def _spec(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = raw.get("spec")
    return spec if isinstance(spec, dict) else {}


def _observed(live: LiveObject) -> bool:
    """Whether the status speaks of the present generation; releases before 0.9.0 do not say (lws.md, status)."""
    observed = live.at("status", "observedGeneration")
    return observed is None or observed == live.metadata.get("generation")
