"""Who is there: the pods of a LeaderWorkerSet at one moment, by group, to be compared with another moment."""

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.live.journal import PodLife, restarts
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.lws import keys


@dataclass(frozen=True, slots=True)
class RollCall:
    """Uids of the pods that are not going away, by group and name, and the restarts of each."""

    groups: Mapping[int, Mapping[str, str]]
    restarts: Mapping[str, int]

    @property
    def uids(self) -> set[str]:
        return {uid for group in self.groups.values() for uid in group.values()}

    def of(self, group: int) -> Mapping[str, str]:
        return self.groups.get(group, {})

    def outside(self, group: int) -> set[str]:
        """The uids of all other groups."""
        return self.uids - set(self.of(group).values())

    def changes(self, now: "RollCall", *, besides: int | None = None) -> list[str]:
        """What became of the pods since, but for those of one group: in words, one for each pod that is not the same.

        Pods of groups that were not there before do not count.
        """
        said: list[str] = []
        for index, pods in self.groups.items():
            if index == besides:
                continue
            there = now.of(index)
            for name, uid in pods.items():
                if name not in there:
                    said.append(f"{name} is gone")
                elif there[name] != uid:
                    said.append(f"{name} was replaced")
                elif now.restarts.get(uid, 0) > self.restarts.get(uid, 0):
                    said.append(f"{name} was restarted")
        return said


def call(lws: LiveLeaderWorkerSet) -> RollCall:
    """The pods of a LeaderWorkerSet as they are now."""
    groups = {group.index: {pod.name: pod.uid for pod in group.pods} for group in lws.groups}
    return RollCall(groups, {pod.uid: restarts(pod) for pod in lws.pods})


def lives(lws: LiveLeaderWorkerSet) -> list[PodLife]:
    """The lives of all pods of a LeaderWorkerSet that the run has seen, oldest first."""
    everybody = list(lws.deployed.view.journal.lives.values())
    return [life for life in everybody if life.namespace == lws.namespace and life.labels.get(keys.NAME) == lws.name]
