"""A LeaderWorkerSet of the set: its numbers, its release, and the pods that the controller will make."""

from collections.abc import Callable
from functools import cached_property

from seatrial.finding import CannotTell
from seatrial.knowledge import versions
from seatrial.lws.expand import Expansion, expand
from seatrial.lws.naming import sample_groups, sample_workers
from seatrial.lws.pods import Pod
from seatrial.lws.releases import NEWEST, RELEASES, Release, UnknownRelease, release
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.set_object import SetObject
from seatrial.workload.lws_installation import installation


class LeaderWorkerSet(SetObject):
    """One LeaderWorkerSet with everything that follows from it. Defaults of the API are applied."""

    @property
    def spec(self) -> Node:
        return self.document["spec"]

    @property
    def template(self) -> Node:
        return self.spec["leaderWorkerTemplate"]

    @property
    def size(self) -> int:
        """Pods of a group; 1 where the manifest says nothing usable."""
        return max(1, _whole(self.template["size"], 1))

    @property
    def replicas(self) -> int:
        return max(0, _whole(self.spec["replicas"], 1))

    @cached_property
    def release(self) -> Release | None:
        """The LWS release that serves the set: stated, or the tag of the controller's image.

        None if neither tells, or if it is of a minor that is not known.
        """
        found = installation(self.manifests).version
        if found is None:
            return None
        version = found[0]
        try:
            return release(".".join(map(str, version.numbers[:3])))
        except UnknownRelease as unknown:
            closest = unknown.closest
            return closest if version.minor == (closest.major, closest.minor) else None

    def across_releases(self, broken: Callable[[Release], bool], question: str) -> bool:
        """Whether something is broken on the target's release, or on all of them alike when it is unknown.

        Raises CannotTell when the known releases differ and the target does not say which one it is.
        """
        if self.release is not None:
            return broken(self.release)
        answers = {broken(known) for known in RELEASES}
        if len(answers) > 1:
            raise CannotTell(f"{question} depends on the LWS release", 'seatrial.toml: [lws] version = "0.9.0"')
        return answers.pop()

    @property
    def leader_template(self) -> PodTemplate:
        """The leader's template: its own, else the worker's."""
        own = self.template["leaderTemplate"]
        return PodTemplate(own if own.raw is not None else self.template["workerTemplate"], "leader")

    @property
    def worker_template(self) -> PodTemplate:
        return PodTemplate(self.template["workerTemplate"], "worker")

    @property
    def templates(self) -> list[PodTemplate]:
        """Leader and worker template, once each; a group of one has no worker."""
        shared = self.leader_template.node.path == self.worker_template.node.path
        return [self.leader_template] if shared or self.size == 1 else [self.leader_template, self.worker_template]

    @cached_property
    def expansion(self) -> Expansion:
        """The expanded objects with a sample of pods: at least two groups, whatever `replicas` is."""
        raw = self.document.value if isinstance(self.document.value, dict) else {}
        return expand(
            raw,
            self.release or NEWEST,
            namespace=self.namespace,
            groups=sample_groups(self.replicas),
            workers=sample_workers(self.size),
            kubernetes=self._kubernetes,
        )

    @property
    def _kubernetes(self) -> tuple[int, int] | None:
        version = versions.parse(str(self.manifests.target.get("kubernetes.version") or ""))
        return version.minor if version else None

    @cached_property
    def pods(self) -> list[Pod]:
        """Sample pods: leaders and workers of the first two groups and of the last."""
        return list(self.expansion.pods)


def _whole(node: Node, default: int) -> int:
    return node.integer if node.integer is not None else default


def leader_worker_sets(manifests: ManifestSet) -> list[LeaderWorkerSet]:
    return [LeaderWorkerSet(manifests, document) for document in manifests.leader_worker_sets]
