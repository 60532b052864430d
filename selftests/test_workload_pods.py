"""Each pod finds the template that the set declares for it."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.clusters.provider import Cluster
from seatrial.live.deployed import Deployed
from seatrial.live.frozen import FrozenView
from seatrial.live.resources import LEADER_WORKER_SETS, PODS
from seatrial.live.restarting import restarting
from seatrial.live.workload_pods import once_per_template, workload_pods
from seatrial.manifest_set import load_texts
from seatrial.manifests.document import dotted
from seatrial.target import Target

SPEC = "{spec: {containers: [{name: c}]}}"
MANIFESTS = f"""
{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{template: {SPEC}}}}}
---
{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: db}}, spec: {{template: {SPEC}}}}}
---
{{apiVersion: batch/v1, kind: Job, metadata: {{name: load}}, spec: {{template: {SPEC}}}}}
---
{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: tidy}}, spec: {{jobTemplate: {{spec: {{template: {SPEC}}}}}}}}}
---
{{apiVersion: v1, kind: Pod, metadata: {{name: alone}}, spec: {{containers: [{{name: c}}]}}}}
---
{{apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, metadata: {{name: r1}}, spec: {{leaderWorkerTemplate: {{size: 2, leaderTemplate: {SPEC}, workerTemplate: {SPEC}}}}}}}
"""
LWS = "leaderworkerset.sigs.k8s.io/"


def pod(name: str, owner: str = "", labels: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    kind, _, owner_name = owner.partition("/")
    owners = [{"kind": kind, "name": owner_name, "controller": True}] if owner else []
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": labels or {},
            "ownerReferences": owners,
            **metadata,
        },
    }


def found(*pods: dict[str, Any]) -> list[tuple[str, str, str]]:
    cluster = Cluster("existing", "existing", Path("kubeconfig"), None, frozenset())
    view = FrozenView(cluster, ["default"], {PODS: list(pods), LEADER_WORKER_SETS: []}, "v1.30.0")
    deployed = Deployed(load_texts("set", {"a.yaml": MANIFESTS}, Target.empty()), view, own=False)
    return [(one.pod.name, one.document.title, dotted(one.template.node.path)) for one in workload_pods(deployed)]


CASES = [
    (pod("web-5f6d8-x2x", "ReplicaSet/web-5f6d8", {"pod-template-hash": "5f6d8"}), "Deployment/web", "spec.template"),
    (pod("db-0", "StatefulSet/db"), "StatefulSet/db", "spec.template"),
    (pod("load-abc", "Job/load"), "Job/load", "spec.template"),
    (pod("tidy-29000000-abc", "Job/tidy-29000000"), "CronJob/tidy", "spec.jobTemplate.spec.template"),
    (pod("alone"), "Pod/alone", ""),
    (pod("r1-0", "StatefulSet/r1", {f"{LWS}name": "r1", f"{LWS}worker-index": "0"}), "LeaderWorkerSet/r1", "spec.leaderWorkerTemplate.leaderTemplate"),
    (pod("r1-0-1", "StatefulSet/r1-0", {f"{LWS}name": "r1", f"{LWS}worker-index": "1"}), "LeaderWorkerSet/r1", "spec.leaderWorkerTemplate.workerTemplate"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "title", "path"), CASES)
def test_the_template_of_a_pod(raw: dict[str, Any], title: str, path: str) -> None:
    assert found(raw) == [(raw["metadata"]["name"], title, path)]


@pytest.mark.parametrize(
    "raw",
    [
        pod("web-5f6d8-x2x", "ReplicaSet/other-5f6d8", {"pod-template-hash": "5f6d8"}),
        pod("web", "DaemonSet/web"),
        pod("stranger"),
        pod("db-0", "StatefulSet/db", deletionTimestamp="2026-01-01T00:00:00Z"),
        pod("r2-0", "StatefulSet/r2", {f"{LWS}name": "r2", f"{LWS}worker-index": "0"}),
    ],
)
def test_pods_of_others_and_those_that_go(raw: dict[str, Any]) -> None:
    assert found(raw) == []


def test_what_holds_for_many_pods_is_said_once() -> None:
    cluster = Cluster("existing", "existing", Path("kubeconfig"), None, frozenset())
    pods = [pod(f"web-5f6d8-{n}", "ReplicaSet/web-5f6d8", {"pod-template-hash": "5f6d8"}) for n in range(3)] + [
        pod("db-0", "StatefulSet/db")
    ]
    view = FrozenView(cluster, ["default"], {PODS: pods, LEADER_WORKER_SETS: []}, "v1.30.0")
    deployed = Deployed(load_texts("set", {"a.yaml": MANIFESTS}, Target.empty()), view, own=False)
    said = once_per_template((one, "words") for one in workload_pods(deployed))
    assert [(one.pod.name, more) for one, _words, more in said] == [
        ("web-5f6d8-0", " (and 2 more pods)"),
        ("db-0", ""),
    ]


def ended(when: str) -> dict[str, Any]:
    return {
        "restartCount": 3,
        "state": {"running": {}},
        "lastState": {"terminated": {"finishedAt": when, "exitCode": 2}},
    }


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"restartCount": 0, "state": {"running": {}}}, ""),
        (ended("2026-01-01T11:55:00Z"), "restarted 3 times, last at 2026-01-01T11:55:00Z with exit code 2"),
        (ended("2026-01-01T11:00:00Z"), ""),
        (
            {"restartCount": 9, "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
            "CrashLoopBackOff after 9 restarts",
        ),
        ({"restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}, ""),
    ],
)
def test_restarts_that_go_on(status: dict[str, Any], words: str) -> None:
    from datetime import UTC, datetime

    assert restarting(status, datetime(2026, 1, 1, 12, tzinfo=UTC)) == words
