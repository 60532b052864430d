"""Pods as the StatefulSet controller creates them and the LeaderWorkerSet's pod webhook completes them.

Source: pkg/webhooks/pod_webhook.go and pkg/utils/pod/pod_utils.go of kubernetes-sigs/lws.
Not modelled: the TPU_* variables of pods that ask for google.com/tpu, and gang scheduling's annotation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from seatrial.lws import keys
from seatrial.lws.naming import group_key, subgroup_key
from seatrial.lws.placement import exclusive_affinity, subgroup_index
from seatrial.lws.reading import at, containers, items, mapping, texts
from seatrial.lws.releases import Fact, Release

Role = Literal["leader", "worker"]


@dataclass(frozen=True, slots=True)
class Subgroup:
    """A pod's sub-group: its index as the label says it, and the key that binds its pods."""

    index: str
    key: str


@dataclass(frozen=True, slots=True, eq=False)
class Pod:
    """One pod of a group, before the API server's own defaults.

    `containers[i]` is item i of the template's list (an empty mapping if that item is none) with the environment that
    the webhook leaves: `env` first, then the user's. Mappings are shared with the manifest and with other pods: they
    must not be changed.
    """

    name: str
    namespace: str
    role: Role
    group_index: int
    worker_index: int
    template_path: tuple[str, ...]
    stateful_set: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    subdomain: str
    leader_address: str
    env: tuple[tuple[str, str], ...]
    containers: tuple[Mapping[str, Any], ...]
    init_containers: tuple[Mapping[str, Any], ...]
    affinity: Mapping[str, Any]
    node_selector: Mapping[str, str]
    volumes: tuple[Any, ...]
    subgroup: Subgroup | None
    template: Mapping[str, Any]

    @property
    def hostname(self) -> str:
        """The pod's host name, which a StatefulSet always sets to the pod's name."""
        return self.name

    def fqdn(self, cluster_domain: str = "cluster.local") -> str:
        """The name under which cluster DNS knows the pod."""
        return f"{self.hostname}.{self.subdomain}.{self.namespace}.svc.{cluster_domain}"

    def manifest(self) -> dict[str, Any]:
        """The pod as an object of the API."""
        metadata: dict[str, Any] = {
            "name": self.name,
            "generateName": f"{self.stateful_set}-",
            "namespace": self.namespace,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "ownerReferences": [owner("apps/v1", "StatefulSet", self.stateful_set)],
        }
        finalizers = at(self.template, "metadata", "finalizers")
        if finalizers:
            metadata["finalizers"] = finalizers
        completed = {
            "containers": list(self.containers),
            "initContainers": list(self.init_containers),
            "volumes": list(self.volumes),
            "affinity": self.affinity,
            "nodeSelector": dict(self.node_selector),
        }
        spec = dict(mapping(self.template.get("spec"))) | {key: value for key, value in completed.items() if value}
        spec |= {"hostname": self.hostname, "subdomain": self.subdomain}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def owner(api_version: str, kind: str, name: str) -> dict[str, Any]:
    """A controller's owner reference, without the uid that only a cluster can know."""
    return {"apiVersion": api_version, "kind": kind, "name": name, "controller": True, "blockOwnerDeletion": True}


Environment = tuple[Mapping[str, Any], list[Any]]
"""A container and those of its own variables that the webhook keeps."""


class Template(NamedTuple):
    """A pod template with what is the same for all pods made from it."""

    path: tuple[str, ...]
    raw: dict[str, Any]
    spec: dict[str, Any]
    labels: dict[str, str]
    annotations: dict[str, str]
    containers: tuple[Environment, ...]
    init_containers: tuple[Environment, ...]
    volumes: list[Any]


def template(raw: dict[str, Any], path: tuple[str, ...], release: Release) -> Template:
    """Read a raw pod template for a release."""
    injected = set(injected_names(release))
    spec, metadata = mapping(raw.get("spec")), mapping(raw.get("metadata"))
    return Template(
        path=path,
        raw=raw,
        spec=spec,
        labels=texts(metadata.get("labels")),
        annotations=texts(metadata.get("annotations")),
        containers=tuple((each, _kept(each, injected)) for each in containers(spec, "containers")),
        init_containers=tuple((each, _kept(each, injected)) for each in containers(spec, "initContainers")),
        volumes=items(spec.get("volumes")),
    )


def injected_names(release: Release) -> tuple[str, ...]:
    """The variables that the webhook puts first into every container and init container, in their order."""
    names = (keys.LEADER_ADDRESS_ENV, keys.GROUP_SIZE_ENV)
    return (*names, keys.WORKER_INDEX_ENV) if release.has(Fact.WORKER_INDEX_ENV) else names


def _kept(container: Mapping[str, Any], injected: set[str]) -> list[Any]:
    """The user's variables that survive: not named like an injected one, and of those named alike the first."""
    seen = set(injected)
    kept = []
    for variable in items(container.get("env")):
        name = mapping(variable).get("name")
        if isinstance(name, str):
            if name in seen:
                continue
            seen.add(name)
        if isinstance(variable, dict):
            kept.append(variable)
    return kept


class PodSource(NamedTuple):
    """One StatefulSet as a source of pods: what all of its pods have in common, and how each is completed.

    `labels` and `annotations` are those of the StatefulSet's pod template.
    """

    stateful_set: str
    service: str
    namespace: str
    role: Role
    template: Template
    labels: dict[str, str]
    annotations: dict[str, str]
    node_selector: dict[str, str]
    claims: tuple[str, ...]
    release: Release
    revision: str
    with_pod_index: bool

    def pod(self, ordinal: int, group: int) -> Pod:
        """The pod as the webhook leaves it on its creation.

        Whether the webhook takes the pod for a leader depends on its label alone: a worker template that carries
        worker-index "0" makes leaders.
        """
        name = f"{self.stateful_set}-{ordinal}"
        labels = self._stateful_set_labels(name, ordinal)
        affinity = mapping(self.template.spec.get("affinity"))
        subdomain = self.service
        if labels.get(keys.WORKER_INDEX) == "0":
            if self.annotations.get(keys.SUBDOMAIN_POLICY) == "UniquePerReplica":
                subdomain = name
            affinity = self._complete_leader(name, ordinal, labels, affinity)
        else:
            labels[keys.WORKER_INDEX] = str(ordinal)
        subgroup = self._subgroup(name, ordinal, labels)
        if subgroup is not None:
            affinity = self._join(subgroup, labels, affinity)
        address = f"{labels[keys.NAME]}-{labels[keys.GROUP_INDEX]}.{subdomain}.{self.namespace}"
        values = (address, self.annotations[keys.SIZE], labels[keys.WORKER_INDEX])
        env = tuple(zip(injected_names(self.release), values, strict=False))
        first = [{"name": variable, "value": value} for variable, value in env]
        return Pod(
            name=name,
            namespace=self.namespace,
            role=self.role,
            group_index=group,
            worker_index=0 if self.role == "leader" else ordinal,
            template_path=self.template.path,
            stateful_set=self.stateful_set,
            labels=labels,
            annotations=self.annotations,
            subdomain=subdomain,
            leader_address=address,
            env=env,
            containers=tuple([{**each, "env": first + kept} for each, kept in self.template.containers]),
            init_containers=tuple([{**each, "env": first + kept} for each, kept in self.template.init_containers]),
            affinity=affinity,
            node_selector=self.node_selector,
            volumes=self._volumes(name) if self.claims else tuple(self.template.volumes),
            subgroup=subgroup or _present(labels),
            template=self.template.raw,
        )

    def _stateful_set_labels(self, name: str, ordinal: int) -> dict[str, str]:
        added = {keys.POD_NAME: name, keys.CONTROLLER_REVISION: f"{self.stateful_set}-{self.revision}"}
        if self.with_pod_index:
            added[keys.POD_INDEX] = str(ordinal)
        return self.labels | added

    def _complete_leader(
        self, name: str, ordinal: int, labels: dict[str, str], affinity: dict[str, Any]
    ) -> dict[str, Any]:
        """Complete the labels in place, and return the affinity. What a template gave already is kept."""
        labels.setdefault(keys.GROUP_INDEX, str(ordinal))
        if keys.GROUP_KEY not in labels:
            labels[keys.GROUP_KEY] = group_key(self.namespace, name)
        topology = self.annotations.get(keys.EXCLUSIVE_TOPOLOGY)
        if topology is None:
            return affinity
        return exclusive_affinity(affinity, keys.GROUP_KEY, labels[keys.GROUP_KEY], topology)

    def _subgroup(self, name: str, ordinal: int, labels: dict[str, str]) -> Subgroup | None:
        """The sub-group that the webhook gives to a pod; None without a policy, or if a template gave one already."""
        part = self.annotations.get(subgroup_size_key(self.release), "")
        if labels.get(keys.SUBGROUP_INDEX) or not (part.isascii() and part.isdigit()) or int(part) < 1:
            return None
        if labels[keys.WORKER_INDEX] == "0":
            if self.release.has(Fact.SUBGROUP_TYPE) and self.annotations.get(keys.SUBGROUP_TYPE) == "LeaderExcluded":
                return None
            return Subgroup("0", subgroup_key(name, "0"))
        index = str(subgroup_index(int(self.annotations[keys.SIZE]), int(part), ordinal, self.release))
        return Subgroup(index, subgroup_key(self.annotations.get(keys.LEADER_NAME, ""), index))

    def _join(self, subgroup: Subgroup, labels: dict[str, str], affinity: dict[str, Any]) -> dict[str, Any]:
        """Complete the labels in place, and return the affinity."""
        labels |= {keys.SUBGROUP_INDEX: subgroup.index, keys.SUBGROUP_KEY: subgroup.key}
        topology = self.annotations.get(keys.SUBGROUP_EXCLUSIVE_TOPOLOGY)
        return affinity if topology is None else exclusive_affinity(affinity, keys.SUBGROUP_KEY, subgroup.key, topology)

    def _volumes(self, name: str) -> tuple[Any, ...]:
        """One volume per claim template, which replaces a volume of the same name, then the template's own."""
        claimed = [{"name": each, "persistentVolumeClaim": {"claimName": f"{each}-{name}"}} for each in self.claims]
        return (*claimed, *(each for each in self.template.volumes if mapping(each).get("name") not in self.claims))


def subgroup_size_key(release: Release) -> str:
    """The annotation that carries the sub-group size."""
    return keys.SUBGROUP_SIZE if release.has(Fact.SUBGROUP_SIZE_KEY) else keys.SUBGROUP_SIZE_BEFORE_0_6


def _present(labels: dict[str, str]) -> Subgroup | None:
    index = labels.get(keys.SUBGROUP_INDEX)
    return Subgroup(index, labels.get(keys.SUBGROUP_KEY, "")) if index else None
