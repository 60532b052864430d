"""A LeaderWorkerSet on a cluster: its groups as they are, and as the controller has to make them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seatrial.finding import Blocked, CannotTell
from seatrial.live.group import LiveGroup, Standing, is_leader, is_ready
from seatrial.live.kept import Shelf, kept
from seatrial.live.objects import LiveObject, LivePlace
from seatrial.live.resources import LEADER_WORKER_SETS, NODES, PODS, REVISIONS, SERVICES, STATEFUL_SETS
from seatrial.lws import keys
from seatrial.lws.expand import Expansion, Group, expand
from seatrial.lws.reading import at, mapping
from seatrial.lws.releases import NEWEST, Release
from seatrial.manifests.document import Node
from seatrial.workload.leader_worker_set import LeaderWorkerSet

if TYPE_CHECKING:
    from seatrial.live.deployed import Deployed

__all__ = ["LiveGroup", "LiveLeaderWorkerSet", "Standing", "is_leader", "is_ready"]


class LiveLeaderWorkerSet:
    """One LeaderWorkerSet of the set, whether it is on the cluster or not, as it is at the moment of each question."""

    def __init__(self, deployed: "Deployed", declared: LeaderWorkerSet) -> None:
        self.shelf = Shelf(deployed.view)
        self.deployed = deployed
        self.declared = declared
        self.name = declared.name
        self.namespace = declared.namespace

    @property
    def title(self) -> str:
        return self.declared.title

    @kept
    def stated_release(self) -> Release | None:
        """The release that serves it, None where the cluster does not tell, or may not be asked."""
        try:
            return self.deployed.installation.release
        except CannotTell:
            return None

    @property
    def release(self) -> Release:
        """The release that serves it; the newest where the cluster does not tell (CTL-07 judges that)."""
        return self.stated_release or NEWEST

    @kept
    def object(self) -> LiveObject | None:
        """The object on the cluster."""
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
        return _size(self.raw)

    @property
    def restart_policy(self) -> str:
        template = _spec(self.raw).get("leaderWorkerTemplate") or {}
        return str(template.get("restartPolicy", "RecreateGroupOnPodRestart"))

    @property
    def startup_policy(self) -> str:
        return str(_spec(self.raw).get("startupPolicy") or "LeaderCreated")

    @property
    def exclusive_topology(self) -> str:
        """The node label in whose domain each group has to stay alone; empty without one."""
        return str(at(self.raw, "metadata", "annotations", keys.EXCLUSIVE_TOPOLOGY) or "")

    @property
    def partition(self) -> int:
        """Groups below this index are left at their template on purpose."""
        stated = at(self.raw, "spec", "rolloutStrategy", "rollingUpdateConfiguration", "partition")
        return stated if isinstance(stated, int) else 0

    @property
    def updating(self) -> bool:
        """Whether a rollout is under way."""
        return self.object is not None and self.object.holds("UpdateInProgress")

    @property
    def surging(self) -> bool:
        """Whether the controller wants more groups than there are at rest."""
        leaders = self.leader_stateful_set
        wanted = leaders.at("spec", "replicas") if leaders is not None else None
        return self.updating or (isinstance(wanted, int) and wanted > self.replicas)

    def place(self, *path: str | int) -> "LivePlace | Node":
        """Where a finding about it points: into the manifests where they declare it, else to the cluster."""
        if not self.deployed.read_back:
            return self.declared.document.at(*path)
        live = self.object
        return live.place(*path) if live else LivePlace(self.namespace, self.title, path)

    # What is there.

    @kept
    def all_pods(self) -> list[LiveObject]:
        """Its pods, also those that are going away."""
        return [pod for pod in self.deployed.view.all(PODS, self.namespace) if pod.labels.get(keys.NAME) == self.name]

    @kept
    def pods(self) -> list[LiveObject]:
        return [pod for pod in self.all_pods if not pod.deleting]

    @kept
    def groups(self) -> list[LiveGroup]:
        """Every group that has to be there or is there (surge groups), by index."""
        there, leaving = self._by_group
        indices = sorted({*range(self.replicas), *there})
        return [
            LiveGroup(self, index, tuple(sorted(there.get(index, ()), key=_rank)), tuple(leaving.get(index, ())))
            for index in indices
        ]

    @kept
    def _by_group(self) -> tuple[dict[int, list[LiveObject]], dict[int, list[LiveObject]]]:
        """The pods that are there, and those that are going away."""
        there: dict[int, list[LiveObject]] = {}
        leaving: dict[int, list[LiveObject]] = {}
        for pod in self.all_pods:
            index = self._group_of(pod.name)
            if index is not None:
                (leaving if pod.deleting else there).setdefault(index, []).append(pod)
        return there, leaving

    def _group_of(self, pod: str) -> int | None:
        """The group that the name of a pod says: labels may be wrong, and are judged."""
        name, _, rest = pod.partition(f"{self.name}-")
        digits = rest.partition("-")[0]
        return int(digits) if not name and digits.isascii() and digits.isdigit() else None

    @property
    def strays(self) -> list[LiveObject]:
        """Pods that carry its label and a name that no pod of it has."""
        return [pod for pod in self.pods if self._group_of(pod.name) is None]

    @kept
    def leaders(self) -> list[LiveObject]:
        return [group.leader for group in self.groups if group.leader is not None]

    @kept
    def stateful_sets(self) -> list[LiveObject]:
        return [
            one
            for one in self.deployed.view.all(STATEFUL_SETS, self.namespace)
            if one.labels.get(keys.NAME) == self.name and not one.deleting
        ]

    @kept
    def stateful_sets_by_name(self) -> dict[str, LiveObject]:
        return {one.name: one for one in self.stateful_sets}

    @property
    def leader_stateful_set(self) -> LiveObject | None:
        return self.stateful_sets_by_name.get(self.name)

    @kept
    def services(self) -> list[LiveObject]:
        """The headless Services that the controller has to make, as far as a Service of that name is there."""
        wanted = {service["metadata"]["name"] for service in self.expansion.services}
        return [one for one in self.deployed.view.all(SERVICES, self.namespace) if one.name in wanted]

    @kept
    def expected_services(self) -> dict[str, dict[str, Any]]:
        """The headless Services that have to be there by now, by name: a group's own comes with its leader."""
        own = {
            group.leader_name: group.service
            for group in self.groups
            if group.service is not None and group.leader is not None
        }
        shared = {one["metadata"]["name"]: one for one in self.expansion.services[:1]}
        return own | shared if self.name in shared else own

    @property
    def revision(self) -> str:
        """The hash of its current template: the leader StatefulSet's label."""
        leader = self.leader_stateful_set
        return leader.labels.get(keys.REVISION, "") if leader is not None else ""

    # What has to be there.

    @property
    def expansion(self) -> Expansion:
        """What the controller has to make of the object as it is on the cluster now."""
        return self._expansion(self.revision)

    def expected_group(self, index: int, revision: str, release: Release | None = None) -> Group:
        """What the controller has to make for one group, of the template of a revision where that can be read.

        `release` is that of the controller if it is not the present one.
        """
        if index < self.replicas:
            return self._expansion(revision, release).groups[index]
        return self._expand(revision, release, [index]).groups[0]

    def size_of(self, revision: str) -> int | None:
        """Pods of a group of a revision, None where nobody knows."""
        raw = self.of_revision(revision)
        return None if raw is None else _size(raw)

    def knows(self, revision: str) -> bool:
        """Whether it is known what the template of a revision says."""
        return self.of_revision(revision) is not None

    def of_revision(self, revision: str) -> Mapping[str, Any] | None:
        """The object as it was when the template of a revision was its current one, None where nobody knows.

        A ControllerRevision holds leaderWorkerTemplate and networkConfig.
        """
        return self.raw if revision in ("", self.revision) else self._revisions.get(revision)

    @kept
    def _revisions(self) -> dict[str, Mapping[str, Any]]:
        try:
            found = self.deployed.view.all(REVISIONS, self.namespace)
        except CannotTell:
            return {}
        return {
            one.labels[keys.REVISION]: {**self.raw, "spec": {**_spec(self.raw), **mapping(one.at("data", "spec"))}}
            for one in found
            if (one.owner or {}).get("kind") == LEADER_WORKER_SETS.kind
            and one.labels.get(keys.NAME) == self.name
            and keys.REVISION in one.labels
        }

    def _expansion(self, revision: str, release: Release | None = None) -> Expansion:
        return self.shelf.get(("expansion", revision, release), lambda: self._expand(revision, release))

    def _expand(self, revision: str, release: Release | None, groups: list[int] | None = None) -> Expansion:
        version = self.deployed.kubernetes
        return expand(
            dict(self.of_revision(revision) or self.raw),
            release or self.release,
            namespace=self.namespace,
            groups=groups,
            kubernetes=version.minor if version else None,
            topology=self._topology,
            revision=revision,
        )

    def _topology(self, index: int) -> str | None:
        """The exclusive-topology label of the node on which a leader landed."""
        leader = next((pod for pod in self._by_group[0].get(index, ()) if pod.name == f"{self.name}-{index}"), None)
        node = self._nodes.get(str(leader.at("spec", "nodeName"))) if leader is not None else None
        return node.labels.get(self.exclusive_topology) if node is not None else None

    @kept
    def _nodes(self) -> dict[str, LiveObject]:
        return {node.name: node for node in self.deployed.view.all(NODES)}

    # How far it has come.

    def waits_for_leader(self, leader: LiveObject) -> bool:
        """Whether the controller makes the workers of this leader only when the leader has come further."""
        if self.startup_policy == "LeaderReady" and not is_ready(leader):
            return True
        return bool(self.exclusive_topology) and not leader.at("spec", "nodeName")

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
    lacking = [group.title for group in lws.groups if not group.formed]
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


def _rank(pod: LiveObject) -> tuple[int, str]:
    index = pod.labels.get(keys.WORKER_INDEX, "")
    return (int(index) if index.isdigit() else 1 << 30, pod.name)


def _spec(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = raw.get("spec")
    return spec if isinstance(spec, dict) else {}


def _size(raw: Mapping[str, Any]) -> int:
    return int((_spec(raw).get("leaderWorkerTemplate") or {}).get("size", 1))


def _observed(live: LiveObject) -> bool:
    """Whether the status speaks of the present generation; releases before 0.9.0 do not say (lws.md, status)."""
    observed = live.at("status", "observedGeneration")
    return observed is None or observed == live.metadata.get("generation")
