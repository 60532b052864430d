"""The StatefulSets and headless Services of a LeaderWorkerSet, as its controller writes them.

Source: `constructLeaderStatefulSetApplyConfiguration`, `constructWorkerStatefulSetApplyConfiguration` and
`CreateHeadlessServiceIfNotExists` in kubernetes-sigs/lws.
"""

from dataclasses import dataclass
from typing import Any

from . import keys
from .admission import default
from .placement import requests_tpus
from .pods import Pod, Template, owner, subgroup_size_key, template
from .reading import at, integer, items, mapping, text, texts
from .releases import Fact, Release
from .rollout import budget


@dataclass(frozen=True, slots=True)
class Plan:
    """A defaulted set, read once: what its children have in common."""

    spec: dict[str, Any]
    name: str
    namespace: str
    release: Release
    revision: str
    replicas: int
    size: int
    per_group_service: bool
    labels: dict[str, str]
    annotations: dict[str, str]
    leader: Template
    worker: Template
    claims: tuple[dict[str, Any], ...]

    @property
    def claim_names(self) -> tuple[str, ...]:
        """Names of the volume claim templates, which become names of volumes."""
        return tuple(claim["metadata"]["name"] for claim in self.claims)


def plan(lws: object, release: Release, namespace: str, revision: str) -> Plan:
    """Read a raw set. What is missing or of a wrong type is taken as absent; sizes out of bounds as the nearest valid one."""
    admitted = default(mapping(lws), release)
    spec, metadata = mapping(admitted.get("spec")), mapping(admitted.get("metadata"))
    parts = mapping(spec.get("leaderWorkerTemplate"))
    replicas, size = integer(spec.get("replicas")), integer(parts.get("size"))
    own_namespace = text(metadata.get("namespace")) or namespace
    side = "workerTemplate" if parts.get("leaderTemplate") is None else "leaderTemplate"
    worker = _template(parts, "workerTemplate", release)
    claims = items(parts.get("volumeClaimTemplates")) if release.has(Fact.CLAIM_TEMPLATES) else ()
    return Plan(
        spec=spec,
        name=text(metadata.get("name")),
        namespace=own_namespace,
        release=release,
        revision=revision,
        replicas=1 if replicas is None else max(replicas, 0),
        size=1 if size is None else max(size, 1),
        per_group_service=at(spec, "networkConfig", "subdomainPolicy") == "UniquePerReplica",
        labels=texts(metadata.get("labels")),
        annotations=texts(metadata.get("annotations")),
        leader=worker if side == "workerTemplate" else _template(parts, side, release),
        worker=worker,
        claims=tuple(_claim(mapping(claim), own_namespace) for claim in claims),
    )


def _template(parts: dict[str, Any], side: str, release: Release) -> Template:
    return template(mapping(parts.get(side)), ("spec", "leaderWorkerTemplate", side), release)


def _claim(claim: dict[str, Any], namespace: str) -> dict[str, Any]:
    """A claim template as it survives: labels, annotations, selector, volumeName and dataSource are dropped."""
    given = mapping(claim.get("spec"))
    spec = {key: given[key] for key in ("accessModes", "storageClassName", "volumeMode") if given.get(key) is not None}
    resources = mapping(given.get("resources"))
    if kept := {key: resources[key] for key in ("requests", "limits") if resources.get(key) is not None}:
        spec["resources"] = kept
    metadata = {"name": text(at(claim, "metadata", "name")), "namespace": namespace}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def leader_annotations(plan: Plan) -> dict[str, str]:
    """Annotations that the controller puts on leaders, above the template's own."""
    added = _common_annotations(plan)
    if keys.SUBGROUP_SIZE in added or keys.SUBGROUP_SIZE_BEFORE_0_6 in added:
        if plan.release.has(Fact.SUBGROUP_TYPE):
            added[keys.SUBGROUP_TYPE] = _subgroup_type(plan)
    if plan.per_group_service:
        added[keys.SUBDOMAIN_POLICY] = "UniquePerReplica"
    return plan.leader.annotations | added


def worker_annotations(plan: Plan, leader: Pod) -> dict[str, str]:
    """Annotations that the controller puts on workers, above the template's own."""
    added = _common_annotations(plan) | {keys.LEADER_NAME: leader.name}
    if keys.SUBGROUP_SIZE in added and plan.release.has(Fact.SUBGROUP_TYPE_ON_WORKERS):
        added[keys.SUBGROUP_TYPE] = _subgroup_type(plan)
    if requests_tpus(plan.leader.spec):
        added[keys.LEADER_REQUESTS_TPUS] = "true"
    return plan.worker.annotations | added


def _common_annotations(plan: Plan) -> dict[str, str]:
    added = {keys.SIZE: str(plan.size)}
    if topology := plan.annotations.get(keys.EXCLUSIVE_TOPOLOGY):
        added[keys.EXCLUSIVE_TOPOLOGY] = topology
    part = integer(at(plan.spec, "leaderWorkerTemplate", "subGroupPolicy", "subGroupSize"))
    if part is not None:
        added[subgroup_size_key(plan.release)] = str(part)
        if topology := plan.annotations.get(keys.SUBGROUP_EXCLUSIVE_TOPOLOGY):
            added[keys.SUBGROUP_EXCLUSIVE_TOPOLOGY] = topology
    return added


def _subgroup_type(plan: Plan) -> str:
    return text(at(plan.spec, "leaderWorkerTemplate", "subGroupPolicy", "subGroupPolicyType"))


def leader_stateful_set(plan: Plan, labels: dict[str, str], annotations: dict[str, str]) -> dict[str, Any]:
    """The StatefulSet of the leaders, at rest; `labels` and `annotations` are those of its pod template."""
    strategy = mapping(plan.spec.get("rolloutStrategy"))
    spec = {
        "serviceName": plan.name,
        "replicas": plan.replicas,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {keys.NAME: plan.name, keys.WORKER_INDEX: "0"}},
        "updateStrategy": {"type": strategy.get("type", "RollingUpdate"), "rollingUpdate": _rolling_update(plan, strategy)},
        "template": _labelled(plan.leader, labels, annotations),
    }
    own_labels = {keys.NAME: plan.name, keys.REVISION: plan.revision}
    own_annotations = {keys.REPLICAS: str(plan.replicas)}
    metadata = _metadata(plan, plan.name, own_labels, own_annotations)
    metadata["ownerReferences"] = [owner("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", plan.name)]
    return _stateful_set(plan, metadata, spec)


def worker_stateful_set(
    plan: Plan, leader: Pod, annotations: dict[str, str], node_selector: dict[str, str]
) -> dict[str, Any]:
    """The StatefulSet of one group's workers."""
    labels = worker_set_labels(plan, leader)
    raw = _labelled(plan.worker, plan.worker.labels | labels, annotations)
    if node_selector:
        raw["spec"] = mapping(raw.get("spec")) | {"nodeSelector": node_selector}
    spec = {
        "serviceName": worker_service_name(plan, leader),
        "replicas": plan.size - 1,
        "podManagementPolicy": "Parallel",
        "ordinals": {"start": 1},
        "selector": {"matchLabels": {key: labels[key] for key in (keys.GROUP_INDEX, keys.NAME, keys.GROUP_KEY)}},
        "template": raw,
    }
    metadata = _metadata(plan, leader.name, labels, {})
    metadata["ownerReferences"] = [owner("v1", "Pod", leader.name)]
    return _stateful_set(plan, metadata, spec)


def worker_set_labels(plan: Plan, leader: Pod) -> dict[str, str]:
    """Labels of a group's worker StatefulSet and, above the template's own, of its pods."""
    return {
        keys.GROUP_INDEX: leader.labels[keys.GROUP_INDEX],
        keys.NAME: plan.name,
        keys.GROUP_KEY: leader.labels[keys.GROUP_KEY],
        keys.REVISION: plan.revision,
    }


def worker_service_name(plan: Plan, leader: Pod) -> str:
    """The headless Service under which a group's workers are known."""
    return leader.name if plan.per_group_service else plan.name


def headless_service(plan: Plan, leader: Pod | None) -> dict[str, Any]:
    """The Service of one group, or of the whole set if `leader` is None."""
    metadata: dict[str, Any] = {"name": leader.name if leader else plan.name, "namespace": plan.namespace}
    if plan.release.has(Fact.SERVICE_LABEL):
        metadata["labels"] = {keys.NAME: plan.name}
    selector = {keys.NAME: plan.name}
    if leader:
        selector[keys.GROUP_INDEX] = leader.labels[keys.GROUP_INDEX]
        metadata["ownerReferences"] = [owner("v1", "Pod", leader.name)]
    else:
        metadata["ownerReferences"] = [owner("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", plan.name)]
    spec = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": selector}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _rolling_update(plan: Plan, strategy: dict[str, Any]) -> dict[str, Any]:
    fields = mapping(strategy.get("rollingUpdateConfiguration"))
    partition = integer(fields.get("partition")) if plan.release.has(Fact.PARTITION) else 0
    unavailable = fields.get("maxUnavailable", 1)
    if plan.release.has(Fact.RESOLVED_MAX_UNAVAILABLE):
        resolved = budget({"spec": plan.spec}, plan.release)
        unavailable = 1 if resolved is None else max(1, resolved.unavailable + resolved.surge)
    return {"partition": max(partition or 0, 0), "maxUnavailable": unavailable}


def _labelled(source: Template, labels: dict[str, str], annotations: dict[str, str]) -> dict[str, Any]:
    metadata = mapping(source.raw.get("metadata")) | {"labels": labels, "annotations": annotations}
    return {**source.raw, "metadata": metadata}


def _metadata(plan: Plan, name: str, labels: dict[str, str], annotations: dict[str, str]) -> dict[str, Any]:
    if plan.release.has(Fact.INHERITED_METADATA):
        labels, annotations = plan.labels | labels, plan.annotations | annotations
    metadata: dict[str, Any] = {"name": name, "namespace": plan.namespace, "labels": labels}
    return metadata | {"annotations": annotations} if annotations else metadata


def _stateful_set(plan: Plan, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    if plan.claims:
        spec["volumeClaimTemplates"] = list(plan.claims)
    retention = at(plan.spec, "leaderWorkerTemplate", "persistentVolumeClaimRetentionPolicy")
    if isinstance(retention, dict) and plan.release.has(Fact.CLAIM_TEMPLATES):
        spec["persistentVolumeClaimRetentionPolicy"] = retention
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}
