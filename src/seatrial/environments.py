"""The environment of a container in one of the pods that the set will have."""

from functools import partial

from seatrial.leader_worker_set import leader_worker_sets
from seatrial.lws.expand import Pod
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.launch import Environment, container_environment
from seatrial.manifests.workloads import PodTemplate


def environment(manifests: ManifestSet, template: PodTemplate, container: Node, pod: Pod | None) -> Environment:
    """What the kubelet gives a container, in an expanded pod of a LeaderWorkerSet or in any pod of a template."""
    namespace = manifests.namespace(template.document)
    return container_environment(
        container.mapping,
        pod.env if pod else (),
        lambda field: _downward(template, namespace, pod, field),
        partial(manifests.config_value, namespace),
    )


def sample_environment(manifests: ManifestSet, template: PodTemplate, container: Node) -> Environment:
    """The environment in the first pod that the template makes."""
    return environment(manifests, template, container, _first_pod(manifests, template))


def _first_pod(manifests: ManifestSet, template: PodTemplate) -> Pod | None:
    lws = next((lws for lws in manifests.once(leader_worker_sets) if lws.document is template.document), None)
    return next((pod for pod in lws.pods if pod.template_path == template.node.path), None) if lws else None


def _downward(template: PodTemplate, namespace: str, pod: Pod | None, field: str) -> str | None:
    labels = pod.labels if pod else template.labels
    annotations = pod.annotations if pod else template.annotations
    for prefix, values in (("metadata.labels[", labels), ("metadata.annotations[", annotations)):
        if field.startswith(prefix):
            return values.get(field[len(prefix) :].strip("]").strip("'\""), "")
    if field == "metadata.namespace":
        return namespace
    return pod.name if pod and field == "metadata.name" else None
