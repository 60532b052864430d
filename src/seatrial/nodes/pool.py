"""The pool of GPU nodes that the target describes: its labels, and the pods that have to run on it."""

from functools import cache
from typing import Any

from seatrial.finding import NotApplicable
from seatrial.knowledge import nodes, super_nodes
from seatrial.knowledge.nodes import Label
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.workloads import PodTemplate
from seatrial.nodes.scheduling import ABSENT, INSTANCE_TYPE_KEYS, Absent, Labels, demands, fit
from seatrial.nodes.super_pods import asks_for_gpus, is_super_pod
from seatrial.storage.download import downloads
from seatrial.target import Target
from seatrial.workload.serving import groups

_OS = ("kubernetes.io/os", "beta.kubernetes.io/os")
_NODE_NAME = "metadata.name"
_GPU_KEYS = "nvidia.com/"


def need(manifests: ManifestSet, fact: str) -> Any:
    """A fact about the pool. Raises MissingFact when it is not stated, NotApplicable when no pod needs the pool."""
    if manifests.target.get(fact) is None and not bound_pods(manifests):
        raise NotApplicable("no pod of the set needs a pool of GPU nodes")
    return manifests.target.need(fact)


def is_super(target: Target) -> bool:
    """Whether the pool consists of super nodes."""
    return bool(target.get("pool.type") == "super")


def labels(target: Target) -> Labels:
    """The labels of the pool's nodes: those that are stated, and those that every such node has.

    A label that is not stated is absent, unless nodes get it without the user's doing or no labels are stated at all.
    """
    stated: dict[str, str] | None = target.get("pool.labels")

    def value(key: str) -> str | Absent | None:
        if stated is not None and key in stated:
            return stated[key]
        if key in INSTANCE_TYPE_KEYS:
            return _instance_type(target, stated or {})
        if key in _OS:
            return "linux"
        automatic = _automatic().get(key)
        if automatic is not None:
            return _automatic_value(target, automatic)
        return None if stated is None or key == _NODE_NAME else ABSENT

    return value


def _instance_type(target: Target, stated: dict[str, str]) -> str | None:
    by_label = next((stated[key] for key in INSTANCE_TYPE_KEYS if key in stated), None)
    default = super_nodes.INSTANCE_TYPE if is_super(target) else None
    found: str | None = by_label or target.get("pool.instance_type") or default
    return found


@cache
def _automatic() -> dict[str, Label]:
    return {label.key: label for label in nodes.labels()}


def _automatic_value(target: Target, label: Label) -> str | Absent | None:
    kind = target.get("pool.type")
    if label.nodes in ("native", "regular") and kind is not None and kind != label.nodes:
        return ABSENT
    return None if is_super(target) else label.value


def pods(manifests: ManifestSet) -> list[PodTemplate]:
    """The templates that need the pool's nodes: they take GPUs, prepare each of its nodes, or select GPU nodes."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[PodTemplate]:
    engines = {role.template.key for group in groups(manifests) for role in group.roles}
    fetchers = {download.template.key for download in downloads(manifests)}
    return [
        template
        for template in manifests.pod_templates
        if template.key in engines
        or any(map(asks_for_gpus, template.all_containers))
        or (template.document.kind == "DaemonSet" and template.key in fetchers)
        or any(_speaks_of_gpus(demand.key) for demand in demands(template))
    ]


def _speaks_of_gpus(key: str) -> bool:
    label = _automatic().get(key)
    return key.startswith(_GPU_KEYS) or (label is not None and label.nodes == "gpu")


def bound_pods(manifests: ManifestSet) -> list[PodTemplate]:
    """The templates of `pods`, and others that select the pool's nodes by a label of theirs."""
    known = {template.key for template in pods(manifests)}
    return [
        template for template in manifests.pod_templates if template.key in known or _selects_pool(manifests, template)
    ]


def _selects_pool(manifests: ManifestSet, template: PodTemplate) -> bool:
    """Whether a selector names the pool's instance type or a stated label, and nothing speaks against it."""
    target = manifests.target
    stated = target.get("pool.labels") or {}
    asked = demands(template)
    named = any(demand.key in stated or demand.key in INSTANCE_TYPE_KEYS for demand in asked)
    found = fit(template, labels(target))
    return (named and not found.broken and not found.unknown) or (
        is_super(target) and is_super_pod(manifests, template)
    )
