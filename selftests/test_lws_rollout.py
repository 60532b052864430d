"""Rollouts, against the sequences that real controllers were seen to take."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.lws.releases import RELEASES, release
from seatrial.lws.rollout import Budget, GroupState, Step, budget, resolve, rollout_step, unavailable_at_update

OLD, MISSING, NEW = GroupState(True, False), GroupState(False, False), GroupState(True, True)


def rollout(fields: tuple[int, int, int, int], tag: str) -> list[tuple[int, int]]:
    """(replicas, partition) from a template change until nothing moves any more.

    The StatefulSet controller is simulated at its simplest: it creates missing groups together, and replaces one group
    at a time, the highest first, whenever all groups are ready.
    """
    resolved = Budget(*fields)
    groups = [OLD] * resolved.replicas
    step = rollout_step(resolved, Step(resolved.replicas, 0), groups, release(tag), changed=True)
    seen = [(step.replicas, step.partition)]
    for _ in range(100):
        groups = groups[: step.replicas] + [MISSING] * (step.replicas - len(groups))
        after = rollout_step(resolved, step, groups, release(tag))
        if after != step:
            step = after
            seen.append((step.replicas, step.partition))
        elif MISSING in groups:
            groups = [NEW if state == MISSING else state for state in groups]
        elif OLD in groups[step.partition :]:
            groups[max(index for index, state in enumerate(groups) if state == OLD)] = MISSING
        else:
            return seen
    raise AssertionError(f"no end: {seen}")


# Where the budget allows more, the first step is left at once, so that a watch on a cluster does not see it.
@pytest.mark.parametrize(
    ("fields", "tag", "sequence"),
    [
        pytest.param((4, 1, 0, 0), "0.9.0", [(4, 4), (4, 3), (4, 2), (4, 1), (4, 0)], id="one at a time"),
        pytest.param((3, 1, 1, 0), "0.9.0", [(4, 3), (4, 2), (4, 1), (4, 0), (3, 0)], id="one and a surge of one"),
        pytest.param((3, 0, 2, 0), "0.9.0", [(5, 3), (5, 1), (5, 0), (4, 0), (3, 0)], id="surge of two"),
        pytest.param((3, 1, 2, 0), "0.9.0", [(5, 2), (5, 0), (4, 0), (3, 0)], id="one and a surge of two"),
        pytest.param((4, 2, 0, 2), "0.9.0", [(4, 2)], id="partition"),
        pytest.param((1, 1, 1, 0), "0.9.0", [(1, 0)], id="one replica does not surge while it may be unavailable"),
        pytest.param((1, 0, 1, 0), "0.9.0", [(2, 1), (2, 0), (1, 0)], id="one replica surges if it must not be"),
        pytest.param((1, 0, 1, 0), "0.8.0", [(1, 1)], id="which is stuck for ever before 0.9.0"),
    ],
)
def test_sequences_seen_on_real_controllers(fields, tag, sequence):
    simulated = rollout(fields, tag)
    assert sequence in (simulated, simulated[1:])


def test_before_the_leader_stateful_set_exists():
    assert rollout_step(Budget(4, 1, 1, 0), None, [], release("0.9.0")) == Step(4, 0)
    assert rollout_step(Budget(4, 1, 1, 2), None, [], release("0.9.0")) == Step(4, 2)


def test_at_rest_nothing_moves():
    assert rollout_step(Budget(2, 1, 1, 0), Step(2, 0), [NEW, NEW], release("0.9.0")) == Step(2, 0)


def test_scaling_out_goes_before_a_rollout():
    assert rollout_step(Budget(4, 1, 1, 0), Step(2, 0), [OLD, OLD], release("0.9.0"), changed=True) == Step(4, 2)
    assert rollout_step(Budget(4, 1, 1, 0), Step(2, 0), [OLD, OLD], release("0.8.0"), changed=True) == Step(5, 2)
    assert rollout_step(Budget(4, 1, 1, 0), Step(3, 2), [OLD, OLD, NEW], release("0.9.0")) == Step(4, 2)


def test_scaling_in_during_a_rollout_keeps_the_partition_within_the_groups():
    assert rollout_step(Budget(2, 1, 0, 0), Step(4, 4), [OLD] * 4, release("0.9.0"), scaled=True) == Step(2, 2)


def test_old_groups_that_are_not_ready_count_against_the_budget_from_0_7_0():
    groups = [MISSING, OLD, OLD, OLD]
    assert rollout_step(Budget(4, 1, 0, 0), Step(4, 4), groups, release("0.6.3")) == Step(4, 3)
    assert rollout_step(Budget(4, 1, 0, 0), Step(4, 4), groups, release("0.7.0")) == Step(4, 4)
    groups = [OLD, OLD, MISSING, MISSING]
    assert rollout_step(Budget(4, 2, 0, 0), Step(4, 4), groups, release("0.7.0")) == Step(4, 2)


@pytest.mark.parametrize(
    ("value", "replicas", "down", "up"),
    [
        (3, 2, 3, 3), (0, 2, 0, 0), (-1, 2, -1, -1),
        ("25%", 2, 0, 1), ("50%", 3, 1, 2), ("100%", 3, 3, 3), ("0%", 3, 0, 0), ("29%", 100, 29, 29), ("034%", 3, 1, 2),
        ("3", 2, None, None), ("-5%", 2, None, None), ("5 %", 2, None, None), ("٣%", 2, None, None),
        (True, 2, None, None), (1.0, 2, None, None), (None, 2, None, None), ([], 2, None, None),
    ],
    ids=repr,
)  # fmt: skip
def test_percentages_round_down_for_unavailable_and_up_for_surge(value, replicas, down, up):
    assert resolve(value, replicas, round_up=False) == down
    assert resolve(value, replicas, round_up=True) == up


def lws(replicas=None, **rolling):
    return {"spec": {"replicas": replicas, "rolloutStrategy": {"rollingUpdateConfiguration": rolling}}}


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({}, 1),
        (lws(4), 1),
        (lws(1, maxUnavailable=1, maxSurge=1), 1),
        (lws(1, maxUnavailable=0, maxSurge=1), 0),
        (lws(4, maxUnavailable="50%"), 2),
        (lws(3, maxUnavailable="30%", maxSurge=1), 0),
        (lws(2, maxUnavailable=7), 2),
        (lws(0), 0),
        (lws("two"), None),
        (lws(2, maxUnavailable="some"), None),
        (lws(2, maxUnavailable=[1]), None),
    ],
    ids=repr,
)
def test_groups_that_an_update_may_take_down(manifest, expected):
    assert unavailable_at_update(manifest, release("0.9.0")) == expected


def test_a_budget_is_read_with_its_defaults_and_a_surge_no_larger_than_the_set():
    assert budget({}, release("0.9.0")) == Budget(1, 1, 0, 0)
    assert budget(lws(3, maxSurge=9, partition=1), release("0.9.0")) == Budget(3, 1, 3, 1)
    assert budget(lws(3, partition=1), release("0.6.2")) == Budget(3, 1, 0, 0), "unknown before 0.7.0, hence pruned"


states = st.lists(st.builds(GroupState, st.booleans(), st.booleans()), max_size=9)


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(
    st.builds(Budget, st.integers(1, 6), st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)),
    st.builds(Step, st.integers(0, 9), st.integers(0, 9)),
    states, st.sampled_from(RELEASES), st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_step_stays_within_the_surge_and_above_the_partition(fields, current, groups, tag, changed, scaled):
    step = rollout_step(fields, current, groups, tag, changed=changed, scaled=scaled)
    assert fields.replicas <= step.replicas <= fields.most
    assert step.partition >= fields.partition
    if not changed:
        assert step.partition <= max(current.partition, fields.partition), "the partition moves in one direction"
