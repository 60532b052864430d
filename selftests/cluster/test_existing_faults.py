"""Faults on a user's cluster: each is reported by the requirement that it breaks, and nothing unrelated is.

All are made on one cluster, one after the other, as an administrator or an accident would make them, and taken back.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from seatrial import cluster_trial
from seatrial.cluster_trial import ClusterTrial
from seatrial.clusters.leftovers import Run
from seatrial.clusters.node_templates import NATIVE_LABEL, REGULAR_LABEL
from seatrial.finding import CannotTell
from seatrial.knowledge import super_nodes
from seatrial.live import placement
from seatrial.live.installation import DEFINITION
from seatrial.live.leader_worker_set import is_leader
from seatrial.live.objects import LiveObject
from seatrial.live.resources import (
    BUDGETS,
    CLAIMS,
    CSI_DRIVERS,
    CSI_NODES,
    DEFINITIONS,
    DEPLOYMENTS,
    LEADER_WORKER_SETS,
    MUTATING,
    NAMESPACES,
    NODES,
    PODS,
    QUOTAS,
    SERVICES,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    VOLUMES,
    Resource,
)
from seatrial.live.settings import Settings
from seatrial.lws import keys
from seatrial.nodes.scheduling import INSTANCE_TYPE
from seatrial.storage.storage_classes import TURBO
from seatrial.trial import Trial
from seatrial.verdict import Verdict

from .users_cluster import NAMESPACE, REQUIREMENTS, UsersCluster, judge, told, users_cluster

SET = "deepseek-r1"
API = "deepseek-r1-api"
MODEL = "ai-model"
BROKEN = (Verdict.FAILED, Verdict.WARNED)
GPU = "nvidia.com/gpu"
MANAGER: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "lws-controller-manager", "namespace": "lws-system"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"control-plane": "controller-manager"}},
        "template": {
            "metadata": {"labels": {"control-plane": "controller-manager"}},
            "spec": {"containers": [{"name": "manager", "image": "docker.io/k8smirror/lws:v0.9.0"}]},
        },
    },
}
"""Stands for the controller, which is a process of the host here, as the release's manifest has it."""

Made = Callable[[UsersCluster], AbstractContextManager[None]]
FAULTS: list["Fault"] = []


@dataclass(frozen=True)
class Fault:
    make: Made
    requirement: str
    also: frozenset[str]
    """What is broken by it, too."""
    namespace: str
    named: bool

    @property
    def title(self) -> str:
        return getattr(self.make, "__name__", "fault")


def fault(requirement: str, *also: str, namespace: str = NAMESPACE, named: bool = True) -> Callable[[Any], Made]:
    """A generator function that makes a fault, and takes it back when it goes on."""

    def declare(function: Callable[[UsersCluster], Iterator[None]]) -> Made:
        made = contextmanager(function)
        FAULTS.append(Fault(made, requirement, frozenset(also), namespace, named))
        return made

    return declare


@pytest.fixture(scope="module")
def users(
    run: Run, asset_folders: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UsersCluster]:
    with users_cluster("two-groups", tmp_path_factory.mktemp("set"), run, asset_folders) as found:
        found.api.create(NAMESPACES, {"metadata": {"name": "lws-system"}})
        found.api.create(DEPLOYMENTS, MANAGER, "lws-system")
        found.until("the controller's Deployment is available", lambda: _available(found))
        yield found


def _available(users: UsersCluster) -> bool:
    return users.get(DEPLOYMENTS, "lws-controller-manager", "lws-system").holds("Available")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fault here is there to stay: a second look after a shorter pause sees no less."""
    monkeypatch.setattr(cluster_trial, "_STEADY_S", 0.5)
    monkeypatch.setattr(placement, "SCHEDULING_S", 0.0)


# The controller and what belongs to it.


@fault("CTL-02")
def definition_not_served(users: UsersCluster) -> Iterator[None]:
    found = users.get(DEFINITIONS, DEFINITION, None)
    versions = found.each("spec", "versions")
    users.api.patch(DEFINITIONS, DEFINITION, {"spec": {"versions": [{**one, "served": False} for one in versions]}})
    users.until("it is gone", lambda: not _served(users))
    yield
    users.api.patch(DEFINITIONS, DEFINITION, {"spec": {"versions": versions}})
    users.until("it is back", lambda: _served(users) and _listed(users))


def _listed(users: UsersCluster) -> bool:
    """Discovery tells of a version a moment before the API server serves it."""
    try:
        users.view.all(LEADER_WORKER_SETS, NAMESPACE)
    except CannotTell:
        return False
    return True


def _served(users: UsersCluster) -> bool:
    users.view.discovery.forget()
    return users.view.discovery.resource(LEADER_WORKER_SETS.api_version, LEADER_WORKER_SETS.kind) is not None


@fault("CTL-03")
def webhook_configuration_missing(users: UsersCluster) -> Iterator[None]:
    raw = users.get(MUTATING, _hooks(users), None).raw
    users.api.delete(MUTATING, _hooks(users))
    yield
    users.restore(MUTATING, raw)


@fault("CTL-03")
def authority_missing(users: UsersCluster) -> Iterator[None]:
    raw = users.get(MUTATING, _hooks(users), None).raw
    hooks = [{**one, "clientConfig": {"url": one["clientConfig"]["url"]}} for one in raw["webhooks"]]
    users.restore(MUTATING, {**raw, "webhooks": hooks})
    yield
    users.restore(MUTATING, raw)


@fault("CTL-11")
def pod_webhook_for_every_pod(users: UsersCluster) -> Iterator[None]:
    raw = users.get(MUTATING, _hooks(users), None).raw
    hooks = [{key: value for key, value in one.items() if key != "objectSelector"} for one in raw["webhooks"]]
    users.restore(MUTATING, {**raw, "webhooks": hooks})
    yield
    users.restore(MUTATING, raw)


def _hooks(users: UsersCluster) -> str:
    [name] = [one["metadata"]["name"] for one in users.api.list(MUTATING)]
    return str(name)


@fault("CTL-05", "GRP-02", "GRP-01")
def webhook_down(users: UsersCluster) -> Iterator[None]:
    """A pod is lost while nobody answers for LWS: it cannot come back."""
    users.provider.stop_lws_manager()
    users.api.delete(PODS, _worker(users).name, NAMESPACE)
    users.until("nothing can be made", lambda: _failed(users, "failed calling webhook"))
    yield
    users.provider.start_lws_manager()


@fault("CTL-01")
def controller_not_available(users: UsersCluster) -> Iterator[None]:
    yield from _with_controller(users, {"nodeSelector": {"kubernetes.io/os": "plan9"}}, lambda: not _available(users))


@fault("CTL-07")
def definition_newer_than_the_controller(users: UsersCluster) -> Iterator[None]:
    yield from _with_controller(users, _image("docker.io/k8smirror/lws:v0.8.0"), lambda: _available(users))


@fault("CTL-07")
def definition_older_than_the_controller(users: UsersCluster) -> Iterator[None]:
    yield from _with_controller(users, _image("docker.io/k8smirror/lws:v0.10.0"), lambda: _available(users))


@fault("CTL-09")
def controller_from_another_registry(users: UsersCluster) -> Iterator[None]:
    yield from _with_controller(users, _image("registry.k8s.io/lws/lws:v0.9.0"), lambda: _available(users))


def _image(image: str) -> dict[str, Any]:
    return {"containers": [{"name": "manager", "image": image}]}


def _with_controller(users: UsersCluster, spec: dict[str, Any], holds: Callable[[], bool]) -> Iterator[None]:
    template = {"spec": {**MANAGER["spec"]["template"]["spec"], **spec}}
    body = {"spec": {"template": template, "strategy": {"type": "Recreate", "rollingUpdate": None}}}
    users.api.patch(DEPLOYMENTS, "lws-controller-manager", body, "lws-system")
    users.until("the controller is as it has to be", lambda: _rolled(users) and holds())
    yield
    restored = {"spec": {**MANAGER["spec"]["template"]["spec"], **dict.fromkeys(spec.keys() - {"containers"})}}
    users.api.patch(DEPLOYMENTS, "lws-controller-manager", {"spec": {"template": restored}}, "lws-system")
    users.until("the controller is back", lambda: _rolled(users) and _available(users))


def _rolled(users: UsersCluster) -> bool:
    found = users.get(DEPLOYMENTS, "lws-controller-manager", "lws-system")
    status = found.at("status") or {}
    return status.get("observedGeneration") == found.metadata["generation"] and status.get("updatedReplicas") == 2


# Groups.


@fault("GRP-02")
def worker_stateful_set_lost(users: UsersCluster) -> Iterator[None]:
    users.provider.stop_lws_manager()
    users.api.delete(STATEFUL_SETS, f"{SET}-1", NAMESPACE)
    users.until("its pods are gone", lambda: len(_pods(users)) == 3)
    yield
    users.provider.start_lws_manager()


@fault("GRP-04", "GRP-01", "GRP-07")
def pod_relabelled(users: UsersCluster) -> Iterator[None]:
    pod = _worker(users)
    users.api.patch(PODS, pod.name, {"metadata": {"labels": {keys.GROUP_KEY: "another"}}}, NAMESPACE)
    yield
    users.api.patch(PODS, pod.name, {"metadata": {"labels": {keys.GROUP_KEY: pod.labels[keys.GROUP_KEY]}}}, NAMESPACE)


@fault("GRP-12", "GRP-04")
def pod_of_another_revision(users: UsersCluster) -> Iterator[None]:
    pod = _worker(users)
    users.api.patch(PODS, pod.name, {"metadata": {"labels": {keys.REVISION: "another"}}}, NAMESPACE)
    yield
    users.api.patch(PODS, pod.name, {"metadata": {"labels": {keys.REVISION: pod.labels[keys.REVISION]}}}, NAMESPACE)


@fault("GRP-01")
def worker_not_ready(users: UsersCluster) -> Iterator[None]:
    pod = _worker(users)
    conditions = pod.each("status", "conditions")
    down = [{**one, "status": "False"} if one["type"] in ("Ready", "ContainersReady") else one for one in conditions]
    users.api.patch(PODS, pod.name, {"status": {"conditions": down}}, NAMESPACE, "status")
    users.until("the set sees it", lambda: not users.get(LEADER_WORKER_SETS, SET).holds("Available"))
    yield
    users.api.patch(PODS, pod.name, {"status": {"conditions": conditions}}, NAMESPACE, "status")


@fault("GRP-01", "HWG-14")
def node_lost(users: UsersCluster) -> Iterator[None]:
    node = str(_worker(users).at("spec", "nodeName"))
    users.provider.lose_node(node)
    users.until("the set sees it", lambda: not users.get(LEADER_WORKER_SETS, SET).holds("Available"))
    yield
    users.provider.start_kubelet(node)
    for pod in _pods(users):
        if pod.at("spec", "nodeName") == node:
            users.api.delete(PODS, pod.name, NAMESPACE, grace_s=0)


@fault("GRP-02", "GRP-01")
def quota_too_small(users: UsersCluster) -> Iterator[None]:
    quota = {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "4"}}}
    users.api.create(QUOTAS, quota, NAMESPACE)
    users.until("the quota is counted", lambda: users.get(QUOTAS, "small").at("status", "used", "pods"))
    users.api.delete(PODS, _worker(users).name, NAMESPACE)
    users.until("a pod is refused", lambda: _failed(users, "exceeded quota"))
    yield
    users.api.delete(QUOTAS, "small", NAMESPACE)


@fault("GRP-13", "GRP-01", "HWG-01")
def taint_without_toleration(users: UsersCluster) -> Iterator[None]:
    names = [node.name for node in _gpu_nodes(users)]
    before = {name: users.get(NODES, name, None).each("spec", "taints") for name in names}
    for name, taints in before.items():
        repair = {"key": "example.com/repair", "effect": "NoSchedule"}
        users.api.patch(NODES, name, {"spec": {"taints": [*taints, repair]}})
    yield from _replaced_in_vain(users)
    for name, taints in before.items():
        users.api.patch(NODES, name, {"spec": {"taints": taints}})


@fault("HWG-01", "GRP-13", "GRP-01", "HWG-06")
def too_few_gpus(users: UsersCluster) -> Iterator[None]:
    names = [node.name for node in _gpu_nodes(users)]
    for name in names:
        _set_gpus(users, name, "4")
    yield from _replaced_in_vain(users)
    for name in names:
        _set_gpus(users, name, "8")


@fault("GRP-13", "ADM-06", "GRP-01")
def another_set_took_the_nodes(users: UsersCluster) -> Iterator[None]:
    """The spare nodes are taken by others, and one more group is asked for."""
    other = _other_set("greedy", replicas=1)
    users.api.create(NAMESPACES, {"metadata": {"name": "greedy"}})
    users.api.create(LEADER_WORKER_SETS, other, "greedy")
    users.until("it has its nodes", lambda: _placed(users, "greedy", 2))
    users.api.patch(LEADER_WORKER_SETS, SET, {"spec": {"replicas": 3}}, NAMESPACE)
    users.until("a pod waits", lambda: _waiting(users))
    yield
    users.api.patch(LEADER_WORKER_SETS, SET, {"spec": {"replicas": 2}}, NAMESPACE)
    users.api.delete(LEADER_WORKER_SETS, "greedy", "greedy")
    users.api.delete(NAMESPACES, "greedy")
    users.until("it is gone", lambda: users.api.find(NAMESPACES, "greedy") is None)


@fault("GRP-08", "GRP-07")
def service_with_the_name_of_the_set(users: UsersCluster) -> Iterator[None]:
    raw = users.get(SERVICES, SET).raw
    users.provider.stop_lws_manager()
    users.api.delete(SERVICES, SET, NAMESPACE)
    ports = [{"name": "api", "port": 30000}]
    mine = {"metadata": {"name": SET}, "spec": {"selector": {"app.kubernetes.io/name": SET}, "ports": ports}}
    users.api.create(SERVICES, mine, NAMESPACE)
    users.provider.start_lws_manager()
    yield
    users.api.delete(SERVICES, SET, NAMESPACE)
    users.restore(SERVICES, raw)


@fault("GRP-08")
def service_that_nobody_owns(users: UsersCluster) -> Iterator[None]:
    owners = users.get(SERVICES, SET).metadata["ownerReferences"]
    users.api.patch(SERVICES, SET, {"metadata": {"ownerReferences": None}}, NAMESPACE)
    yield
    users.api.patch(SERVICES, SET, {"metadata": {"ownerReferences": owners}}, NAMESPACE)


@fault("GRP-17", "GRP-01", "GRP-08", named=False)
def names_that_collide(users: UsersCluster) -> Iterator[None]:
    """The leader of one set is called like the StatefulSet of the other."""
    users.provider.stop_lws_manager()
    hooks = users.get(MUTATING, _hooks(users), None).raw
    users.api.delete(MUTATING, _hooks(users))
    validating = _without_validation(users)
    users.api.create(LEADER_WORKER_SETS, {**_other_set(f"{SET}-0", replicas=0)}, NAMESPACE)
    _with_validation(users, validating)
    users.restore(MUTATING, hooks)
    users.provider.start_lws_manager()
    yield
    users.api.delete(LEADER_WORKER_SETS, f"{SET}-0", NAMESPACE)


@fault("GRP-02", namespace="long", named=False)
def name_too_long(users: UsersCluster) -> Iterator[None]:
    """LWS accepts the name; the labels of its pods do not."""
    users.api.create(NAMESPACES, {"metadata": {"name": "long"}})
    name = "a" * 60
    users.api.create(LEADER_WORKER_SETS, _other_set(name, replicas=1), "long")
    users.until("it has been tried", lambda: users.api.list(STATEFUL_SETS, "long") or users.api.list(_EVENTS, "long"))
    yield
    users.api.delete(LEADER_WORKER_SETS, name, "long")
    users.api.delete(NAMESPACES, "long")
    users.until("it is gone", lambda: users.api.find(NAMESPACES, "long") is None)


_EVENTS = Resource("", "v1", "events", "Event")
_VALIDATING = Resource(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False
)


def _without_validation(users: UsersCluster) -> list[dict[str, Any]]:
    found = users.api.list(_VALIDATING)
    for one in found:
        users.api.delete(_VALIDATING, one["metadata"]["name"])
    return found


def _with_validation(users: UsersCluster, found: list[dict[str, Any]]) -> None:
    for one in found:
        users.restore(_VALIDATING, one)


# What departs from the manifests.


@fault("ADM-06")
def replicas_drifted(users: UsersCluster) -> Iterator[None]:
    users.api.patch(LEADER_WORKER_SETS, SET, {"spec": {"replicas": 1}}, NAMESPACE)
    users.until("a group is gone", lambda: len(_pods(users)) == 2)
    yield
    users.api.patch(LEADER_WORKER_SETS, SET, {"spec": {"replicas": 2}}, NAMESPACE)


@fault("ADM-06")
def image_changed_on_the_cluster(users: UsersCluster) -> Iterator[None]:
    """kubectl set image, and the rollout that follows is over."""
    yield from _with_image(users, lambda: users.settle())


@fault("GRP-13", "ADM-06", "GRP-01", "HWG-01")
def rollout_stuck(users: UsersCluster) -> Iterator[None]:
    """Every node is cordoned: pods of a former rollout may still hold one that would be free in a moment."""
    names = [node.name for node in _gpu_nodes(users)]
    for name in names:
        users.api.patch(NODES, name, {"spec": {"unschedulable": True}})
    yield from _with_image(users, lambda: users.until("a surge pod waits", lambda: _waiting(users)))
    for name in names:
        users.api.patch(NODES, name, {"spec": {"unschedulable": None}})


def _with_image(users: UsersCluster, wait: Callable[[], None]) -> Iterator[None]:
    template = users.get(LEADER_WORKER_SETS, SET).at("spec", "leaderWorkerTemplate", "workerTemplate")
    containers = template["spec"]["containers"]
    other = [{**one, "image": "lmsysorg/sglang:v0.5.9-cu129-amd64"} for one in containers]
    _patch_workers(users, other)
    users.until("LWS sees it", lambda: users.get(LEADER_WORKER_SETS, SET).holds("UpdateInProgress"))
    wait()
    yield
    _patch_workers(users, containers)


def _patch_workers(users: UsersCluster, containers: list[dict[str, Any]]) -> None:
    body = {"spec": {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": containers}}}}}
    users.api.patch(LEADER_WORKER_SETS, SET, body, NAMESPACE)


@fault("ADM-06")
def budget_that_forbids_everything(users: UsersCluster) -> Iterator[None]:
    users.api.patch(BUDGETS, SET, {"spec": {"maxUnavailable": 0}}, NAMESPACE)
    yield
    users.api.patch(BUDGETS, SET, {"spec": {"maxUnavailable": 1}}, NAMESPACE)


@fault("HRD-02")
def privileged_pod(users: UsersCluster) -> Iterator[None]:
    yield from _with_front_end(users, {"securityContext": {"privileged": True}})


@fault("HRD-03")
def secret_in_plain_text(users: UsersCluster) -> Iterator[None]:
    env = users.get(DEPLOYMENTS, "open-webui").at("spec", "template", "spec", "containers", 0, "env")
    yield from _with_front_end(users, {"env": [*env, {"name": "OPENAI_API_KEY", "value": "sk-0123456789abcdef"}]})


def _with_front_end(users: UsersCluster, changes: dict[str, Any]) -> Iterator[None]:
    raw = users.get(DEPLOYMENTS, "open-webui").raw
    [container] = raw["spec"]["template"]["spec"]["containers"]
    body = {"spec": {"template": {"spec": {"containers": [{**container, **changes}]}}}}
    users.api.patch(DEPLOYMENTS, "open-webui", body, NAMESPACE)
    users.until("the pod is replaced", lambda: _front_end_is_new(users))
    yield
    users.restore(DEPLOYMENTS, raw)
    users.until("the pod is back", lambda: _front_end_is_new(users))


def _front_end_is_new(users: UsersCluster) -> bool:
    found = users.get(DEPLOYMENTS, "open-webui")
    status = found.at("status") or {}
    seen = status.get("observedGeneration") == found.metadata["generation"]
    return bool(seen and status.get("updatedReplicas") == status.get("replicas") == status.get("readyReplicas") == 1)


# The way to the leaders.


@fault("EPS-01", "ADM-06")
def selector_misses_groups(users: UsersCluster) -> Iterator[None]:
    yield from _with_service(
        users, selector={keys.NAME: SET, "apps.kubernetes.io/pod-index": "0", keys.WORKER_INDEX: "0"}
    )


@fault("EPS-01", "ADM-06")
def service_without_endpoints(users: UsersCluster) -> Iterator[None]:
    yield from _with_service(users, selector={keys.NAME: SET, keys.WORKER_INDEX: "leader"})


@fault("EPS-02", "EPS-01", "ADM-06")
def workers_behind_the_service(users: UsersCluster) -> Iterator[None]:
    yield from _with_service(users, selector={keys.NAME: SET})


@fault("EPS-03", "ADM-06")
def service_port_that_nobody_listens_on(users: UsersCluster) -> Iterator[None]:
    yield from _with_service(users, ports=[{"name": "api", "port": 30000, "targetPort": 8000}])


def _with_service(users: UsersCluster, **spec: Any) -> Iterator[None]:
    raw = users.get(SERVICES, API).raw
    users.restore(SERVICES, {**raw, "spec": {**raw["spec"], **spec}})
    users.until("the endpoints follow", lambda: _endpoints_follow(users))
    yield
    users.restore(SERVICES, raw)
    users.until("the endpoints are back", lambda: _endpoints_follow(users))


def _endpoints_follow(users: UsersCluster) -> bool:
    """Whether the slices hold the pods and the port that the Service asks for."""
    service = users.get(SERVICES, API)
    wanted = {pod.uid for pod in _pods(users) if service.at("spec", "selector").items() <= pod.labels.items()}
    slices = [
        LiveObject(one)
        for one in users.api.list(_SLICES, NAMESPACE)
        if one["metadata"]["labels"].get("kubernetes.io/service-name") == API
    ]
    found = {endpoint["targetRef"]["uid"] for one in slices for endpoint in one.each("endpoints")}
    ports = {port["port"] for one in slices for port in one.each("ports")}
    target = service.at("spec", "ports", 0, "targetPort")
    return found == wanted and (not wanted or ports == {30000 if target == "api" else target})


_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")


# Storage.


@fault("VOL-03", "VOL-11")
def class_of_another_file_system(users: UsersCluster) -> Iterator[None]:
    raw = users.get(STORAGE_CLASSES, "cfs-turbo", None).raw
    users.api.delete(STORAGE_CLASSES, "cfs-turbo")
    users.restore(STORAGE_CLASSES, {**raw, "parameters": {**raw["parameters"], "fsid": "0badcafe"}})
    yield
    users.api.delete(STORAGE_CLASSES, "cfs-turbo")
    users.restore(STORAGE_CLASSES, raw)


@fault("VOL-03")
def class_missing(users: UsersCluster) -> Iterator[None]:
    raw = users.get(STORAGE_CLASSES, "cfs-turbo", None).raw
    users.api.delete(STORAGE_CLASSES, "cfs-turbo")
    yield
    users.restore(STORAGE_CLASSES, raw)


@fault("VOL-04")
def claim_lost_its_volume(users: UsersCluster) -> Iterator[None]:
    raw = users.get(VOLUMES, _volume(users), None).raw
    users.api.delete(VOLUMES, raw["metadata"]["name"])
    users.api.patch(VOLUMES, raw["metadata"]["name"], {"metadata": {"finalizers": None}})
    users.until("the claim is lost", lambda: users.get(CLAIMS, MODEL).at("status", "phase") == "Lost")
    yield
    users.restore(VOLUMES, raw)
    users.until("the claim is bound again", lambda: users.get(CLAIMS, MODEL).at("status", "phase") == "Bound")


@fault("VOL-13")
def volume_goes_with_the_claim(users: UsersCluster) -> Iterator[None]:
    users.api.patch(VOLUMES, _volume(users), {"spec": {"persistentVolumeReclaimPolicy": "Delete"}})
    yield
    users.api.patch(VOLUMES, _volume(users), {"spec": {"persistentVolumeReclaimPolicy": "Retain"}})


def _volume(users: UsersCluster) -> str:
    return str(users.get(CLAIMS, MODEL).at("spec", "volumeName"))


@fault("VOL-01")
def driver_missing(users: UsersCluster) -> Iterator[None]:
    raw = users.get(CSI_DRIVERS, TURBO, None).raw
    users.api.delete(CSI_DRIVERS, TURBO)
    yield
    users.restore(CSI_DRIVERS, raw)


@fault("VOL-02")
def driver_not_on_a_node(users: UsersCluster) -> Iterator[None]:
    name = str(_worker(users).at("spec", "nodeName"))
    raw = users.get(CSI_NODES, name, None).raw
    users.restore(CSI_NODES, {**raw, "spec": {"drivers": []}})
    yield
    users.restore(CSI_NODES, raw)


# Nodes.


@fault("ADM-01")
def kubelet_too_old(users: UsersCluster) -> Iterator[None]:
    name = str(_worker(users).at("spec", "nodeName"))
    before = users.get(NODES, name, None).at("status", "nodeInfo", "kubeletVersion")
    users.api.patch(NODES, name, {"status": {"nodeInfo": {"kubeletVersion": "v1.26.1-tke.2"}}}, None, "status")
    yield
    users.api.patch(NODES, name, {"status": {"nodeInfo": {"kubeletVersion": before}}}, None, "status")


@fault("HWG-11")
def node_short_of_disk(users: UsersCluster) -> Iterator[None]:
    name = str(_worker(users).at("spec", "nodeName"))
    before = users.get(NODES, name, None).each("status", "conditions")
    pressed = {"type": "DiskPressure", "status": "True", "reason": "KubeletHasDiskPressure"}
    others = [one for one in before if one["type"] != "DiskPressure"]
    users.api.patch(NODES, name, {"status": {"conditions": [*others, pressed]}}, None, "status")
    yield
    users.api.patch(NODES, name, {"status": {"conditions": before}}, None, "status")
    users.until("its taint is gone", lambda: not _has_taint(users, name, "node.kubernetes.io/disk-pressure"))


@fault("HWG-11")
def pod_evicted_from_a_full_node(users: UsersCluster) -> Iterator[None]:
    pod = _worker(users)
    event = {
        "metadata": {"name": "evicted.1"},
        "involvedObject": {"kind": "Pod", "name": pod.name, "namespace": NAMESPACE},
        "reason": "Evicted",
        "message": "The node was low on resource: ephemeral-storage. Threshold quantity: 1, available: 0.",
        "source": {"component": "kubelet", "host": pod.at("spec", "nodeName")},
        "lastTimestamp": pod.metadata["creationTimestamp"],
        "type": "Warning",
    }
    users.api.create(_EVENTS, event, NAMESPACE)
    yield


@fault("HWG-12")
def another_kernel_on_one_node(users: UsersCluster) -> Iterator[None]:
    yield from _with_node_info(users, {"kernelVersion": "5.4.241-1-tlinux4-0017.7"})


@fault("HWG-12")
def another_runtime_on_one_node(users: UsersCluster) -> Iterator[None]:
    yield from _with_node_info(users, {"containerRuntimeVersion": "containerd://1.7.28-tke.1"})


def _with_node_info(users: UsersCluster, changes: dict[str, str]) -> Iterator[None]:
    name = str(_worker(users).at("spec", "nodeName"))
    before = users.get(NODES, name, None).at("status", "nodeInfo")
    users.api.patch(NODES, name, {"status": {"nodeInfo": changes}}, None, "status")
    yield
    users.api.patch(NODES, name, {"status": {"nodeInfo": {key: before[key] for key in changes}}}, None, "status")


@fault("HWG-16")
def node_of_another_pool_type(users: UsersCluster) -> Iterator[None]:
    """The target says native."""
    name = str(_worker(users).at("spec", "nodeName"))
    machineset = users.get(NODES, name, None).labels[NATIVE_LABEL]
    users.api.patch(NODES, name, {"metadata": {"labels": {NATIVE_LABEL: None, REGULAR_LABEL: "np-3kq0z1c8"}}})
    yield
    users.api.patch(NODES, name, {"metadata": {"labels": {NATIVE_LABEL: machineset, REGULAR_LABEL: None}}})


@fault("HWG-18", "ADM-06")
def taint_of_super_nodes(users: UsersCluster) -> Iterator[None]:
    """The front end is sent to super nodes, and does not tolerate their taint."""
    taints = [{"key": super_nodes.TAINT, "effect": "NoSchedule"}]
    labels = {INSTANCE_TYPE: super_nodes.INSTANCE_TYPE}
    users.api.create(NODES, {"metadata": {"name": "eklet-subnet-1", "labels": labels}, "spec": {"taints": taints}})
    raw = users.get(DEPLOYMENTS, "open-webui").raw
    body = {"spec": {"template": {"spec": {"nodeSelector": labels}}}}
    users.api.patch(DEPLOYMENTS, "open-webui", body, NAMESPACE)
    users.until("the new pod waits", lambda: _front_end_waits(users))
    yield
    users.restore(DEPLOYMENTS, raw)
    users.until("the pod is back", lambda: _front_end_is_new(users))
    users.api.delete(NODES, "eklet-subnet-1")


def _front_end_waits(users: UsersCluster) -> bool:
    conditions = (LiveObject(one).condition("PodScheduled") for one in users.api.list(PODS, NAMESPACE))
    return any(one is not None and one.get("reason") == "Unschedulable" for one in conditions)


def _has_taint(users: UsersCluster, node: str, key: str) -> bool:
    return any(one["key"] == key for one in users.get(NODES, node, None).each("spec", "taints"))


# Where the nodes are, and which GPUs they have.


def _labelled(users: UsersCluster, names: list[str], **labels: str) -> Iterator[None]:
    """Nodes with other labels, for a while; `__` stands for a slash and `_` for a dot."""
    wanted = {key.replace("__", "/").replace("_", "."): value for key, value in labels.items()}
    before = {name: users.get(NODES, name, None).labels for name in names}
    for name in names:
        users.api.patch(NODES, name, {"metadata": {"labels": wanted}})
    yield
    for name, old in before.items():
        users.api.patch(NODES, name, {"metadata": {"labels": {key: old.get(key) for key in wanted}}})


ZONE, ZONE_NAME = "topology_kubernetes_io__zone", "topology_com_tencent_cloud_csi_cbs__zone"
REGION, TYPE = "topology_kubernetes_io__region", "node_kubernetes_io__instance-type"


@fault("LOC-02", "LOC-03", "LOC-04")
def a_zone_apart(users: UsersCluster) -> Iterator[None]:
    node = str(_worker(users).at("spec", "nodeName"))
    yield from _labelled(users, [node], **{ZONE: "100003", ZONE_NAME: "ap-guangzhou-3"})


@fault("LOC-03", named=False)
def a_spare_node_in_another_zone(users: UsersCluster) -> Iterator[None]:
    used = {str(pod.at("spec", "nodeName")) for pod in _pods(users)}
    spare = next(node.name for node in _gpu_nodes(users) if node.name not in used)
    yield from _labelled(users, [spare], **{ZONE: "100003"})


@fault("LOC-04")
def file_system_far_away(users: UsersCluster) -> Iterator[None]:
    names = [node.name for node in _gpu_nodes(users)]
    yield from _labelled(users, names, **{ZONE: "100007", ZONE_NAME: "ap-guangzhou-7"})


@fault("LOC-01", "LOC-04")
def another_region(users: UsersCluster) -> Iterator[None]:
    names = [node.name for node in _gpu_nodes(users)]
    yield from _labelled(users, names, **{REGION: "cd", ZONE: "160001", ZONE_NAME: "ap-chengdu-1"})


@fault("HWG-06", "HWG-04", "HWG-05")
def wrong_gpu_model_on_one_node(users: UsersCluster) -> Iterator[None]:
    node = str(_worker(users).at("spec", "nodeName"))
    yield from _labelled(users, [node], nvidia_com__gpu_product="Tesla-T4", nvidia_com__gpu_count="8")


@fault("HWG-06", "HWG-05")
def wrong_instance_type_on_one_node(users: UsersCluster) -> Iterator[None]:
    node = str(_worker(users).at("spec", "nodeName"))
    yield from _labelled(users, [node], **{TYPE: "GT4.41XLARGE948"})


@fault("HWG-06", "HWG-05", named=False)
def two_gpu_models(users: UsersCluster) -> Iterator[None]:
    """Nobody has said which it should be: the nodes differ."""
    node = str(_worker(users).at("spec", "nodeName"))
    yield from _labelled(users, [node], nvidia_com__gpu_product="NVIDIA-A100-SXM4-80GB")


@fault("HWG-06")
def a_gpu_that_is_gone(users: UsersCluster) -> Iterator[None]:
    name = str(_worker(users).at("spec", "nodeName"))
    _set_gpus(users, name, "7")
    yield
    _set_gpus(users, name, "8")


# What the faults are made of.


def _pods(users: UsersCluster, namespace: str = NAMESPACE) -> list[LiveObject]:
    found = [LiveObject(one) for one in users.api.list(PODS, namespace, labels=keys.NAME)]
    return [pod for pod in found if not pod.deleting]


def _worker(users: UsersCluster) -> LiveObject:
    """The worker of the last group."""
    return next(pod for pod in _pods(users) if not is_leader(pod) and pod.labels[keys.GROUP_INDEX] == "1")


def _gpu_nodes(users: UsersCluster) -> list[LiveObject]:
    return [node for node in map(LiveObject, users.api.list(NODES)) if node.at("status", "capacity", GPU)]


def _set_gpus(users: UsersCluster, node: str, count: str) -> None:
    users.api.patch(NODES, node, {"status": {"capacity": {GPU: count}, "allocatable": {GPU: count}}}, None, "status")


def _replaced_in_vain(users: UsersCluster) -> Iterator[None]:
    """A group loses a pod, and finds no place any more."""
    users.api.delete(PODS, _worker(users).name, NAMESPACE)
    users.until("a pod waits", lambda: _waiting(users))
    yield


def _waiting(users: UsersCluster) -> bool:
    scheduled = (pod.condition("PodScheduled") or {} for pod in _pods(users))
    return any(one.get("reason") == "Unschedulable" for one in scheduled)


def _placed(users: UsersCluster, namespace: str, count: int) -> bool:
    return sum(bool(pod.at("spec", "nodeName")) for pod in _pods(users, namespace)) == count


def _failed(users: UsersCluster, words: str) -> bool:
    events = (LiveObject(one) for one in users.api.list(_EVENTS, NAMESPACE))
    return any(one.at("reason") == "FailedCreate" and words in str(one.at("message")) for one in events)


def _other_set(name: str, replicas: int) -> dict[str, Any]:
    limits = {GPU: "8"}
    spec = {
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "engine", "image": "engine:1", "resources": {"limits": limits}}],
    }
    return {
        "apiVersion": LEADER_WORKER_SETS.api_version,
        "kind": LEADER_WORKER_SETS.kind,
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "leaderWorkerTemplate": {"size": 2, "workerTemplate": {"spec": spec}}},
    }


# The tests.


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_fault_is_reported(fault: Fault, users: UsersCluster, tmp_path: Path) -> None:
    with fault.make(users):
        found = judge(users, tmp_path, named=fault.named, namespace=fault.namespace)
    broken = {id: told(one) for id, one in found.items() if one.verdict in BROKEN}
    errors = {id: told(one) for id, one in found.items() if one.verdict is Verdict.ERROR}
    try:
        assert errors == {}
        assert fault.requirement in broken, f"{told(found[fault.requirement])}; broken: {broken}"
        assert {id: said for id, said in broken.items() if id != fault.requirement and id not in fault.also} == {}
    finally:
        users.settle()
        _forget(users)


def _forget(users: UsersCluster) -> None:
    """Events of one fault would explain the next; and groups that come and go that often are a finding."""
    for one in users.api.list(_EVENTS, NAMESPACE):
        users.api.delete(_EVENTS, one["metadata"]["name"], NAMESPACE)


def test_there_are_enough_faults() -> None:
    assert len({fault.title for fault in FAULTS}) == len(FAULTS) >= 25


def test_nothing_is_left_of_the_faults(users: UsersCluster, tmp_path: Path) -> None:
    found = judge(users, tmp_path)
    assert {
        id: told(one) for id, one in found.items() if one.verdict in (*BROKEN, Verdict.NOT_RUN, Verdict.ERROR)
    } == {}


def test_deploy_beside_what_runs(users: UsersCluster, tmp_path: Path) -> None:
    """The set that runs holds four of six nodes: there are enough for a second one, and too few are free."""
    trial = ClusterTrial(
        Trial([str(users.folder)], None, NAMESPACE, None, date(2026, 11, 25)),
        Settings(kubeconfig=users.kubeconfig, named=True, deploy=True, wait_s=3.0),
        tmp_path,
    )
    trial.check()
    [name] = trial.names
    try:
        found = {one.id: trial.judge(one, name) for one in REQUIREMENTS if one.id in ("HWG-01", "HWG-02")}
    finally:
        trial.leave()
    assert found["HWG-01"].verdict is Verdict.PASSED, told(found["HWG-01"])
    assert found["HWG-02"].verdict is Verdict.FAILED, told(found["HWG-02"])
    assert "of 6 GPU nodes 6 have 0 of 8 GPUs free" in told(found["HWG-02"])


def test_without_lws(users: UsersCluster, tmp_path: Path) -> None:
    """The definition is gone, and every LeaderWorkerSet with it: one failure, and what is blocked by it."""
    users.api.delete(DEFINITIONS, DEFINITION)
    users.until("it is gone", lambda: not _served(users) and not _pods(users))
    found = judge(users, tmp_path)
    assert [id for id, one in found.items() if one.verdict in (*BROKEN, Verdict.ERROR)] == ["CTL-02"], {
        id: told(one) for id, one in found.items() if one.verdict in (*BROKEN, Verdict.ERROR)
    }
    assert {found[id].verdict for id in ("GRP-01", "GRP-02", "CTL-03", "ADM-06", "EPS-01")} == {Verdict.NOT_RUN}
    with pytest.raises(Exception, match=r"does not serve LeaderWorkerSets \(CTL-02\): install LWS"):
        judge(users, tmp_path, named=False)
