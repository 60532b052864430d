"""Disruption budgets: how many pods they protect and when they block."""

import pytest

from seatrial.manifest_set import load_texts
from seatrial.target import Target
from seatrial.workload.disruption_budgets import DisruptionBudget, budgets

WORKLOADS = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: x}
spec:
  replicas: 3
  leaderWorkerTemplate: {size: 4, workerTemplate: {spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2, template: {metadata: {labels: {app: web}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: scaled}
spec: {template: {metadata: {labels: {app: scaled}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaled}
spec: {scaleTargetRef: {kind: Deployment, name: scaled}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: b}
spec:
"""
ALL = "leaderworkerset.sigs.k8s.io/name: x"
LEADERS = f'{ALL}, leaderworkerset.sigs.k8s.io/worker-index: "0"'


def _budget(selector: str, rule: str) -> DisruptionBudget:
    text = f"{WORKLOADS}  selector: {selector}\n  {rule}\n"
    (budget,) = budgets(load_texts("set", {"all.yaml": text}, Target.empty()))
    return budget


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        (ALL, 12),
        (LEADERS, 3),
        (f'{ALL}, leaderworkerset.sigs.k8s.io/group-index: "0"', None),
        ("app: web", 2),
        ("app: scaled", None),
        ("app: nobody", None),
    ],
)
def test_how_many_pods_are_protected(labels: str, count: int | None) -> None:
    assert _budget(f"{{matchLabels: {{{labels}}}}}", "maxUnavailable: 1").count == count


@pytest.mark.parametrize(
    ("labels", "rule", "blocks"),
    [
        (ALL, "maxUnavailable: 1", False),
        (ALL, "maxUnavailable: 0", True),
        (ALL, "maxUnavailable: 0%", True),
        (ALL, "maxUnavailable: 1%", False),
        (ALL, "minAvailable: 11", False),
        (ALL, "minAvailable: 12", True),
        (ALL, "minAvailable: 92%", True),
        (ALL, "minAvailable: 91%", False),
        ("app: nobody", "minAvailable: 100%", True),
        ("app: nobody", "minAvailable: 5", False),
        ("app: scaled", "minAvailable: 1", False),
        (LEADERS, "minAvailable: 3", True),
        (LEADERS, "minAvailable: x", False),
        (LEADERS, "", False),
    ],
)
def test_when_a_budget_blocks(labels: str, rule: str, blocks: bool) -> None:
    assert (_budget(f"{{matchLabels: {{{labels}}}}}", rule).blocking is not None) is blocks


@pytest.mark.parametrize(("selector", "pods"), [("{}", True), ("null", False), ("[1]", False)])
def test_an_empty_selector_selects_all_and_null_none(selector: str, pods: bool) -> None:
    assert bool(_budget(selector, "maxUnavailable: 1").pods) is pods
