"""Nodes under the groups: what is found on made clusters, and above all what is not found on correct ones."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from seatrial.live.resources import EVENTS, LEADER_WORKER_SETS, NODES, PODS
from seatrial.verdict import Verdict

from . import made_cluster
from .made_cluster import ENGINE, Object, Objects, a_set, deployed, judged, objects

GPU = "nvidia.com/gpu"
INFO = {
    "osImage": "TencentOS Server 3.1 (Final)",
    "kernelVersion": "5.4.119-19-0009.11",
    "containerRuntimeVersion": "containerd://1.6.9-tke.9",
}
Change = Callable[[Objects], object]


def node(name: str, gpus: int = 8, **spec: Any) -> Object:
    size = {GPU: str(gpus), "ephemeral-storage": "200Gi"} if gpus else {"ephemeral-storage": "50Gi"}
    status = {"allocatable": size, "capacity": size, "nodeInfo": dict(INFO)}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"kind": "Node", "metadata": {"name": name, "uid": name}, "spec": spec, "status": status | ready}


def cluster(lws: Object | None = None, spare: int = 0) -> Objects:
    """A set at rest, each of its pods on a ready node of its own, and nodes to spare."""
    found = objects(lws or a_set())
    found[NODES] = [node(one["metadata"]["name"]) for one in found[NODES]]
    found[LEADER_WORKER_SETS][0]["metadata"]["creationTimestamp"] = made_cluster.BORN
    found[NODES] += [node(f"spare-{number}") for number in range(spare)]
    return found


def engine(gpus: str | None = "8", **spec: Any) -> Object:
    template = copy.deepcopy(ENGINE) | spec
    template["containers"][0]["resources"] = {"limits": {GPU: gpus}} if gpus else {}
    return {"workerTemplate": {"spec": template}}


def at(found: Objects, name: str) -> Object:
    return next(one for one in found[NODES] if one["metadata"]["name"] == name)


def waiting(found: Objects, *names: str) -> None:
    for name in names:
        pod = made_cluster.pod(found, name)
        del pod["spec"]["nodeName"]
        pod["status"] = {"phase": "Pending"}


def pressed(found: Objects, name: str, type: str = "DiskPressure") -> None:
    at(found, name)["status"]["conditions"].append({"type": type, "status": "True"})


def other_pod(found: Objects, on: str, gpus: str, phase: str = "Running") -> None:
    metadata = {"name": f"on-{on}", "namespace": "training", "uid": f"on-{on}"}
    containers = [{"name": "c", "resources": {"requests": {GPU: gpus}, "limits": {GPU: gpus}}}]
    spec = {"nodeName": on, "containers": containers}
    found[PODS].append({"kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": phase}})


def event(found: Objects, reason: str, message: str, when: str, host: str = "node-r1-0") -> None:
    found[EVENTS].append(
        {
            "kind": "Event",
            "metadata": {"name": "e", "namespace": "default"},
            "involvedObject": {"kind": "Pod", "name": "r1-0", "namespace": "default"},
            "source": {"host": host},
            "lastTimestamp": when,
            "reason": reason,
            "message": message,
        }
    )


def verdicts(found: Objects, **how: Any) -> dict[str, tuple[str, list[str]]]:
    said = judged(deployed(found, **how), "HWG")
    return {id: (one.verdict.name, [finding.observed for finding in one.findings]) for id, one in said.items()}


def broken(found: Objects, **how: Any) -> dict[str, list[str]]:
    said = verdicts(found, **how)
    return {id: words for id, (verdict, words) in said.items() if verdict in ("FAILED", "WARNED", "ERROR")}


LATER, EARLIER = "2026-01-01T00:05:00Z", "2025-12-31T23:00:00Z"
LOW = "The node was low on resource: ephemeral-storage."
FAST, DEEP = {"pool": "fast"}, [{"key": "example.com/repair", "effect": "NoSchedule"}]


def mixed(found: Objects) -> None:
    """Nodes of another pool, which the set does not select, in a bad state."""
    for one in found[NODES]:
        one["metadata"]["labels"] = dict(FAST)
    found[NODES].append(node("other-pool"))
    at(found, "other-pool")["status"]["nodeInfo"]["kernelVersion"] = "3.10.0"
    pressed(found, "other-pool")


def cordoned_spare(found: Objects) -> None:
    found[NODES].append(node("broken", unschedulable=True))
    at(found, "broken")["status"]["nodeInfo"]["kernelVersion"] = "3.10.0"
    pressed(found, "broken")


def front_end_node(found: Objects) -> None:
    found[NODES].append(node("cpu", gpus=0))
    pressed(found, "cpu")


def for_others(found: Objects) -> None:
    """A node with another kernel and too few GPUs, and one with a taint for somebody else."""
    found[NODES] += [node("small", gpus=1), node("theirs", taints=DEEP)]
    for name in ("small", "theirs"):
        at(found, name)["status"]["nodeInfo"]["kernelVersion"] = "3.10.0"


CORRECT: dict[str, tuple[Object, Change]] = {
    "at rest": (a_set(), lambda found: None),
    "nodes that are to be drained": (a_set(), lambda found: [one["spec"].update(unschedulable=True, taints=DEEP) for one in found[NODES]]),
    "a pool that is not selected": (a_set(template=engine(nodeSelector=FAST)), mixed),
    "a cordoned spare node": (a_set(), cordoned_spare),
    "a node without GPUs": (a_set(), front_end_node),
    "nodes for others": (a_set(), for_others),
    "two pods to a node": (a_set(template=engine("4")), lambda found: found[NODES].append(node("spare-0"))),
    "no GPUs at all": (a_set(template=engine(None)), lambda found: [one["status"]["allocatable"].pop(GPU) for one in found[NODES]]),
    "one pod to a group": (a_set(size=1), lambda found: None),
    "no group": (a_set(replicas=0), lambda found: None),
    "a pod that hit its own limit": (a_set(), lambda found: event(found, "Evicted", 'Usage of EmptyDir volume "shm" exceeds the limit "16Gi".', LATER)),
    "an eviction before the set": (a_set(), lambda found: event(found, "Evicted", LOW, EARLIER)),
    "an eviction from a node for others": (a_set(), lambda found: event(found, "Evicted", LOW, LATER, host="cpu")),
    "a pod that has just been told to stop": (a_set(), lambda found: made_cluster.pod(found, "r1-0-1")["metadata"].update(deletionTimestamp="2099-01-01T00:00:00Z")),
    "training that is over": (a_set(), lambda found: other_pod(found, "node-r1-0", "8", "Succeeded")),
}  # fmt: skip


@pytest.mark.parametrize("own", [True, False], ids=["own", "existing"])
@pytest.mark.parametrize("name", CORRECT)
def test_nothing_is_found_on_correct_clusters(name: str, own: bool) -> None:
    lws, change = CORRECT[name]
    found = cluster(lws)
    change(found)
    assert broken(found, own=own) == {}


def unready(found: Objects) -> None:
    at(found, "node-r1-0-1")["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]


FAULTS: dict[str, tuple[Change, dict[str, str]]] = {
    "a node is lost": (unready, {"HWG-14": "Ready is Unknown"}),
    "disk": (lambda found: pressed(found, "node-r1-0"), {"HWG-11": "DiskPressure is True"}),
    "memory": (lambda found: pressed(found, "spare-0", "MemoryPressure"), {"HWG-11": "MemoryPressure is True"}),
    "evicted": (lambda found: event(found, "Evicted", LOW, LATER), {"HWG-11": "low on resource"}),
    "full": (lambda found: event(found, "Failed", "write: no space left on device", LATER), {"HWG-11": "no space"}),
    "kernel": (
        lambda found: at(found, "node-r1-1")["status"]["nodeInfo"].update(kernelVersion="3.10.0"),
        {"HWG-12": "kernel 3.10.0 on node-r1-1"},
    ),
    "small disk": (
        lambda found: at(found, "node-r1-1")["status"]["capacity"].update({"ephemeral-storage": "51539404Ki"}),
        {"HWG-10": "49.2 GiB"},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found_and_nothing_else(name: str) -> None:
    change, expected = FAULTS[name]
    found = cluster(spare=1)
    change(found)
    said = broken(found, own=False)
    assert said.keys() == expected.keys()
    assert all(words in " ".join(said[id]) for id, words in expected.items()), said


# Room.


def test_other_nodes_are_told_apart() -> None:
    found = cluster(spare=5)
    waiting(found, "r1-1", "r1-1-1")
    found[NODES] = [one for one in found[NODES] if not one["metadata"]["name"].startswith("node-r1-1")]
    at(found, "spare-0")["spec"]["unschedulable"] = True
    at(found, "spare-1")["spec"]["taints"] = DEEP
    at(found, "spare-2")["status"]["allocatable"] = {GPU: "7"}
    at(found, "spare-3")["status"]["conditions"] = []
    [words] = broken(found)["HWG-01"]
    assert "3 of 4 pods have a node" in words
    for part in ("are cordoned", "taint example.com/repair:NoSchedule", "offer 7 GPUs", "are not Ready"):
        assert f"1 {part}" in words or f"1 have {part}" in words, words


def test_pods_that_have_just_begun_to_wait_may_be_brought_nodes() -> None:
    found = cluster()
    waiting(found, "r1-1-1")
    found[NODES].pop()
    event(found, "FailedScheduling", "0/3 nodes are available", made_cluster.BORN)
    assert verdicts(found, own=False)["HWG-01"][0] == Verdict.CANNOT_TELL.name
    found[EVENTS][0]["lastTimestamp"] = LATER
    assert verdicts(found, own=False)["HWG-01"][0] == Verdict.FAILED.name


def test_leaders_do_not_take_the_nodes_of_workers() -> None:
    """Workers fit on one kind of node, leaders on both."""
    template = engine(nodeSelector=FAST) | {"leaderTemplate": engine()["workerTemplate"]}
    found = cluster(a_set(template=template))
    waiting(found, "r1-0", "r1-0-1", "r1-1", "r1-1-1")
    for one in found[NODES][:2]:
        one["metadata"]["labels"] = dict(FAST)
    assert "HWG-01" not in broken(found)
    found[NODES][1]["metadata"]["labels"] = {}
    [words] = broken(found)["HWG-01"]
    assert "worker: 1 of 2 pods have a node" in words and "do not meet pool=fast" in words


def test_anti_affinity_lets_one_pod_of_each_group_share_a_node() -> None:
    apart = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]}
    found = cluster(a_set(template=engine("2", affinity={"podAntiAffinity": apart})))
    waiting(found, "r1-0", "r1-0-1", "r1-1", "r1-1-1")
    found[NODES] = found[NODES][:2]
    assert "HWG-01" not in broken(found)
    found[NODES] = found[NODES][:1]
    assert "2 of 4 pods have a node" in broken(found)["HWG-01"][0]


@pytest.mark.parametrize(("gpus", "fits"), [("8", False), ("4", False), ("0", True)])
def test_gpus_that_others_hold_are_not_free(gpus: str, fits: bool) -> None:
    found = cluster()
    waiting(found, "r1-1-1")
    other_pod(found, "node-r1-1-1", gpus)
    assert ("HWG-02" not in broken(found, own=True)) is fits
    assert verdicts(found, own=False)["HWG-02"][0] == Verdict.NOT_APPLICABLE.name


@pytest.mark.parametrize("kind", ["Node", "Pod"])
def test_what_may_not_be_read_is_not_judged(kind: str) -> None:
    said = verdicts(cluster(), hidden=[kind])
    assert broken(cluster(), hidden=[kind]) == {}
    assert {said[id][0] for id in ("HWG-01", "HWG-02", "HWG-11", "HWG-14")} == {Verdict.CANNOT_TELL.name}
