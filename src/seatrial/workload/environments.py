"""The environment of a container in one of the pods that the set will have."""

from dataclasses import replace
from functools import partial

from seatrial.lws import keys
from seatrial.lws.expand import Pod
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.launch import Environment, container_environment
from seatrial.manifests.workloads import PodTemplate
from seatrial.workload import pods
from seatrial.workload.leader_worker_set import leader_worker_sets

# Labels that controllers add with values that the manifests do not tell.
_ADDED = ("pod-template-hash", "controller-revision-hash", "controller-uid", "job-name", "batch.kubernetes.io/")


def environment(manifests: ManifestSet, template: PodTemplate, container: Node, pod: Pod | None) -> Environment:
    """What the kubelet gives a container, in an expanded pod of a LeaderWorkerSet or in any pod of a template."""
    namespace = manifests.namespace(template.document)
    made = container_environment(
        container.mapping,
        pod.env if pod else (),
        lambda field: _downward(manifests, template, pod, field),
        partial(manifests.config_value, namespace),
        keys=partial(_keys, manifests, namespace),
        filled=partial(manifests.secret_filled, namespace),
    )
    return replace(made, hostname=_hostname(template, pod))


def sample_environment(manifests: ManifestSet, template: PodTemplate, container: Node) -> Environment:
    """The environment in the first pod that the template makes."""
    return environment(manifests, template, container, _first_pod(manifests, template))


def _first_pod(manifests: ManifestSet, template: PodTemplate) -> Pod | None:
    lws = next((lws for lws in manifests.once(leader_worker_sets) if lws.document is template.document), None)
    return next((pod for pod in lws.pods if pod.template_path == template.node.path), None) if lws else None


def _keys(manifests: ManifestSet, namespace: str, kind: str, name: str) -> list[str] | None:
    """The keys of a ConfigMap of the set. Those of a Secret are not read: its owner fills it where nobody looks."""
    document = manifests.find(kind, name, namespace) if kind == "ConfigMap" else None
    return None if document is None else [key for key in document["data"].mapping if isinstance(key, str)]


def _hostname(template: PodTemplate, pod: Pod | None) -> str | None:
    """A pod of a group has its own name as host name, unless it is on the host network."""
    renamed = any(template.spec[field].exists for field in ("hostname", "setHostnameAsFQDN"))
    return None if pod is None or renamed or template.spec["hostNetwork"].boolean is True else pod.name


def _downward(manifests: ManifestSet, template: PodTemplate, pod: Pod | None, field: str) -> str | None:
    labels = pod.labels if pod else _labels(manifests, template)
    annotations = pod.annotations if pod else template.annotations
    for prefix, values in (("metadata.labels[", labels), ("metadata.annotations[", annotations)):
        if field.startswith(prefix):
            key = field[len(prefix) :].strip("]").strip("'\"")
            return values.get(key, None if pod is None and key.startswith(_ADDED) else "")
    if field == "metadata.namespace":
        return manifests.namespace(template.document)
    if field == "metadata.name":
        return pod.name if pod else labels.get(keys.POD_NAME)
    return None


def _labels(manifests: ManifestSet, template: PodTemplate) -> dict[str, str]:
    """The labels of the first pod of a template outside LeaderWorkerSets; a StatefulSet adds its own."""
    for pod in pods.pods(manifests):
        if pod.template.key == template.key:
            return pod.labels
    return template.labels
