"""The StatefulSets and headless Services of a LeaderWorkerSet, as its controller writes them.

Source: `constructLeaderStatefulSetApplyConfiguration`, `constructWorkerStatefulSetApplyConfiguration` and
`CreateHeadlessServiceIfNotExists` in kubernetes-sigs/lws.
"""

from typing import Any, NamedTuple

from seatrial.lws import keys
from seatrial.lws.admission import default
from seatrial.lws.placement import requests_tpus
from seatrial.lws.pods import Pod, PodSource, Role, Template, owner, subgroup_size_key, template
from seatrial.lws.reading import at, integer, items, mapping, text, texts
from seatrial.lws.releases import Fact, Release
from seatrial.lws.rollout import budget


class Plan(NamedTuple):
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
    pod_annotations: dict[str, str]
    leader: Template
    worker: Template
    leader_requests_tpus: bool
    claims: tuple[dict[str, Any], ...]

    @property
    def claim_names(self) -> tuple[str, ...]:
        """Names of the volume claim templates, which become names of volumes."""
        return tuple(claim["metadata"]["name"] for claim in self.claims)

    @property
    def leaders_pass_for_workers(self) -> bool:
        """Whether leaders carry the mark of workers, so that the controller makes nothing of a group's own for them."""
        return bool(self.leader.annotations.get(keys.LEADER_NAME)) and self.release.has(Fact.RECURSION_GUARD)


def plan(lws: object, release: Release, namespace: str, revision: str) -> Plan:
    """Read a raw set: a node of a wrong type as absent, a number out of bounds as the nearest valid one."""
    admitted = default(mapping(lws), release)
    spec, metadata = mapping(admitted.get("spec")), mapping(admitted.get("metadata"))
    parts = mapping(spec.get("leaderWorkerTemplate"))
    replicas, size = integer(spec.get("replicas")), integer(parts.get("size"))
    own_namespace = text(metadata.get("namespace")) or namespace
    side = "workerTemplate" if parts.get("leaderTemplate") is None else "leaderTemplate"
    worker = _template(parts, "workerTemplate", release)
    leader = worker if side == "workerTemplate" else _template(parts, side, release)
    annotations = texts(metadata.get("annotations"))
    size = 1 if size is None else max(size, 1)
    claims = items(parts.get("volumeClaimTemplates")) if release.has(Fact.CLAIM_TEMPLATES) else ()
    return Plan(
        spec=spec,
        name=text(metadata.get("name")),
        namespace=own_namespace,
        release=release,
        revision=revision,
        replicas=1 if replicas is None else max(replicas, 0),
        size=size,
        per_group_service=at(spec, "networkConfig", "subdomainPolicy") == "UniquePerReplica",
        labels=texts(metadata.get("labels")),
        annotations=annotations,
        pod_annotations=_pod_annotations(annotations, parts, size, release),
        leader=leader,
        worker=worker,
        leader_requests_tpus=requests_tpus(leader.spec),
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


def leader_source(plan: Plan, with_pod_index: bool) -> PodSource:
    """The leader StatefulSet as a source of pods."""
    added = dict(plan.pod_annotations)
    if subgroup_size_key(plan.release) in added and plan.release.has(Fact.SUBGROUP_TYPE):
        added[keys.SUBGROUP_TYPE] = _subgroup_type(plan)
    if plan.per_group_service:
        added[keys.SUBDOMAIN_POLICY] = "UniquePerReplica"
    labels = {keys.WORKER_INDEX: "0", keys.NAME: plan.name, keys.REVISION: plan.revision}
    return _source(plan, "leader", plan.name, plan.name, labels, added, with_pod_index)


def worker_source(plan: Plan, leader: Pod, node_labels: dict[str, str], with_pod_index: bool) -> PodSource:
    """One group's worker StatefulSet as a source of pods; `node_labels` are those that the leader's node imposes."""
    added = plan.pod_annotations | {keys.LEADER_NAME: leader.name}
    if keys.SUBGROUP_SIZE in added and plan.release.has(Fact.SUBGROUP_TYPE_ON_WORKERS):
        added[keys.SUBGROUP_TYPE] = _subgroup_type(plan)
    if plan.leader_requests_tpus:
        added[keys.LEADER_REQUESTS_TPUS] = "true"
    service = leader.name if plan.per_group_service else plan.name
    labels = _worker_set_labels(plan, leader)
    source = _source(plan, "worker", leader.name, service, labels, added, with_pod_index)
    return source._replace(node_selector=source.node_selector | node_labels) if node_labels else source


def _source(
    plan: Plan,
    role: Role,
    name: str,
    service: str,
    labels: dict[str, str],
    annotations: dict[str, str],
    with_pod_index: bool,
) -> PodSource:
    """A StatefulSet's pod template: what the controller adds goes above the user's own."""
    template = plan.leader if role == "leader" else plan.worker
    return PodSource(
        stateful_set=name,
        service=service,
        namespace=plan.namespace,
        role=role,
        template=template,
        labels=template.labels | labels,
        annotations=template.annotations | annotations,
        node_selector=texts(template.spec.get("nodeSelector")),
        claims=plan.claim_names,
        release=plan.release,
        revision=plan.revision,
        with_pod_index=with_pod_index,
    )


def _pod_annotations(annotations: dict[str, str], parts: dict[str, Any], size: int, release: Release) -> dict[str, str]:
    """What leaders and workers are annotated with alike, from the set's annotations and its leaderWorkerTemplate."""
    added = {keys.SIZE: str(size)}
    if topology := annotations.get(keys.EXCLUSIVE_TOPOLOGY):
        added[keys.EXCLUSIVE_TOPOLOGY] = topology
    part = integer(at(parts, "subGroupPolicy", "subGroupSize"))
    if part is not None:
        added[subgroup_size_key(release)] = str(part)
        if topology := annotations.get(keys.SUBGROUP_EXCLUSIVE_TOPOLOGY):
            added[keys.SUBGROUP_EXCLUSIVE_TOPOLOGY] = topology
    return added


def _subgroup_type(plan: Plan) -> str:
    return text(at(plan.spec, "leaderWorkerTemplate", "subGroupPolicy", "subGroupPolicyType"))


def leader_stateful_set(plan: Plan, source: PodSource) -> dict[str, Any]:
    """The StatefulSet of the leaders, at rest."""
    strategy = mapping(plan.spec.get("rolloutStrategy"))
    kind = text(strategy.get("type")) or "RollingUpdate"
    spec = {
        "serviceName": plan.name,
        "replicas": plan.replicas,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {keys.NAME: plan.name, keys.WORKER_INDEX: "0"}},
        "updateStrategy": {"type": kind, "rollingUpdate": _rolling_update(plan, strategy)},
        "template": _pod_template(source),
    }
    labels = {keys.NAME: plan.name, keys.REVISION: plan.revision}
    metadata = _metadata(plan, plan.name, labels, {keys.REPLICAS: str(plan.replicas)})
    metadata["ownerReferences"] = [owner("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", plan.name)]
    return _stateful_set(plan, metadata, spec)


def worker_stateful_set(plan: Plan, leader: Pod, source: PodSource) -> dict[str, Any]:
    """The StatefulSet of one group's workers."""
    labels = _worker_set_labels(plan, leader)
    spec = {
        "serviceName": source.service,
        "replicas": plan.size - 1,
        "podManagementPolicy": "Parallel",
        "ordinals": {"start": 1},
        "selector": {"matchLabels": {key: labels[key] for key in (keys.GROUP_INDEX, keys.NAME, keys.GROUP_KEY)}},
        "template": _pod_template(source),
    }
    metadata = _metadata(plan, leader.name, labels, {})
    metadata["ownerReferences"] = [owner("v1", "Pod", leader.name)]
    return _stateful_set(plan, metadata, spec)


def _worker_set_labels(plan: Plan, leader: Pod) -> dict[str, str]:
    """Labels of a group's worker StatefulSet and, above the template's own, of its pods."""
    return {
        keys.GROUP_INDEX: leader.labels[keys.GROUP_INDEX],
        keys.NAME: plan.name,
        keys.GROUP_KEY: leader.labels[keys.GROUP_KEY],
        keys.REVISION: plan.revision,
    }


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


def _pod_template(source: PodSource) -> dict[str, Any]:
    template = source.template
    metadata = mapping(template.raw.get("metadata")) | {"labels": source.labels, "annotations": source.annotations}
    spec = template.spec | {"nodeSelector": source.node_selector} if source.node_selector else template.spec
    return {**template.raw, "metadata": metadata, "spec": spec}


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
