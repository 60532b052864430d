"""Who may read a Secret without having been given the right."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.clusters.provider import Cluster
from seatrial.finding import CannotTell
from seatrial.live.access import default_grants
from seatrial.live.frozen import FrozenView
from seatrial.live.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Resource

READS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
EVERYBODY = {"kind": "Group", "name": "system:authenticated"}


def view(
    rule: dict[str, Any], subject: dict[str, Any], kind: str = "ClusterRole", namespace: str = "", rbac: bool = True
) -> FrozenView:
    role = {"metadata": {"name": "reads"} | ({"namespace": "ns"} if kind == "Role" else {}), "rules": [rule]}
    metadata = {"name": "b"} | ({"namespace": namespace} if namespace else {})
    binding = {
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"kind": kind, "name": "reads"},
        "subjects": [subject],
    }
    found: dict[Resource, list[dict[str, Any]]] = {
        CLUSTER_ROLES: [{"metadata": {"name": "cluster-admin"}}] * rbac + [role] * (kind == "ClusterRole"),
        ROLES: [role] * (kind == "Role"),
        CLUSTER_ROLE_BINDINGS: [] if namespace else [binding],
        ROLE_BINDINGS: [binding] if namespace else [],
    }
    cluster = Cluster("existing", "existing", Path("kubeconfig"), None, frozenset())
    return FrozenView(cluster, ["ns"], found, "v1.30.0")


@pytest.mark.parametrize(
    ("rule", "granted"),
    [
        (READS, True),
        (READS | {"verbs": ["list"]}, True),
        (READS | {"verbs": ["*"]}, True),
        (READS | {"verbs": ["create", "delete"]}, False),
        (READS | {"resources": ["*"]}, True),
        (READS | {"resources": ["pods", "configmaps"]}, False),
        (READS | {"apiGroups": ["*"]}, True),
        (READS | {"apiGroups": ["apps"]}, False),
        (READS | {"resourceNames": ["engine-key"]}, True),
        (READS | {"resourceNames": ["other"]}, False),
        ({"nonResourceURLs": ["*"], "verbs": ["get"]}, False),
    ],
)
def test_rules(rule: dict[str, Any], granted: bool) -> None:
    assert bool(list(default_grants(view(rule, EVERYBODY), "ns", "engine-key"))) is granted


@pytest.mark.parametrize(
    ("subject", "granted"),
    [
        (EVERYBODY, True),
        ({"kind": "Group", "name": "system:serviceaccounts"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:ns"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:other"}, False),
        ({"kind": "Group", "name": "system:masters"}, False),
        ({"kind": "User", "name": "system:anonymous"}, True),
        ({"kind": "User", "name": "system:serviceaccount:ns:default"}, True),
        ({"kind": "User", "name": "admin"}, False),
        ({"kind": "ServiceAccount", "name": "default", "namespace": "ns"}, True),
        ({"kind": "ServiceAccount", "name": "default", "namespace": "other"}, False),
        ({"kind": "ServiceAccount", "name": "engine", "namespace": "ns"}, False),
    ],
)
def test_subjects(subject: dict[str, Any], granted: bool) -> None:
    assert bool(list(default_grants(view(READS, subject), "ns", "engine-key"))) is granted


@pytest.mark.parametrize(
    ("kind", "namespace", "granted"),
    [("ClusterRole", "", True), ("ClusterRole", "ns", True), ("ClusterRole", "other", False), ("Role", "ns", True)],
)
def test_bindings(kind: str, namespace: str, granted: bool) -> None:
    assert bool(list(default_grants(view(READS, EVERYBODY, kind, namespace), "ns", "engine-key"))) is granted


def test_without_rbac_nobody_can_tell() -> None:
    with pytest.raises(CannotTell, match="RBAC"):
        list(default_grants(view(READS, EVERYBODY, rbac=False), "ns", "engine-key"))
