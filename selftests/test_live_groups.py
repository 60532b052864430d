"""Groups in every healthy moment of their lives pass; what is wrong is told at its cause."""

from typing import Any

import pytest

from seatrial.clusters.capability import Capability
from seatrial.live.resources import ENDPOINT_SLICES, PODS, REVISIONS, SERVICES, STATEFUL_SETS
from seatrial.lws import keys
from seatrial.verdict import Verdict

from .made_cluster import (
    Objects,
    a_set,
    controller_revision,
    deployed,
    judged,
    not_fine,
    objects,
    pod,
    status,
    without,
)

AREAS = ("GRP", "ENV", "EPS")
UNSEEN = {"EPS-05", "GRP-15"}
"""What a cluster that only stands there does not tell: no leader loads, and no fact says what schedules."""
SUBGROUPS = {"subGroupPolicy": {"subGroupSize": 1}}
SHAPES: dict[str, dict[str, Any]] = {
    "two pods": {},
    "one pod": {"size": 1},
    "no group": {"replicas": 0},
    "five pods": {"size": 5, "template": {"subGroupPolicy": {"subGroupSize": 2}}},
    "a Service for each group": {"networkConfig": {"subdomainPolicy": "UniquePerReplica"}},
    "a zone for each group": {"annotations": {keys.EXCLUSIVE_TOPOLOGY: "zone"}},
    "sub-groups of one": {"size": 3, "template": SUBGROUPS},
    "leader first": {"startupPolicy": "LeaderReady"},
    "many groups": {"replicas": 90, "size": 4},
}
RELEASES = ("0.5.1", "0.6.2", "0.7.0", "0.8.0", "0.9.0", "0.10.0")


def complaints(found: Objects, installed: str | None = "0.9.0", **facts: Any) -> dict[str, str]:
    said = not_fine(deployed(found, installed, **facts), *AREAS)
    return {id: words for id, words in said.items() if id not in UNSEEN}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("release", RELEASES)
def test_a_set_at_rest_passes(shape: str, release: str) -> None:
    assert complaints(objects(a_set(**SHAPES[shape]), release), release) == {}


@pytest.mark.parametrize("release", RELEASES[:-1])
def test_pods_outlive_an_upgrade_of_the_controller(release: str) -> None:
    said = complaints(objects(a_set(size=3, template=SUBGROUPS), release), "0.10.0")
    assert set(said) == ({"ENV-03"} if release == "0.5.1" else set())


@pytest.mark.parametrize("release", RELEASES)
def test_an_unknown_release_is_no_reason_to_complain(release: str) -> None:
    said = complaints(objects(a_set(size=3, template=SUBGROUPS), release), None)
    assert {id: words.partition(":")[0] for id, words in said.items()} == (
        {"ENV-03": "cannot tell"} if release == "0.5.1" else {}
    )


# On the way from one template to the next: group 0 is of the old one, with two pods, group 1 of the new one, with three.


def halfway(**spec: Any) -> Objects:
    old, new = a_set(), a_set(size=3, **spec)
    found, updated = objects(old, revision="old"), objects(new, revision="new", groups=[1])
    for resource in (PODS, STATEFUL_SETS):
        without(found, resource, lambda one: one["metadata"]["name"].startswith("r1-1"))
        found[resource] += [one for one in updated[resource] if one["metadata"]["name"].startswith("r1-1")]
    found[STATEFUL_SETS][0]["metadata"]["labels"][keys.REVISION] = "new"
    found[REVISIONS] = [controller_revision(old, "old", 1), controller_revision(new, "new", 2)]
    found[next(resource for resource in found if resource.kind == "LeaderWorkerSet")] = [new | {"status": status(new)}]
    return found


def test_groups_below_the_partition_are_of_the_old_template() -> None:
    rolling = {"rollingUpdateConfiguration": {"partition": 1}}
    found = halfway(rolloutStrategy={"type": "RollingUpdate", **rolling})
    assert complaints(found) == {}


def test_an_update_stops_halfway() -> None:
    assert set(complaints(halfway())) == {"GRP-12"}


def test_an_old_template_that_cannot_be_read_is_not_guessed() -> None:
    found = judged(deployed(halfway(), hidden=["ControllerRevision"]), "GRP", "ENV")
    unknown = {id for id, one in found.items() if one.verdict is Verdict.CANNOT_TELL}
    assert {"GRP-04", "GRP-11", "ENV-01", "ENV-02", "ENV-03", "ENV-04"} <= unknown
    assert all("revision old, which cannot be read" in found[id].reason for id in unknown - UNSEEN)
    assert not {id for id, one in found.items() if one.verdict in (Verdict.FAILED, Verdict.WARNED)} - {"GRP-12"}


def test_a_surge_group_is_there_for_a_while() -> None:
    found = objects(a_set(), groups=[0, 1, 2])
    surging = found[STATEFUL_SETS][0]["spec"]
    surging["replicas"] = 2
    assert "GRP-02" in complaints(found)
    surging["replicas"] = 3
    assert complaints(found) == {}


# Groups that come and go.


def test_workers_come_after_a_ready_leader() -> None:
    found = objects(a_set(replicas=1, startupPolicy="LeaderReady"))
    pod(found, "r1-0")["status"]["conditions"][0]["status"] = "False"
    without(found, PODS, lambda one: one["metadata"]["name"] == "r1-0-1")
    without(found, STATEFUL_SETS, lambda one: one["metadata"]["name"] == "r1-0")
    found[ENDPOINT_SLICES][0]["endpoints"] = []
    said = complaints(found)
    assert {id for id, words in said.items() if not words.startswith("not run: blocked by GRP-01")} == {"GRP-01"}


def test_a_leader_that_stops_is_replaced_when_it_is_gone() -> None:
    found = objects(a_set())
    pod(found, "r1-0")["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    without(found, PODS, lambda one: one["metadata"]["name"] == "r1-0-1")
    found[ENDPOINT_SLICES][0]["endpoints"][0]["conditions"] = {"ready": False, "terminating": True}
    assert set(complaints(found)) <= {"GRP-01", "GRP-04", "GRP-09", "GRP-11", "GRP-12", "ENV-01", "ENV-02", "ENV-03"} | {
        "ENV-04", "GRP-16",
    }  # fmt: skip
    assert {id for id, one in judged(deployed(found), *AREAS).items() if one.verdict is Verdict.FAILED} == {"GRP-01"}


def test_a_leader_that_nobody_replaces_is_missing() -> None:
    found = objects(a_set())
    without(found, PODS, lambda one: one["metadata"]["name"] == "r1-0")
    broken = {id for id, one in judged(deployed(found), *AREAS).items() if one.verdict is Verdict.FAILED}
    assert broken == {"GRP-02", "EPS-01"}


def test_a_young_pod_on_somebody_s_cluster_may_wait_for_a_node() -> None:
    found = objects(a_set())
    waiting = pod(found, "r1-1-1")
    del waiting["spec"]["nodeName"]
    verdicts = []
    for born in ("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"):
        waiting["metadata"]["creationTimestamp"] = born
        verdicts.append(judged(deployed(found, own=False), "GRP")["GRP-13"].verdict)
    assert verdicts == [Verdict.FAILED, Verdict.CANNOT_TELL]


# Where pods are.


def test_pods_share_a_node_on_purpose() -> None:
    found = objects(a_set())
    for name in ("r1-0", "r1-0-1"):
        pod(found, name)["spec"]["nodeName"] = "node-r1-0"
    on = deployed(found)
    assert judged(on, "GRP")["GRP-09"].verdict is Verdict.FAILED
    for name in ("r1-0", "r1-0-1"):
        pod(found, name)["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = "4"
    assert judged(deployed(found), "GRP")["GRP-09"].verdict is not Verdict.FAILED


def test_a_super_node_has_a_machine_for_each_pod() -> None:
    found = objects(a_set())
    for name in ("r1-0", "r1-0-1"):
        pod(found, name)["spec"]["nodeName"] = "eklet-subnet-1"
    super_node = {"kind": "Node", "metadata": {"name": "eklet-subnet-1", "uid": "e"}, "status": {}}
    found[next(resource for resource in found if resource.kind == "Node")].append(super_node)
    assert judged(deployed(found), "GRP")["GRP-09"].verdict is not Verdict.FAILED


# Names, Services and builds.


def test_a_service_of_the_user_in_the_place_of_a_group_s() -> None:
    found = objects(a_set(networkConfig={"subdomainPolicy": "UniquePerReplica"}))
    service = next(one for one in found[SERVICES] if one["metadata"]["name"] == "r1-1")
    del service["metadata"]["ownerReferences"]
    assert set(complaints(found)) == {"GRP-08"}


@pytest.mark.parametrize(
    ("builds", "verdict"),
    [
        (("docker.io/lmsysorg/sglang@sha256:1", "mirror.example/sglang@sha256:1"), Verdict.PASSED),
        (("docker.io/lmsysorg/sglang@sha256:1", "docker.io/lmsysorg/sglang@sha256:2"), Verdict.FAILED),
        (("sha256:1", "sha256:1"), Verdict.PASSED),
        (("sha256:1", ""), Verdict.CANNOT_TELL),
    ],
)
def test_builds_are_equal_wherever_they_were_pulled_from(builds: tuple[str, str], verdict: Verdict) -> None:
    found = objects(a_set(replicas=1))
    for name, build in zip(("r1-0", "r1-0-1"), builds, strict=True):
        pod(found, name)["status"]["containerStatuses"][0]["imageID"] = build
    assert judged(deployed(found, can=[Capability.CONTAINERS]), "GRP")["GRP-10"].verdict is verdict
