"""One group of a LeaderWorkerSet on a cluster: the pods that are there beside those that have to be."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seatrial.finding import Blocked, CannotTell
from seatrial.live.objects import LiveObject
from seatrial.lws import keys
from seatrial.lws.expand import Group
from seatrial.lws.pods import Pod
from seatrial.lws.releases import RELEASES

if TYPE_CHECKING:
    from seatrial.live.leader_worker_set import LiveLeaderWorkerSet


class Standing(IntEnum):
    """How far a group, or all of them, has come. Each step needs the one before."""

    CREATED = 1
    FORMED = 2
    PLACED = 3
    READY = 4


@dataclass(frozen=True, eq=False)
class LiveGroup:
    """The pods of one group that are not going away, and in `leaving` those that are. Pods belong to it by name."""

    lws: "LiveLeaderWorkerSet"
    index: int
    pods: tuple[LiveObject, ...]
    leaving: tuple[LiveObject, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.lws.title} group {self.index}"

    @property
    def leader_name(self) -> str:
        return f"{self.lws.name}-{self.index}"

    @cached_property
    def leader(self) -> LiveObject | None:
        return next((pod for pod in self.pods if pod.name == self.leader_name), None)

    @property
    def workers(self) -> list[LiveObject]:
        return [pod for pod in self.pods if pod.name != self.leader_name]

    @property
    def stateful_set(self) -> LiveObject | None:
        """The StatefulSet of its workers."""
        return self.lws.stateful_sets_by_name.get(self.leader_name)

    # What has to be there.

    @property
    def revision(self) -> str:
        """The template that it was made of: its leader's, else the current one."""
        told = self.leader.labels.get(keys.REVISION) if self.leader is not None else None
        return told or self.lws.revision

    @cached_property
    def expansion(self) -> Group:
        """What the controller has to make for this group, of the template of its revision where that can be read."""
        return self.lws.expected_group(self.index, self.revision)

    @cached_property
    def by_other_releases(self) -> list[Group]:
        """The same as older releases would have made it; as any release, where nobody knows the present one."""
        stated = self.lws.stated_release
        others = [one for one in RELEASES if one != self.lws.release and (stated is None or one < stated)]
        return [self.lws.expected_group(self.index, self.revision, one) for one in others]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the pods that it has to have, its leader's first; worked out without making the pods."""
        size = self.lws.size_of(self.revision) or self._stated_size
        return (self.leader_name, *(f"{self.leader_name}-{worker}" for worker in range(1, size)))

    @property
    def _stated_size(self) -> int:
        """The size that the leader is annotated with, for a group of a template that nobody knows any more."""
        stated = self.leader.annotations.get(keys.SIZE, "") if self.leader is not None else ""
        return int(stated) if stated.isascii() and stated.isdigit() else self.lws.size

    @cached_property
    def expected(self) -> dict[str, Pod]:
        """The pods that the controller has to make for this group, by name."""
        return {pod.name: pod for pod in (self.expansion.leader, *self.expansion.workers)}

    @property
    def service(self) -> dict[str, Any] | None:
        """The headless Service of its own that it has to have, if any."""
        return self.expansion.service

    def paired(self) -> Iterator[tuple[LiveObject, Pod]]:
        """Each pod that is there with the one it has to be; pods that should not be there are left out.

        Raises CannotTell where nobody knows any more of which template the group was made.
        """
        if not self.lws.knows(self.revision):
            raise CannotTell(
                f"{self.title} is of revision {self.revision}, which cannot be read",
                "the right to list controllerrevisions",
            )
        for pod in self.pods:
            if pod.name in self.expected:
                yield pod, self.expected[pod.name]

    # What of it is there.

    @cached_property
    def lacking(self) -> list[str]:
        """Names of pods that have to be there by now, and are not.

        A pod whose predecessor of that name has not gone yet cannot be there, nor can workers without their leader;
        with startupPolicy LeaderReady workers wait for a ready leader, and for exclusive placement for one on a node.
        """
        if not self.wanted:
            return []
        if self.leader is None:
            return [] if any(pod.name == self.leader_name for pod in self.leaving) else [*self.names]
        if self.lws.waits_for_leader(self.leader):
            return []
        there = {pod.name for pod in (*self.pods, *self.leaving)}
        return [name for name in self.names if name not in there]

    @property
    def wanted(self) -> bool:
        """Whether it has to be there: it is one of the replicas, or a rollout needs it for a while."""
        return self.index < self.lws.replicas or self.lws.surging

    @cached_property
    def surplus(self) -> list[str]:
        """Names of pods that should not be there."""
        return [pod.name for pod in self.pods if not self.wanted or pod.name not in self.names]

    @property
    def formed(self) -> bool:
        """Whether nothing is missing that has to be there by now, and nothing too much."""
        return not self.lacking and not self.surplus

    @property
    def complete(self) -> bool:
        """Whether it has exactly its pods."""
        return {pod.name for pod in self.pods} == set(self.names)

    @property
    def ready(self) -> bool:
        return all(is_ready(pod) for pod in self.pods) and self.complete

    @property
    def unplaced(self) -> list[LiveObject]:
        """Its pods that have no node."""
        return [pod for pod in self.pods if not pod.at("spec", "nodeName")]

    def require(self, standing: Standing) -> None:
        """Raises Blocked by the requirement that reports why the group has not come that far."""
        if standing >= Standing.FORMED and not self.formed:
            raise Blocked("GRP-02", f"pods are missing in, or too many for, {self.title}")
        if standing >= Standing.PLACED and self.unplaced:
            raise Blocked("GRP-13", f"not scheduled: {', '.join(pod.name for pod in self.unplaced[:3])}")
        if standing >= Standing.READY and not self.ready:
            raise Blocked("GRP-01", f"{self.title} is not ready")


def is_leader(pod: LiveObject) -> bool:
    """Whether its label says so."""
    return pod.labels.get(keys.WORKER_INDEX) == "0"


def is_ready(pod: LiveObject) -> bool:
    return pod.holds("Ready") and not pod.deleting
