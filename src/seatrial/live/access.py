"""Who may read a Secret, by the roles and bindings of the cluster.

Source: Kubernetes documentation, Using RBAC Authorization. Other authorizers (a cloud's own, webhooks) are not seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seatrial.finding import Blocked, CannotTell, NotApplicable
from seatrial.live.objects import LiveObject
from seatrial.live.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from seatrial.live.view import View
from seatrial.manifest_set import ManifestSet
from seatrial.workload.credentials import secret_keys
from seatrial.workload.serving import groups

READ = ("get", "list", "watch")
_BUILT_IN = "cluster-admin"
"""Kubernetes makes it wherever RBAC is on."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A binding that lets somebody of `subject` read the Secret."""

    binding: LiveObject
    subject: str
    role: str


def key_secrets(manifests: ManifestSet) -> list[tuple[str, str]]:
    """Namespace and name of each Secret that an engine's key comes from. Raises CannotTell where that is not known."""
    found: dict[tuple[str, str], None] = {}
    for group in groups(manifests):
        for role in group.roles:
            try:
                keys = secret_keys(role)
            except NotApplicable:
                continue
            except Blocked as blocked:
                raise CannotTell(f"where the {role.name}'s key comes from: {blocked.reason}") from None
            found |= {(manifests.namespace(role.template.document), key.name): None for key in keys}
    return list(found)


def default_subjects(namespace: str) -> dict[tuple[str, str], str]:
    """Whom everybody belongs to who did nothing to be allowed: kind and name, and how to call them."""
    return {
        ("ServiceAccount", f"{namespace}/default"): "the namespace's default service account",
        ("User", f"system:serviceaccount:{namespace}:default"): "the namespace's default service account",
        ("User", "system:anonymous"): "anybody without a name",
        ("Group", "system:authenticated"): "every user of the cluster",
        ("Group", "system:unauthenticated"): "anybody without a name",
        ("Group", "system:serviceaccounts"): "every service account of the cluster",
        ("Group", f"system:serviceaccounts:{namespace}"): "every service account of the namespace",
    }


def default_grants(view: View, namespace: str, secret: str) -> Iterator[Grant]:
    """The bindings by which any of `default_subjects` may read a Secret.

    Raises CannotTell where roles or bindings may not be read, or RBAC does not decide.
    """
    cluster_roles = {one.name: one for one in view.all(CLUSTER_ROLES)}
    if _BUILT_IN not in cluster_roles:
        raise CannotTell("this cluster has no ClusterRole cluster-admin: RBAC does not decide who may read what")
    roles = {one.name: one for one in view.all(ROLES, namespace)}
    wanted = default_subjects(namespace)
    for binding in (*view.all(CLUSTER_ROLE_BINDINGS), *view.all(ROLE_BINDINGS, namespace)):
        reference = binding.at("roleRef") or {}
        name = str(reference.get("name"))
        role = (roles if reference.get("kind") == "Role" else cluster_roles).get(name)
        if role is None or not _lets_read(role, secret):
            continue
        for subject in binding.each("subjects"):
            key = _key(subject)
            if key in wanted:
                yield Grant(binding, wanted[key], f"{reference.get('kind')}/{name}")


def _key(subject: dict[str, Any]) -> tuple[str, str]:
    kind, name = str(subject.get("kind")), str(subject.get("name"))
    return kind, f"{subject.get('namespace')}/{name}" if kind == "ServiceAccount" else name


def _lets_read(role: LiveObject, secret: str) -> bool:
    return any(_covers(rule, secret) for rule in role.each("rules"))


def _covers(rule: dict[str, Any], secret: str) -> bool:
    named = rule.get("resourceNames") or ()
    return (
        not {"*", ""}.isdisjoint(rule.get("apiGroups") or ())
        and not {"*", "secrets"}.isdisjoint(rule.get("resources") or ())
        and not {"*", *READ}.isdisjoint(rule.get("verbs") or ())
        and (not named or secret in named)
    )
