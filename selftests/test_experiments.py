"""What experiments on a running set rest on: patches, order and readiness of groups, churn, room, obstacles."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seatrial.live import churn, obstacles, readiness, rollouts, room
from seatrial.live.experiment import difference
from seatrial.live.journal import PodLife
from seatrial.live.objects import LiveObject
from seatrial.live.reapplied import changed
from seatrial.lws import keys

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ({"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({}, {"a": {"b": []}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "d": {"e": 0}}}),
        ({"a": {"b": 1}}, {"a": [1, 2]}),
        ({"a": [1, 2]}, {"a": {"b": 1}}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}),
        ({"replicas": 3}, {"replicas": 0}),
    ],
)
def test_the_difference_is_the_patch_that_makes_the_one_of_the_other(
    now: dict[str, Any], wanted: dict[str, Any]
) -> None:
    patch = difference(now, wanted)
    assert merged(now, patch) == wanted
    assert (patch == {}) == (now == wanted)


def life(group: int, rank: int, *ready: tuple[float, bool], uid: str = "", seen: float = 0.0, **ends: float) -> PodLife:
    labels = {keys.GROUP_INDEX: str(group), keys.WORKER_INDEX: str(rank), keys.REVISION: "r1"}
    name = f"x-{group}" if rank == 0 else f"x-{group}-{rank}"
    return PodLife(name, uid or f"{name}@{seen}", labels, seen, list(ready), **ends)


class TestReadiness:
    def test_a_group_counts_while_all_its_pods_are_ready(self) -> None:
        lives = [
            life(0, 0, (0, True)),
            life(0, 1, (0, True)),
            life(1, 0, (0, True), leaving=5.0, gone=6.0),
            life(1, 1, (0, True), leaving=5.1, gone=6.1),
            life(1, 0, (7, False), (8, True), seen=7.0),
            life(1, 1, (7, False), (9, True), seen=7.0),
        ]
        assert readiness.fewest_ready(lives, 2, since=1.0) == 1
        assert readiness.fewest_ready(lives, 2, since=8.5) == 1
        assert readiness.fewest_ready(lives, 2, since=9.5) == 2

    def test_a_surge_group_stands_in(self) -> None:
        lives = [
            life(0, 0, (0, True), leaving=5.0),
            life(1, 0, (2, False), (3, True), seen=2.0, leaving=9.0),
            life(0, 0, (6, False), (7, True), seen=6.0),
        ]
        assert readiness.fewest_ready(lives, 1, since=1.0) == 1
        assert readiness.ever_ready(lives, 1, since=1.0, first=1) == {1}
        assert readiness.ever_ready(lives, 2, since=1.0, first=1) == set()

    def test_a_pod_that_is_told_to_stop_no_longer_counts(self) -> None:
        assert readiness.fewest_ready([life(0, 0, (0, True), leaving=2.0)], 1, since=1.0) == 0


@pytest.mark.parametrize(
    ("order", "at_once", "wrong"),
    [
        ((3, 2, 1, 0), 1, []),
        ((2, 3, 1, 0), 1, [(3, 2)]),
        ((2, 3, 0, 1), 2, []),
        ((0, 3, 2, 1), 2, [(3, 0), (2, 0)]),
        ((), 1, []),
    ],
)
def test_groups_are_replaced_from_the_highest(
    order: tuple[int, ...], at_once: int, wrong: list[tuple[int, int]]
) -> None:
    assert rollouts.out_of_order(order, at_once) == wrong


class TestChurn:
    def test_leaders_of_one_revision_within_five_minutes(self) -> None:
        lives = [life(0, 0, seen=float(at)) for at in (0, 100, 250, 900)]
        assert churn._leaders(lives) == {"x-0": 3}

    def test_a_rollout_is_none(self) -> None:
        lives = [life(0, 0, seen=float(at)) for at in (0, 100, 200)]
        for number, one in enumerate(lives):
            one.labels[keys.REVISION] = f"r{number}"
        assert churn._leaders(lives) == {"x-0": 1}

    def test_workers_do_not_count(self) -> None:
        assert churn._leaders([life(0, 1, seen=float(at)) for at in (0, 1, 2)]) == {}

    @pytest.mark.parametrize(
        ("fields", "recent"),
        [
            ({"eventTime": "2025-06-01T11:58:00.000000Z"}, 1),
            ({"eventTime": "2025-06-01T11:50:00.000000Z"}, 0),
            ({"firstTimestamp": "2025-06-01T11:58:00Z", "lastTimestamp": "2025-06-01T11:59:30Z", "count": 30}, 30),
            ({"firstTimestamp": "2025-06-01T11:00:00Z", "lastTimestamp": "2025-06-01T12:00:00Z", "count": 4}, 1),
            ({"firstTimestamp": "2025-06-01T11:00:00Z", "lastTimestamp": "2025-06-01T12:00:00Z", "count": 60}, 5),
            (
                {
                    "eventTime": "2025-06-01T11:57:00.000000Z",
                    "series": {"count": 7, "lastObservedTime": "2025-06-01T11:59:00.000000Z"},
                },
                7,
            ),
            ({}, 0),
        ],
    )
    def test_events_of_the_last_five_minutes(self, fields: dict[str, Any], recent: int) -> None:
        assert churn._recent(LiveObject(fields), NOW) == recent


def pod(*containers: dict[str, str], init: tuple[dict[str, Any], ...] = (), **spec: Any) -> LiveObject:
    def container(requests: dict[str, Any]) -> dict[str, Any]:
        policy = {"restartPolicy": "Always"} if requests.pop("sidecar", False) else {}
        return {"name": "c", "resources": {"requests": requests}, **policy}

    body = {"containers": [container(dict(one)) for one in containers]} | spec
    return LiveObject({"spec": body | {"initContainers": [container(dict(one)) for one in init]}})


class TestRoom:
    @pytest.mark.parametrize(
        ("asked", "cpu"),
        [
            (pod({"cpu": "1"}, {"cpu": "500m"}), 1.5),
            (pod({"cpu": "1"}, init=({"cpu": "3"},)), 3),
            (pod({"cpu": "1"}, init=({"cpu": "1", "sidecar": True},)), 2),
            (pod({"cpu": "1"}, init=({"cpu": "1", "sidecar": True}, {"cpu": "3"})), 4),
            (pod({"cpu": "1"}, init=({"cpu": "3"}, {"cpu": "1", "sidecar": True})), 3),
            (pod({"cpu": "1"}, overhead={"cpu": "250m"}), 1.25),
        ],
    )
    def test_what_the_scheduler_counts(self, asked: LiveObject, cpu: float) -> None:
        assert room.requests(asked)["cpu"] == cpu

    @pytest.mark.parametrize(
        ("spec", "fits"),
        [
            ({}, False),
            ({"tolerations": [{"key": "gpu", "operator": "Exists"}]}, True),
            ({"tolerations": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}, True),
            ({"tolerations": [{"key": "gpu", "value": "no"}]}, False),
            ({"tolerations": [{"operator": "Exists"}], "nodeSelector": {"zone": "a"}}, True),
            ({"tolerations": [{"operator": "Exists"}], "nodeSelector": {"zone": "b"}}, False),
            ({"tolerations": [{"operator": "Exists"}], "affinity": {"zone": ("In", ["b", "a"])}}, True),
            ({"tolerations": [{"operator": "Exists"}], "affinity": {"zone": ("NotIn", ["a"])}}, False),
            ({"tolerations": [{"operator": "Exists"}], "affinity": {"other": ("NotIn", ["a"])}}, True),
            ({"tolerations": [{"operator": "Exists"}], "affinity": {"other": ("Exists", [])}}, False),
            ({"tolerations": [{"operator": "Exists"}], "affinity": {"gpus": ("Gt", ["7"])}}, True),
        ],
    )
    def test_which_nodes_a_pod_accepts(self, spec: dict[str, Any], fits: bool) -> None:
        node = LiveObject(
            {
                "metadata": {"name": "n", "labels": {"zone": "a", "gpus": "8"}},
                "spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]},
            }
        )
        asked = dict(spec)
        if "affinity" in asked:
            terms = [
                {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}
                for key, (operator, values) in spec["affinity"].items()
            ]
            asked["affinity"] = {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
            }
        assert room._accepts(node, pod({"cpu": "1"}, **asked)) is fits


def event(reason: str, at: datetime, kind: str = "LeaderWorkerSet", message: str = "why") -> LiveObject:
    return LiveObject(
        {
            "reason": reason,
            "message": message,
            "lastTimestamp": at.isoformat(),
            "involvedObject": {"kind": kind, "name": "x"},
        }
    )


class TestObstacles:
    def test_a_pod_without_a_node(self) -> None:
        waiting = LiveObject(
            {
                "metadata": {"name": "x-0"},
                "status": {
                    "conditions": [
                        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/4 nodes"}
                    ]
                },
            }
        )
        assert list(obstacles._of_pod(waiting)) == ["x-0 is not scheduled: 0/4 nodes"]

    @pytest.mark.parametrize(
        ("reason", "stuck"),
        [
            ("ImagePullBackOff", True),
            ("CrashLoopBackOff", True),
            ("ContainerCreating", False),
            ("PodInitializing", False),
        ],
    )
    def test_a_container_that_waits(self, reason: str, stuck: bool) -> None:
        waiting = LiveObject(
            {
                "metadata": {"name": "x-0"},
                "status": {"containerStatuses": [{"name": "sglang", "state": {"waiting": {"reason": reason}}}]},
            }
        )
        assert list(obstacles._of_pod(waiting)) == ([f"x-0, container sglang: {reason}"] if stuck else [])

    def test_what_could_not_be_made(self) -> None:
        assert list(obstacles._not_made([event("FailedCreate", NOW)], NOW)) == ["LeaderWorkerSet/x: why"]

    def test_what_could_be_made_later(self) -> None:
        later = event("SuccessfulCreate", NOW + timedelta(seconds=1))
        assert list(obstacles._not_made([event("FailedCreate", NOW), later], NOW)) == []

    def test_what_is_history(self) -> None:
        assert list(obstacles._not_made([event("FailedCreate", NOW)], NOW + timedelta(seconds=1))) == []

    def test_churn_ends_a_wait(self) -> None:
        lives = [life(0, 0, seen=float(at)) for at in (1, 2, 3, 4, 5)]
        assert obstacles.churning(lives, 0.0) == "x-0 was made 5 times"
        assert obstacles.churning(lives, 1.5) is None


@pytest.mark.parametrize(
    ("after", "fields"),
    [
        ({"metadata": {"uid": "u", "resourceVersion": "2", "generation": 2}, "spec": {"a": 1}, "status": {"x": 2}}, []),
        ({"metadata": {"uid": "u"}, "spec": {"a": 2}}, ["spec.a"]),
        ({"metadata": {"uid": "u", "labels": {"l": "v"}}, "spec": {"a": 1}}, ["metadata.labels"]),
        ({"metadata": {"uid": "other"}, "spec": {"a": 1}}, ["metadata.uid"]),
        ({"metadata": {"uid": "u"}, "spec": {"a": 1}, "data": {"k": "v"}}, ["data.k"]),
    ],
)
def test_what_applying_again_has_changed(after: dict[str, Any], fields: list[str]) -> None:
    before = {"metadata": {"uid": "u", "resourceVersion": "1", "generation": 1}, "spec": {"a": 1}, "status": {"x": 1}}
    assert changed(LiveObject(before), LiveObject(after)) == fields
