"""LeaderWorkerSet → the StatefulSets, Services and pods that its controller will make of it.

Source: pkg/controllers/{leaderworkerset,pod}_controller.go of kubernetes-sigs/lws.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple, TypeVar, overload

from seatrial.lws import keys
from seatrial.lws.children import (
    Plan,
    headless_service,
    leader_source,
    leader_stateful_set,
    plan,
    worker_source,
    worker_stateful_set,
)
from seatrial.lws.naming import sample_groups, sample_workers
from seatrial.lws.pods import Pod, PodSource
from seatrial.lws.releases import Release

__all__ = ["SYMBOL", "Expansion", "Group", "Lazy", "Pod", "Topology", "expand", "sample_groups", "sample_workers"]

Topology = Callable[[int], str | None]
"""Group index → value of the exclusive-topology label on its leader's node, None where that is not known."""

SYMBOL: Final = "symbol"
"""Stands for the hashes that only the controllers know; equal symbols mean equal hashes."""

_EAGER: Final = 256
"""Up to how many pods are made at once rather than whenever they are asked for."""

T = TypeVar("T")


class Lazy(Sequence[T]):
    """A sequence of any length whose items are made when they are asked for, anew each time."""

    __slots__ = ("_length", "_make")

    def __init__(self, length: int, make: Callable[[int], T]) -> None:
        self._length = length
        self._make = make

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        picked = range(self._length)[index]
        if isinstance(picked, range):
            return Lazy(len(picked), lambda i: self._make(picked[i]))
        return self._make(picked)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One replica of the set: its leader, and those of its workers that were asked for.

    `stateful_set` (of the workers) is None in a set of size 1, `service` where one Service serves the whole set or the
    controller takes the leaders for workers (see `Expansion.blocked`).
    """

    index: int
    leader: Pod
    workers: Sequence[Pod]
    stateful_set: dict[str, Any] | None
    service: dict[str, Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """What becomes of one LeaderWorkerSet at rest.

    Sequences cover the groups and workers that were asked for and make large numbers of items lazily. All objects share
    mappings with the manifest and with each other: they must not be changed.

    `blocked` says why the workers will never be created although they are listed here; empty when nothing prevents it.
    """

    name: str
    namespace: str
    release: Release
    replicas: int
    size: int
    leader_stateful_set: dict[str, Any]
    groups: Sequence[Group]
    worker_stateful_sets: Sequence[dict[str, Any]]
    services: Sequence[dict[str, Any]]
    pods: Sequence[Pod]
    blocked: tuple[str, ...]


def expand(
    lws: object,
    release: Release,
    *,
    namespace: str = "default",
    groups: Iterable[int] | None = None,
    workers: Iterable[int] | None = None,
    kubernetes: tuple[int, int] | None = None,
    topology: Topology | None = None,
    revision: str = SYMBOL,
) -> Expansion:
    """Expand a raw LeaderWorkerSet; never raises on what it contains.

    Args:
        lws: the object as written, without defaults.
        release: of the controller.
        namespace: where the object goes if it does not say so itself.
        groups: group indices to expand, also beyond `replicas` (surge groups); None for all.
        workers: worker indices to expand in each group, 0 being the leader, which is always made; None for all.
        kubernetes: (major, minor) of the cluster; None for one that is recent enough for LWS.
        topology: where each leader landed; without it, or where it answers None, workers of an exclusively placed group
            lack the node selector that they will get.
        revision: value of the template-revision-hash label.
    """
    read = plan(lws, release, namespace, revision)
    wanted = _indices(groups, range(read.replicas), bounded=False)
    ordinals = _indices(workers, range(1, read.size), bounded=True)
    with_pod_index = kubernetes is None or kubernetes >= keys.POD_INDEX_KUBERNETES
    leaders = leader_source(read, with_pod_index)
    maker = _Maker(read, leaders, ordinals, topology)
    pods = len(wanted) * (1 + len(ordinals))
    made = _sequence(len(wanted), pods, lambda i: maker.group(wanted[i]))
    return Expansion(
        name=read.name,
        namespace=read.namespace,
        release=release,
        replicas=read.replicas,
        size=read.size,
        leader_stateful_set=leader_stateful_set(read, leaders),
        groups=made,
        worker_stateful_sets=_of_each(made, lambda group: group.stateful_set) if read.size > 1 else (),
        services=_services(read, made),
        pods=_pods(made, 1 + len(ordinals)),
        blocked=tuple(_blocked(read, kubernetes)),
    )


class _Maker(NamedTuple):
    """Makes groups; holds what is the same for all of them."""

    plan: Plan
    leaders: PodSource
    ordinals: Sequence[int]
    topology: Topology | None

    def group(self, index: int) -> Group:
        leader = self.leaders.pod(index, index)
        own_service = self.plan.per_group_service and not self.plan.leaders_pass_for_workers
        service = headless_service(self.plan, leader) if own_service else None
        if self.plan.size < 2:
            return Group(index, leader, (), None, service)
        source = worker_source(self.plan, leader, self._topology_label(index), self.leaders.with_pod_index)
        count, ordinals = len(self.ordinals), self.ordinals
        workers = _sequence(count, count, lambda position: source.pod(ordinals[position], index))
        return Group(index, leader, workers, worker_stateful_set(self.plan, leader, source), service)

    def _topology_label(self, index: int) -> dict[str, str]:
        key = self.plan.annotations.get(keys.EXCLUSIVE_TOPOLOGY)
        value = self.topology(index) if key and self.topology else None
        return {} if key is None or value is None else {key: value}


def _indices(asked: Iterable[int] | None, present: range, *, bounded: bool) -> Sequence[int]:
    """The indices to make: those present, or those asked for, in order and once each."""
    if asked is None:
        return present
    return sorted({index for index in asked if index >= 0 and (not bounded or index in present)})


def _sequence(length: int, pods: int, make: Callable[[int], T]) -> Sequence[T]:
    return tuple(make(i) for i in range(length)) if pods <= _EAGER else Lazy(length, make)


def _of_each(groups: Sequence[Group], pick: Callable[[Group], dict[str, Any] | None]) -> Sequence[dict[str, Any]]:
    """One child of each group, all of which have it."""
    if isinstance(groups, tuple):
        return tuple(pick(group) or {} for group in groups)
    return Lazy(len(groups), lambda i: pick(groups[i]) or {})


def _services(plan: Plan, groups: Sequence[Group]) -> Sequence[dict[str, Any]]:
    if not plan.per_group_service:
        return (headless_service(plan, None),)
    return () if plan.leaders_pass_for_workers else _of_each(groups, lambda group: group.service)


def _pods(groups: Sequence[Group], per_group: int) -> Sequence[Pod]:
    if isinstance(groups, tuple):
        return tuple(chain.from_iterable((group.leader, *group.workers) for group in groups))

    def pod(position: int) -> Pod:
        index, worker = divmod(position, per_group)
        group = groups[index]
        return group.leader if worker == 0 else group.workers[worker - 1]

    return Lazy(len(groups) * per_group, pod)


def _blocked(plan: Plan, kubernetes: tuple[int, int] | None) -> Iterator[str]:
    if plan.size < 2:
        return
    if kubernetes is not None and kubernetes < keys.START_ORDINAL_KUBERNETES:
        yield "Kubernetes before 1.27 numbers workers from 0, so that they look like leaders (lws#391)"
    if plan.leaders_pass_for_workers:
        yield f"the leader's template carries the annotation {keys.LEADER_NAME}, which only workers may have (lws#391)"
    if plan.annotations.get(keys.EXCLUSIVE_TOPOLOGY) == "":
        yield f"the annotation {keys.EXCLUSIVE_TOPOLOGY} is empty, and no node has a label with an empty name"
