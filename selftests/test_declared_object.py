"""Objects of a set beside those on the cluster."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.clusters.provider import Cluster
from seatrial.finding import CannotTell
from seatrial.live.declared_object import DeclaredObject, declared_objects
from seatrial.live.deployed import Deployed
from seatrial.live.frozen import FrozenView
from seatrial.live.resources import AUTOSCALERS, DEPLOYMENTS, LEADER_WORKER_SETS, Resource
from seatrial.manifest_set import load_texts
from seatrial.target import Target

DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 1, paused: true}\n"
SCALER = """---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: x}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: x}}
"""
LIVE = {
    "kind": "Deployment",
    "metadata": {"name": "x", "namespace": "default"},
    "spec": {"replicas": 5, "paused": True},
}


def autoscaler(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "h", "namespace": "default"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}},
    }


def declared(
    manifest: str, objects: dict[Resource, list[dict[str, Any]]], hidden: frozenset[str] = frozenset()
) -> DeclaredObject:
    cluster = Cluster("existing", "existing", Path("kubeconfig"), None, frozenset())
    view = FrozenView(cluster, ["default"], {LEADER_WORKER_SETS: []} | objects, "v1.30.0", hidden=hidden)
    manifests = load_texts("set", {"a.yaml": manifest}, Target.empty())
    return declared_objects(Deployed(manifests, view, own=False))[0]


def paths(one: DeclaredObject) -> list[str]:
    assert one.live is not None
    return [".".join(map(str, departure.path)) for departure in one.departures(one.live)]


def test_replicas_that_somebody_set_by_hand() -> None:
    assert paths(declared(DEPLOYMENT, {DEPLOYMENTS: [LIVE], AUTOSCALERS: [autoscaler("other")]})) == ["spec.replicas"]


@pytest.mark.parametrize(("manifest", "live"), [(DEPLOYMENT + SCALER, []), (DEPLOYMENT, [autoscaler("x")])])
def test_replicas_that_an_autoscaler_set(manifest: str, live: list[dict[str, Any]]) -> None:
    assert paths(declared(manifest, {DEPLOYMENTS: [LIVE], AUTOSCALERS: live})) == []


def test_autoscalers_that_may_not_be_read_leave_it_open() -> None:
    one = declared(DEPLOYMENT, {DEPLOYMENTS: [LIVE], AUTOSCALERS: []}, frozenset({"HorizontalPodAutoscaler"}))
    with pytest.raises(CannotTell, match="autoscaler"):
        paths(one)


def test_an_object_that_is_not_there() -> None:
    one = declared(DEPLOYMENT, {DEPLOYMENTS: []})
    assert (one.live, one.refused, one.where) == (None, "", "namespace default")
