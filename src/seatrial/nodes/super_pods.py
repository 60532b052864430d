"""Pods that are meant for super nodes, where each pod is a small virtual machine described by its annotations."""

from seatrial.knowledge import super_nodes
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.nodes.scheduling import INSTANCE_TYPE_KEYS, allowed_values
from seatrial.storage.download import downloads
from seatrial.workload.serving import GPU, mentions_sglang


def annotation(template: PodTemplate, key: str) -> Node:
    """An annotation of the pod template; when it is missing it stands where the template does."""
    node = template.node.at("metadata", "annotations", key)
    return node if node.exists else template.node


def super_pods(manifests: ManifestSet) -> list[PodTemplate]:
    """The templates that target super nodes. Computed once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[PodTemplate]:
    pool_is_super = manifests.target.get("pool.type") == "super"
    fetchers = {download.template.key for download in downloads(manifests)} if pool_is_super else set()
    return [
        template
        for template in manifests.pod_templates
        if targets(template)
        or (pool_is_super and not elsewhere(template) and (_runs_the_engine(template) or template.key in fetchers))
    ]


def is_super_pod(manifests: ManifestSet, template: PodTemplate) -> bool:
    """Whether a template is among `super_pods`."""
    return any(template.key == known.key for known in super_pods(manifests))


def targets(template: PodTemplate) -> bool:
    """Whether a template speaks of super nodes itself: by selector, node name, toleration or annotation."""
    return (
        selects(template)
        or any(toleration["key"].text == super_nodes.TAINT for toleration in template.spec["tolerations"])
        or any(key.startswith(super_nodes.PREFIX) for key in template.annotations)
    )


def selects(template: PodTemplate) -> bool:
    """Whether a template can run on super nodes only."""
    types = allowed_values(template, *INSTANCE_TYPE_KEYS)
    on_named_node = (template.spec["nodeName"].text or "").startswith(f"{super_nodes.INSTANCE_TYPE}-")
    return on_named_node or (bool(types) and all(value == super_nodes.INSTANCE_TYPE for value, _ in types))


def elsewhere(template: PodTemplate) -> bool:
    """Whether a template names other nodes than super nodes."""
    types = allowed_values(template, *INSTANCE_TYPE_KEYS)
    return bool(types) and all(value != super_nodes.INSTANCE_TYPE for value, _ in types)


def _runs_the_engine(template: PodTemplate) -> bool:
    return any(asks_for_gpus(container) or mentions_sglang(container) for container in template.all_containers)


def asks_for_gpus(container: Node) -> bool:
    """Whether a container asks for NVIDIA GPUs, in whatever number."""
    return any(container.at("resources", field, GPU).exists for field in ("limits", "requests"))
