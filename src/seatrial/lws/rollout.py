"""How a LeaderWorkerSet goes from one template revision to the next, group by group from the highest index down.

Source: `rollingUpdateParameters` in pkg/controllers/leaderworkerset_controller.go of kubernetes-sigs/lws.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from seatrial.lws.reading import at, integer
from seatrial.lws.releases import Fact, Release

_PERCENT: Final = re.compile(r"[0-9]{1,18}%")


def resolve(budget: object, replicas: int, *, round_up: bool) -> int | None:
    """An int-or-percent against a number of groups; None if the node is neither a whole number nor digits and `%`."""
    number = integer(budget)
    if number is not None:
        return number
    if not isinstance(budget, str) or not _PERCENT.fullmatch(budget):
        return None
    hundredths = int(budget[:-1]) * replicas
    return -(-hundredths // 100) if round_up else hundredths // 100


@dataclass(frozen=True, slots=True)
class Budget:
    """The rollout fields of a set, resolved against its replicas: all in groups."""

    replicas: int
    unavailable: int
    surge: int
    partition: int

    @property
    def most(self) -> int:
        """How many groups may exist at once."""
        return self.replicas + self.surge


def budget(lws: object, release: Release) -> Budget | None:
    """Read the rollout fields of a raw set, defaults included; None if one of them cannot be read."""
    given = at(lws, "spec", "replicas")
    fields = at(lws, "spec", "rolloutStrategy", "rollingUpdateConfiguration")
    replicas = 1 if given is None else integer(given)
    if replicas is None:
        return None
    unavailable = resolve(_or(at(fields, "maxUnavailable"), 1), replicas, round_up=False)
    surge = resolve(_or(at(fields, "maxSurge"), 0), replicas, round_up=True)
    partition = integer(_or(at(fields, "partition"), 0)) if release.has(Fact.PARTITION) else 0
    if unavailable is None or surge is None or partition is None:
        return None
    return Budget(replicas, unavailable, min(surge, replicas), partition)


def _or(node: object, default: int) -> object:
    return default if node is None else node


def unavailable_at_update(lws: object, release: Release) -> int | None:
    """How many of the set's groups an update may take down at once; None if the fields cannot be read.

    maxUnavailable counts even where surge groups exist: with one replica, 1 unavailable and a surge of 1 the only group
    is replaced in place, without a surge group. Only a maxUnavailable of 0 keeps every group serving.
    """
    resolved = budget(lws, release)
    return None if resolved is None else max(0, min(resolved.unavailable, resolved.replicas))


@dataclass(frozen=True, slots=True)
class GroupState:
    """One group as the controller sees it: ready (leader and workers) and updated (both of the new revision)."""

    ready: bool
    updated: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What the leader StatefulSet has, or is to have: its replicas, and the first group that takes the new revision."""

    replicas: int
    partition: int


def rollout_step(
    budget: Budget,
    current: Step | None,
    groups: Sequence[GroupState],
    release: Release,
    *,
    changed: bool = False,
    scaled: bool = False,
) -> Step:
    """The leader StatefulSet's next replicas and partition.

    Args:
        budget: the set's resolved rollout fields.
        current: the leader StatefulSet; None before it exists.
        groups: states of the groups 0 to `current.replicas - 1`; one that is missing counts as not ready.
        release: of the controller.
        changed: the template has just changed, so that a new rollout begins.
        scaled: spec.replicas differs from what the StatefulSet was made for, during a rollout.
    """
    step = _next(budget, current, groups, release, changed=changed, scaled=scaled)
    return Step(step.replicas, max(step.partition, budget.partition))


def _next(
    budget: Budget, current: Step | None, groups: Sequence[GroupState], release: Release, *, changed: bool, scaled: bool
) -> Step:
    if current is None:
        return Step(budget.replicas, 0)
    grow_first = current.replicas < budget.replicas and release.has(Fact.SURGE_COVERS_UNREADY)
    if changed:
        want = budget.replicas if grow_first else _want(budget, budget.replicas, release)
        return Step(want, min(budget.replicas, current.replicas))
    if current.partition == 0 and current.replicas == budget.replicas:
        return Step(budget.replicas, 0)
    if grow_first:
        return Step(budget.replicas, current.partition)
    states = [*groups[: current.replicas], *[GroupState(False, False)] * (current.replicas - len(groups))]
    want = _want(budget, _behind(states, budget.replicas), release)
    if scaled:
        return Step(want, min(current.partition, budget.most))
    return Step(want, min(_partition(budget, states, release), current.partition))


def _want(budget: Budget, behind: int, release: Release) -> int:
    """Replicas while `behind` of the wanted groups are not ready or not updated."""
    if behind > budget.surge:
        return budget.most
    spared = budget.unavailable if release.has(Fact.SURGE_COVERS_UNREADY) else 1
    return budget.replicas + max(0, behind - spared)


def _behind(states: Sequence[GroupState], replicas: int) -> int:
    done = sum(state.ready and state.updated for state in states[:replicas])
    return replicas - done


def _partition(budget: Budget, states: Sequence[GroupState], release: Release) -> int:
    """The lowest group that may take the new revision now, without breaking the budget."""
    replicas = len(states)
    step = budget.unavailable + budget.surge - (budget.most - replicas)
    base = max(0, replicas - _done_from_the_top(states) - step)
    if not release.has(Fact.UNREADY_COUNT):
        return base
    partition = base + sum(not state.ready for state in states[:base])
    for index in range(min(partition, replicas - 1), base - 1, -1):
        if states[index].ready and not states[index].updated:
            break
        partition = index
    return partition


def _done_from_the_top(states: Sequence[GroupState]) -> int:
    done = 0
    for state in reversed(states):
        if not (state.ready and state.updated):
            break
        done += 1
    return done
