"""The lifecycle of a healthy set passes on a real control plane; each of its requirements fails when it is broken."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from seatrial import catalogue, defects, judge
from seatrial.judge import Judgement
from seatrial.live import experiment, faults, outage, settling, subjects, template_changes
from seatrial.live.api import Api
from seatrial.live.deployed import Deployed
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject
from seatrial.live.resources import (
    BUDGETS,
    LEADER_WORKER_SETS,
    MUTATING,
    NODES,
    PODS,
    QUOTAS,
    SERVICES,
    STATEFUL_SETS,
    VALIDATING,
    Resource,
)
from seatrial.live.settings import Settings
from seatrial.live.voyage import Voyage
from seatrial.live.workbench import Control, Workbench
from seatrial.manifest_set import ManifestSet
from seatrial.verdict import Verdict

from .sabotage import Saboteur

NS, SET = "default", "deepseek-r1"
REQUIREMENTS = {one.id: one for one in catalogue.requirements("cluster") if one.area == "LIF"}
HELD = ["example.org/held"]
BROKEN = (Verdict.FAILED, Verdict.WARNED)


def manifests(**edits: str) -> ManifestSet:
    """The set of two groups with ten nodes, and texts of its LeaderWorkerSet replaced."""
    files = faults.files("two-groups")
    files["seatrial.toml"] = files["seatrial.toml"].replace("nodes = 6 #", "nodes = 10 #")
    for old, new in edits.items():
        assert old in files["leaderworkerset.yaml"]
        files["leaderworkerset.yaml"] = files["leaderworkerset.yaml"].replace(old, new)
    return defects.assemble("two-groups", files)


class Ship:
    """One set on one cluster, for many tests: each finds it whole."""

    def __init__(self, voyage: Voyage) -> None:
        self.began = voyage.begin()
        self.view = voyage.view
        self.bench = self.began.workbench
        self.fresh()
        self.spec = self.lws.raw["spec"]

    @property
    def api(self) -> Api:
        return self.bench.api

    @property
    def control(self) -> Control:
        return self.bench.control

    def fresh(self) -> None:
        """The set as if nothing had been tried on it."""
        self.deployed = Deployed(
            self.began.manifests,
            self.view,
            own=True,
            admissions=self.began.admissions,
            workbench=Workbench(self.api, self.view, self.bench.provider),
            wait_s=30.0,
        )

    @property
    def lws(self) -> LiveLeaderWorkerSet:
        return self.deployed.leader_worker_sets[0]

    def judge(self, id: str) -> Judgement:
        return judge.judge(REQUIREMENTS[id], self.deployed, subjects.of)

    def patch(self, resource: Resource, name: str, body: dict[str, Any]) -> None:
        self.api.patch(resource, name, body, NS if resource.namespaced else None)

    def heal(self) -> None:
        """Everything as it was applied, available, and at rest."""
        self.see(lambda: self.lws.object is not None and self.lws.raw["spec"] == self.spec)
        self.rest()

    def rest(self) -> None:
        """Wait until the set is available and nothing changes any more.

        Without giving up: after an outage a controller may not try again for many seconds.
        """
        self.fresh()
        for _ in range(2):
            self.see(lambda: self.lws.available)
            time.sleep(0.5)

    def see(self, holds: Callable[[], bool]) -> None:
        """Wait until the view shows something that the API server knows already."""
        waited = settling.eventually(holds, bool, 60, pulse=self.view.pulse)
        assert waited.met, waited

    def pod(self, name: str) -> LiveObject | None:
        return next((pod for pod in self.lws.pods if pod.name == name), None)


@pytest.fixture(scope="module")
def ship(asset_folders: tuple[Path, ...]) -> Iterator[Ship]:
    voyage = Voyage(manifests(), Settings(assets=asset_folders), lambda _step: None)
    try:
        yield Ship(voyage)
    finally:
        voyage.end()


@pytest.fixture
def undo(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """For what a test breaks: mended when it ends. Hope is given up sooner than usual."""
    monkeypatch.setattr(settling, "_STEADY_S", 1.5)
    monkeypatch.setattr(settling, "_STILL_S", 2.5)
    ship.fresh()
    stack = ExitStack()
    yield stack
    stack.close()
    monkeypatch.undo()
    ship.heal()


def said(judgement: Judgement) -> str:
    return f"{judgement.verdict}: " + (
        judgement.reason or "; ".join(f"{one.observed} | {one.expected}" for one in judgement.findings)
    )


def broken(judgement: Judgement, *words: str) -> None:
    assert judgement.verdict in BROKEN, said(judgement)
    for word in words:
        assert word in said(judgement)


# A healthy set.

UNDECIDED = {"LIF-23": "0.9.0 is the newest release"}


@pytest.mark.parametrize("id", sorted(REQUIREMENTS, key=lambda id: (REQUIREMENTS[id].disruptive, id)))
def test_a_healthy_set_passes(ship: Ship, id: str) -> None:
    judgement = ship.judge(id)
    if id in UNDECIDED:
        assert judgement.verdict is Verdict.CANNOT_TELL
        assert UNDECIDED[id] in judgement.reason
    else:
        assert judgement.verdict is Verdict.PASSED, said(judgement)


def test_every_experiment_left_the_set_as_it_was(ship: Ship) -> None:
    assert ship.bench.broken is None
    assert ship.lws.available
    assert ship.lws.replicas == 2
    assert experiment.difference(ship.lws.raw["spec"], ship.began.live(ship.lws.declared.document).raw["spec"]) == {}


# What the requirements find.


def stop_manager(ship: Ship, undo: ExitStack) -> None:
    ship.control.stop_lws_manager()
    undo.callback(ship.control.start_lws_manager)


def stop_kubelet(ship: Ship, undo: ExitStack, pod: str) -> None:
    """Nobody ends this pod any more."""
    node = ship.pod(pod).at("spec", "nodeName")
    ship.control.stop_kubelet(node)
    undo.callback(ship.control.start_kubelet, node)


def limit_pods(ship: Ship, undo: ExitStack, most: int) -> None:
    """From now on the namespace takes no more pods of the set than these; whoever asks for more is refused."""
    mine = {pod.uid for pod in ship.lws.pods}
    running = [pod for pod in ship.view.all(PODS, NS) if pod.at("status", "phase") not in ("Succeeded", "Failed")]
    others = sum(1 for pod in running if pod.uid not in mine)
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}}
    ship.api.create(QUOTAS, body | {"spec": {"hard": {"pods": str(most + others)}}}, NS)
    undo.callback(ship.api.delete, QUOTAS, "few", NS)
    used = settling.eventually(
        lambda: (ship.api.get(QUOTAS, "few", NS).get("status") or {}).get("used"), bool, deadline_s=10
    )
    assert used.met


def hold(ship: Ship, undo: ExitStack, resource: Resource, name: str) -> bool:
    """Give an object a finalizer that nobody removes; whether it was there."""
    found = ship.view.one(resource, name, NS)
    if found is None or found.deleting:
        return False
    ship.patch(resource, name, {"metadata": {"finalizers": HELD}})
    undo.callback(release, ship, resource, name)
    return True


def release(ship: Ship, resource: Resource, name: str) -> None:
    if ship.api.find(resource, name, NS) is not None:
        ship.patch(resource, name, {"metadata": {"finalizers": None}})


def when_gone(ship: Ship, uid: str, act: Callable[[], bool]) -> Saboteur:
    """Act once a pod is gone or going."""
    return Saboteur(ship.view, lambda: uid not in {pod.uid for pod in ship.lws.pods} and act())


def delete(ship: Ship, name: str) -> bool:
    if ship.pod(name) is None:
        return False
    ship.api.delete(PODS, name, NS)
    return True


class TestLosses:
    def test_nobody_recreates_a_group(self, ship: Ship, undo: ExitStack) -> None:
        stop_manager(ship, undo)
        broken(ship.judge("LIF-04"), f"after a container of {SET}-1-1 was restarted", "stayed")
        ship.fresh()
        broken(ship.judge("LIF-01"), "stayed", "after the experiment")
        later = ship.judge("LIF-02")
        assert later.verdict is Verdict.NOT_RUN, said(later)
        assert "blocked by LIF-01" in later.reason

    def test_a_worker_replaced_alone(self, ship: Ship, undo: ExitStack) -> None:
        undo.callback(
            ship.patch,
            LEADER_WORKER_SETS,
            SET,
            {"spec": {"leaderWorkerTemplate": {"restartPolicy": "RecreateGroupAfterStart"}}},
        )
        ship.patch(LEADER_WORKER_SETS, SET, {"spec": {"leaderWorkerTemplate": {"restartPolicy": "None"}}})
        ship.see(lambda: ship.lws.restart_policy == "None")
        judgement = ship.judge("LIF-01")
        assert judgement.verdict is Verdict.NOT_APPLICABLE
        assert "restartPolicy None" in judgement.reason
        ship.rest()
        assert ship.judge("LIF-03").verdict is Verdict.PASSED

    def test_a_leader_made_twice(self, ship: Ship, undo: ExitStack) -> None:
        old = ship.pod(f"{SET}-1")
        with when_gone(ship, old.uid, lambda: delete(ship, f"{SET}-1")) as saboteur:
            broken(ship.judge("LIF-02"), "2 new leaders")
        assert saboteur.done

    def test_another_group_is_touched(self, ship: Ship, undo: ExitStack) -> None:
        old = ship.pod(f"{SET}-1")
        with when_gone(ship, old.uid, lambda: delete(ship, f"{SET}-0-1")):
            broken(ship.judge("LIF-03"), f"{SET}-0-1 was replaced")

    def test_another_group_is_not_ready_for_a_moment(self, ship: Ship, undo: ExitStack) -> None:
        old, other = ship.pod(f"{SET}-1"), ship.pod(f"{SET}-0")

        def flap() -> bool:
            for ready in ("False", "True"):
                conditions = [
                    one | ({"status": ready} if one["type"] == "Ready" else {})
                    for one in other.each("status", "conditions")
                ]
                ship.api.patch(PODS, other.name, {"status": {"conditions": conditions}}, NS, "status")
            return True

        with when_gone(ship, old.uid, flap):
            broken(ship.judge("LIF-03"), f"{SET}-0 was not ready for a while")

    def test_a_pod_of_the_former_leader_stays(self, ship: Ship, undo: ExitStack) -> None:
        stop_kubelet(ship, undo, f"{SET}-1-1")
        broken(ship.judge("LIF-05"), "group 1")

    def test_a_group_that_is_recreated_again_and_again(self, ship: Ship, undo: ExitStack) -> None:
        for _ in range(3):
            old, worker = ship.pod(f"{SET}-1"), ship.pod(f"{SET}-1-1")
            statuses = [one | {"restartCount": 1} for one in worker.each("status", "containerStatuses")]
            ship.bench.report(worker, {"containerStatuses": statuses})
            ship.see(lambda gone=frozenset({old.uid, worker.uid}): ship.lws.available and not gone & group_1(ship))
        broken(ship.judge("LIF-07"), f"{SET}-1", f"Worker pod {SET}-1-1 failed")


def group_1(ship: Ship) -> set[str]:
    """Of its pods the identities."""
    return {pod.uid for pod in ship.lws.pods if pod.name.startswith(f"{SET}-1")}


class TestScaling:
    def test_no_more_pods_allowed(self, ship: Ship, undo: ExitStack) -> None:
        limit_pods(ship, undo, 4)
        broken(ship.judge("LIF-08"), "scaled to 3", "exceeded quota")
        assert ship.judge("LIF-09").verdict is Verdict.NOT_RUN

    def test_a_service_that_selects_the_first_groups(self, ship: Ship, undo: ExitStack) -> None:
        for index in (0, 1):
            ship.patch(PODS, f"{SET}-{index}", {"metadata": {"labels": {"picked": "true"}}})
            undo.callback(ship.patch, PODS, f"{SET}-{index}", {"metadata": {"labels": {"picked": None}}})
        ship.patch(SERVICES, f"{SET}-api", {"spec": {"selector": {"picked": "true"}}})
        undo.callback(ship.patch, SERVICES, f"{SET}-api", {"spec": {"selector": {"picked": None}}})
        broken(ship.judge("LIF-08"), f"Service/{SET}-api leads not to {SET}-2")

    def test_workers_of_the_group_taken_away_stay(self, ship: Ship, undo: ExitStack) -> None:
        with Saboteur(ship.view, lambda: hold(ship, undo, STATEFUL_SETS, f"{SET}-2")):
            broken(ship.judge("LIF-09"), f"StatefulSet/{SET}-2")

    def test_pods_that_do_not_go(self, ship: Ship, undo: ExitStack) -> None:
        stop_kubelet(ship, undo, f"{SET}-0-1")
        broken(ship.judge("LIF-10"), f"{SET}-0-1 stayed")

    def test_no_room(self, ship: Ship, undo: ExitStack) -> None:
        free = [
            node for node in settled_nodes(ship) if node not in {pod.at("spec", "nodeName") for pod in ship.lws.pods}
        ]
        for node in free:
            ship.patch(NODES, node, {"spec": {"unschedulable": True}})
            undo.callback(ship.patch, NODES, node, {"spec": {"unschedulable": None}})
        for id in ("LIF-08", "LIF-11", "LIF-14", "LIF-16", "LIF-28", "LIF-29"):
            judgement = ship.judge(id)
            assert judgement.verdict in (Verdict.CANNOT_TELL, Verdict.PASSED), said(judgement)
            assert judgement.verdict is Verdict.CANNOT_TELL or id == "LIF-28"
        assert ship.judge("LIF-09").verdict is Verdict.PASSED  # one group less asks for no node


class TestRollouts:
    def test_too_many_groups_down(self, ship: Ship, undo: ExitStack) -> None:
        with Saboteur(ship.view, lambda: ship.pod(f"{SET}-2") is not None and delete(ship, f"{SET}-1-1")):
            broken(ship.judge("LIF-11"), "at one moment only 1 group of 2 were ready")

    def test_no_pods_for_the_new_revision(self, ship: Ship, undo: ExitStack) -> None:
        limit_pods(ship, undo, 4)
        broken(ship.judge("LIF-11"), "did not end", "exceeded quota")
        assert ship.judge("LIF-13").verdict is Verdict.NOT_RUN

    def test_a_surge_group_that_stays(self, ship: Ship, undo: ExitStack) -> None:
        with Saboteur(ship.view, lambda: hold(ship, undo, STATEFUL_SETS, f"{SET}-2")):
            broken(ship.judge("LIF-13"), "left over: ", f"StatefulSet/{SET}-2")

    def test_a_group_below_the_partition_is_touched(self, ship: Ship, undo: ExitStack) -> None:
        with Saboteur(ship.view, lambda: ship.pod(f"{SET}-2") is not None and delete(ship, f"{SET}-0-1")):
            broken(ship.judge("LIF-14"), "partition 1", f"{SET}-0-1 was replaced")

    def test_somebody_who_wants_the_other_template(self, ship: Ship, undo: ExitStack) -> None:
        changed = []

        def insist() -> bool:
            annotations = (
                ship.lws.raw["spec"]["leaderWorkerTemplate"]["workerTemplate"]["metadata"].get("annotations") or {}
            )
            mark = annotations.get("seatrial/rollout")
            if mark:
                changed.append(mark)
            elif changed:
                template = {"metadata": {"annotations": {"seatrial/rollout": changed[0]}}}
                ship.patch(LEADER_WORKER_SETS, SET, {"spec": {"leaderWorkerTemplate": {"workerTemplate": template}}})
            return False

        monkey = pytest.MonkeyPatch()
        undo.callback(monkey.undo)
        undo.callback(
            lambda: ship.patch(
                LEADER_WORKER_SETS,
                SET,
                {"spec": {"leaderWorkerTemplate": {"workerTemplate": {"metadata": {"annotations": None}}}}},
            )
        )
        ship.deployed.wait_s = 6.0
        with Saboteur(ship.view, insist):
            broken(ship.judge("LIF-15"), "after the experiment")
        assert ship.judge("LIF-10").verdict is Verdict.NOT_RUN

    def test_a_good_template_that_cannot_come_up(self, ship: Ship, undo: ExitStack) -> None:
        def limit() -> bool:
            waiting = [
                pod for pod in ship.lws.pods if template_changes.NOWHERE in (pod.at("spec", "nodeSelector") or {})
            ]
            if waiting:
                limit_pods(ship, undo, 4)
            return bool(waiting)

        with Saboteur(ship.view, limit):
            broken(ship.judge("LIF-16"), "a good template after one that does not start")

    def test_another_size_that_cannot_come_up(self, ship: Ship, undo: ExitStack) -> None:
        limit_pods(ship, undo, 6)
        broken(ship.judge("LIF-28"), "size 3")

    def test_scaling_that_does_not_end(self, ship: Ship, undo: ExitStack) -> None:
        limit_pods(ship, undo, 6)
        broken(ship.judge("LIF-29"), "during a rollout")


class TestRemoval:
    def test_something_is_left_over(self, ship: Ship, undo: ExitStack) -> None:
        stop_kubelet(ship, undo, f"{SET}-0-1")
        broken(ship.judge("LIF-18"), f"Pod/{SET}-0-1")

    def test_a_child_that_does_not_come_back(self, ship: Ship, undo: ExitStack) -> None:
        stop_manager(ship, undo)
        broken(ship.judge("LIF-27"), f"Service/{SET} was deleted and did not come back")

    def test_a_child_that_comes_back_as_another(self, ship: Ship, undo: ExitStack) -> None:
        old = ship.view.one(SERVICES, SET, NS)

        def forge() -> bool:
            if ship.view.one(SERVICES, SET, NS) not in (None, old):
                return True
            body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SET, "labels": old.labels}}
            body["spec"] = {"clusterIP": "None", "selector": {"app": "other"}}
            if ship.api.find(SERVICES, SET, NS) is None:
                ship.api.create(SERVICES, body, NS)
                return True
            return False

        stop_manager(ship, undo)  # so that the forgery comes first
        undo.callback(ship.api.delete, SERVICES, SET, NS)
        with Saboteur(ship.view, forge):
            broken(ship.judge("LIF-27"), f"Service/{SET} was deleted and came back, but")


class TestOutages:
    def test_a_lost_node_that_nobody_sees(self, ship: Ship, undo: ExitStack) -> None:
        ship.patch(SERVICES, f"{SET}-api", {"spec": {"publishNotReadyAddresses": True}})
        undo.callback(ship.patch, SERVICES, f"{SET}-api", {"spec": {"publishNotReadyAddresses": False}})
        broken(ship.judge("LIF-19"), f"Service/{SET}-api leads to it")

    def test_a_drain_of_two_groups_at_once(self, ship: Ship, undo: ExitStack) -> None:
        ship.patch(BUDGETS, SET, {"spec": {"maxUnavailable": 4}})
        undo.callback(ship.patch, BUDGETS, SET, {"spec": {"maxUnavailable": 1}})
        settled_budget(ship, 4)
        broken(ship.judge("LIF-20"), "may be evicted while the group")

    def test_a_drain_that_never_begins(self, ship: Ship, undo: ExitStack) -> None:
        ship.patch(BUDGETS, SET, {"spec": {"maxUnavailable": 0}})
        undo.callback(ship.patch, BUDGETS, SET, {"spec": {"maxUnavailable": 1}})
        settled_budget(ship, 0)
        broken(ship.judge("LIF-20"), "may not be evicted though all groups are ready")

    def test_pods_without_a_rank_while_the_controller_is_away(self, ship: Ship, undo: ExitStack) -> None:
        for resource, kind in ((MUTATING, "mutating"), (VALIDATING, "validating")):
            name = f"lws-{kind}-webhook-configuration"
            found = ship.api.get(resource, name)
            hooks = [hook | {"failurePolicy": "Ignore"} for hook in found["webhooks"]]
            ship.patch(resource, name, {"webhooks": hooks})
        undo.callback(ship.control.start_lws_manager)  # which registers them as they have to be
        broken(ship.judge("LIF-22"), "a pod of a group is accepted while the controller is away")

    def test_a_pod_lost_while_the_controller_is_away(self, ship: Ship, undo: ExitStack) -> None:
        seen = iter(range(10))
        original = ship.control.stop_lws_manager

        def stop() -> None:
            original()
            next(seen)
            ship.api.delete(PODS, f"{SET}-0-1", NS)

        monkey = pytest.MonkeyPatch()
        undo.callback(monkey.undo)
        monkey.setattr(ship.bench.provider, "stop_lws_manager", stop)
        broken(ship.judge("LIF-22"), f"{SET}-0-1")

    def test_a_restart_during_the_start(self, ship: Ship, undo: ExitStack) -> None:
        def start_at_once() -> bool:
            pod = ship.pod(f"{SET}-1-1")
            if pod is None or pod.at("status", "phase") != "Pending":
                return False
            ship.api.patch(PODS, pod.name, {"status": {"phase": "Running"}}, NS, "status")
            return False

        with Saboteur(ship.view, start_at_once):
            broken(ship.judge("LIF-25"), "the group was recreated")

    def test_a_set_that_has_drifted(self, ship: Ship, undo: ExitStack) -> None:
        undo.callback(ship.patch, LEADER_WORKER_SETS, SET, {"spec": {"replicas": 2}})
        ship.patch(LEADER_WORKER_SETS, SET, {"spec": {"replicas": 3}})
        ship.see(lambda: ship.lws.replicas == 3 and ship.lws.available)
        broken(ship.judge("LIF-24"), "spec.replicas", "is gone")


def settled_nodes(ship: Ship) -> list[str]:
    ship.view.refresh()
    return [node.name for node in ship.view.all(NODES)]


def settled_budget(ship: Ship, allowed: int) -> None:
    waited = settling.eventually(
        lambda: ship.api.get(BUDGETS, SET, NS)["status"].get("disruptionsAllowed"), lambda seen: seen == allowed, 10
    )
    assert waited.met, waited


# Defects of former releases.


@pytest.fixture(scope="module")
def old_ship(asset_folders: tuple[Path, ...]) -> Iterator[Ship]:
    """A set on LWS 0.7.0, whose controller the tests below upgrade step by step."""
    files = faults.files("two-groups")
    files["seatrial.toml"] = files["seatrial.toml"].replace("nodes = 6 #", "nodes = 10 #").replace("0.9.0", "0.7.0")
    files["leaderworkerset.yaml"] = files["leaderworkerset.yaml"].replace(
        "RecreateGroupAfterStart", "RecreateGroupOnPodRestart"
    )
    voyage = Voyage(defects.assemble("two-groups", files), Settings(assets=asset_folders), lambda _step: None)
    try:
        yield Ship(voyage)
    finally:
        voyage.end()


@pytest.fixture
def upgraded(old_ship: Ship, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Ship]:
    monkeypatch.setattr(settling, "_STEADY_S", 2.0)
    monkeypatch.setattr(settling, "_STILL_S", 4.0)

    def to(version: str) -> Ship:
        if old_ship.control.lws_version != version:
            with experiment.Experiment(old_ship.lws, "LIF-23") as change:
                outage.replace(change, version)
            old_ship.view.cluster = old_ship.bench.provider.running
        old_ship.rest()
        return old_ship

    return to


def test_an_upgrade_that_rolls_all_groups(upgraded: Callable[[str], Ship]) -> None:
    """lws#797: the way from 0.7.0 to 0.8.0."""
    broken(upgraded("0.7.0").judge("LIF-23"), "LWS 0.7.0 to 0.8.0", "was replaced")


def test_a_rollout_with_surge_groups_gets_stuck(upgraded: Callable[[str], Ship]) -> None:
    """lws#776, mended in 0.9.0."""
    ship = upgraded("0.8.0")
    ship.patch(LEADER_WORKER_SETS, SET, {"spec": {"replicas": 1}})
    ship.see(lambda: ship.lws.replicas == 1 and ship.lws.available)
    broken(ship.judge("LIF-11"), "the rollout did not end")
    ship.patch(LEADER_WORKER_SETS, SET, {"spec": {"replicas": 2}})
    ship.see(lambda: ship.lws.replicas == 2)


def test_an_upgrade_that_leaves_all_groups_alone(upgraded: Callable[[str], Ship]) -> None:
    assert upgraded("0.8.0").judge("LIF-23").verdict is Verdict.PASSED


@pytest.mark.parametrize("id", ["LIF-08", "LIF-09", "LIF-10", "LIF-18", "LIF-22"])
def test_what_holds_on_a_former_release_passes(upgraded: Callable[[str], Ship], id: str) -> None:
    judgement = upgraded("0.8.0").judge(id)
    assert judgement.verdict is Verdict.PASSED, said(judgement)
