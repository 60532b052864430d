"""A cluster as the LWS controller would have made it, from the model of its controllers: no process runs."""

import copy
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from seatrial import catalogue, judge
from seatrial.clusters.capability import Capability
from seatrial.clusters.provider import Cluster
from seatrial.judge import Judgement
from seatrial.live import subjects
from seatrial.live.deployed import Deployed
from seatrial.live.frozen import FrozenView
from seatrial.live.resources import (
    ENDPOINT_SLICES,
    EVENTS,
    LEADER_WORKER_SETS,
    NODES,
    PODS,
    REVISIONS,
    SERVICES,
    STATEFUL_SETS,
    Resource,
)
from seatrial.lws import keys
from seatrial.lws.expand import Group, expand
from seatrial.lws.releases import release
from seatrial.manifest_set import load_texts
from seatrial.target import Target

Object = dict[str, Any]
Objects = dict[Resource, list[Object]]
BORN, READY = "2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z"
ENGINE = {
    "containers": [
        {
            "name": "sglang",
            "image": "lmsysorg/sglang:v0.5.9",
            "command": ["python3", "-m", "sglang.launch_server", "--model-path=/data", "--port=30000"],
            "env": [{"name": "NCCL_SOCKET_IFNAME", "value": "eth0"}],
            "resources": {"limits": {"nvidia.com/gpu": "8"}},
        }
    ]
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "api", "namespace": "default", "uid": "api"},
    "spec": {"selector": {keys.NAME: "r1", keys.WORKER_INDEX: "0"}, "ports": [{"port": 30000}]},
}


def a_set(replicas: int = 2, size: int = 2, annotations: dict[str, str] | None = None, **spec: Any) -> Object:
    """A LeaderWorkerSet; what is given in `template` goes into leaderWorkerTemplate."""
    template = {"size": size, "workerTemplate": {"spec": ENGINE}, **spec.pop("template", {})}
    metadata: Object = {"name": "r1", "namespace": "default", "uid": "lws", "generation": 1}
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": metadata,
        "spec": {"replicas": replicas, "leaderWorkerTemplate": template, **spec},
    }


def objects(lws: Object, made_by: str = "0.9.0", revision: str = "r1", groups: Iterable[int] | None = None) -> Objects:
    """All that becomes of the set, with every pod ready on a node of its own."""
    found: Objects = {kind: [] for kind in (PODS, STATEFUL_SETS, SERVICES, NODES, EVENTS, REVISIONS, ENDPOINT_SLICES)}
    made = expand(
        lws, release(made_by), groups=groups, kubernetes=(1, 34), topology=lambda group: f"z{group}", revision=revision
    )
    found[LEADER_WORKER_SETS] = [lws | {"status": status(lws)}]
    found[STATEFUL_SETS] = [_made(made.leader_stateful_set, "sts", "lws")]
    found[SERVICES] = [_made(one, "headless", "lws") for one in made.services if one["metadata"]["name"] == "r1"]
    for group in made.groups:
        _add(found, group)
    found[SERVICES].append(SERVICE)
    leaders = [f"r1-{group.index}" for group in made.groups]
    found[ENDPOINT_SLICES] = [slice(*leaders)]
    found[REVISIONS] = [controller_revision(lws, revision, 1)]
    return found


def _add(found: Objects, group: Group) -> None:
    leader = f"r1-{group.index}"
    for pod in (group.leader, *group.workers):
        raw = _made(pod.manifest(), pod.name, "sts" if pod.role == "leader" else f"sts-{leader}")
        node = f"node-{pod.name}"
        raw["spec"]["nodeName"] = node
        raw["status"] = {
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": READY}],
            "containerStatuses": [{"name": "sglang", "state": {"running": {"startedAt": BORN}}}],
        }
        found[PODS].append(raw)
        labels = {"zone": f"z{group.index}"}
        capacity = {"nvidia.com/gpu": "8"}
        metadata = {"name": node, "uid": node, "labels": labels}
        found[NODES].append({"kind": "Node", "metadata": metadata, "status": {"allocatable": capacity}})
    if group.stateful_set is not None:
        found[STATEFUL_SETS].append(_made(group.stateful_set, f"sts-{leader}", leader))
    if group.service is not None:
        found[SERVICES].append(_made(group.service, f"svc-{leader}", leader))


def _made(raw: Object, uid: str, owner: str) -> Object:
    raw = copy.deepcopy(raw)
    raw["metadata"] |= {"uid": uid, "creationTimestamp": BORN}
    raw["metadata"]["ownerReferences"][0]["uid"] = owner
    return raw


def status(lws: Object) -> Object:
    count = lws["spec"]["replicas"]
    return {
        "replicas": count,
        "readyReplicas": count,
        "updatedReplicas": count,
        "observedGeneration": 1,
        "hpaPodSelector": f"{keys.NAME}=r1,{keys.WORKER_INDEX}=0",
        "conditions": [{"type": "Available", "status": "True"}],
    }


def slice(*leaders: str) -> Object:
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "name": "api-x2x7k",
            "namespace": "default",
            "uid": "slice",
            "labels": {"kubernetes.io/service-name": "api"},
        },
        "endpoints": [{"targetRef": {"kind": "Pod", "name": name, "uid": name}} for name in leaders],
        "ports": [{"port": 30000}],
    }


def controller_revision(lws: Object, hash: str, number: int) -> Object:
    spec = {key: {**lws["spec"].get(key, {}), "$patch": "replace"} for key in ("leaderWorkerTemplate", "networkConfig")}
    owner = {"kind": "LeaderWorkerSet", "name": "r1", "uid": "lws", "controller": True}
    return {
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"r1-{hash}-{number}",
            "namespace": "default",
            "uid": f"{hash}-{number}",
            "labels": {keys.NAME: "r1", keys.REVISION: hash},
            "ownerReferences": [owner],
        },
        "revision": number,
        "data": {"spec": spec},
    }


def deployed(
    found: Objects,
    installed: str | None = "0.9.0",
    *,
    own: bool = True,
    can: Iterable[Capability] = (),
    hidden: Iterable[str] = (),
    logs: dict[str, str] | None = None,
) -> Deployed:
    """The set that these objects were made of, on the cluster that they are."""
    declared = copy.deepcopy(found[LEADER_WORKER_SETS][0])
    declared.pop("status", None)
    text = yaml.safe_dump_all([declared, SERVICE])
    cluster = Cluster("kwok", "kwok", Path("kubeconfig"), None, frozenset(can), lws=installed)
    view = FrozenView(cluster, ["default"], found, "v1.34.1", logs, frozenset(hidden))
    return Deployed(load_texts("set", {"set.yaml": text}, Target.empty()), view, own=own)


def judged(on: Deployed, *areas: str) -> dict[str, Judgement]:
    """The judgements of these areas that need nothing that the cluster lacks."""
    return {
        one.id: judge.judge(one, on, subjects.of)
        for one in catalogue.requirements("cluster")
        if one.area in areas and not one.disruptive and all(map(on.has, one.needs))
    }


def not_fine(on: Deployed, *areas: str) -> dict[str, str]:
    """What is said against it, or not known, in words."""
    return {
        id: f"{one.verdict}: {one.reason or [(f.object, f.path, f.observed, f.expected) for f in one.findings]}{one.error or ''}"
        for id, one in judged(on, *areas).items()
        if not one.verdict.fine
    }


def pod(found: Objects, name: str) -> Object:
    return next(one for one in found[PODS] if one["metadata"]["name"] == name)


def without(found: Objects, resource: Resource, gone: Callable[[Object], bool]) -> None:
    found[resource] = [one for one in found[resource] if not gone(one)]
