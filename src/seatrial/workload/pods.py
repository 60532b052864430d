"""The pods that the set will have, as selectors see them."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.knowledge import versions
from seatrial.lws import keys
from seatrial.lws.pods import Pod
from seatrial.lws.selectors import matches, service_matches
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.workloads import PodTemplate, is_leader_worker_set, pod_templates
from seatrial.workload.leader_worker_set import LeaderWorkerSet, leader_worker_sets


@dataclass(frozen=True, slots=True)
class SetPod:
    """A pod with the labels it will carry. Of a LeaderWorkerSet a sample of its pods is listed, `expanded` each.

    Other workloads stand here once per pod template, a StatefulSet with its first two pods.
    """

    template: PodTemplate
    namespace: str
    labels: dict[str, str]
    lws: LeaderWorkerSet | None = None
    expanded: Pod | None = None

    @property
    def title(self) -> str:
        return f"Pod/{self.expanded.name}" if self.expanded else self.template.document.title

    @property
    def is_leader(self) -> bool:
        return self.expanded is not None and self.expanded.role == "leader"


def pods(manifests: ManifestSet) -> list[SetPod]:
    """All pods of the set. Computed once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[SetPod]:
    return [*_of_leader_worker_sets(manifests), *_of_others(manifests)]


def _of_leader_worker_sets(manifests: ManifestSet) -> Iterator[SetPod]:
    for lws in manifests.once(leader_worker_sets):
        for pod in lws.pods:
            template = lws.leader_template if pod.role == "leader" else lws.worker_template
            yield SetPod(template, lws.namespace, dict(pod.labels), lws, pod)


def _of_others(manifests: ManifestSet) -> Iterator[SetPod]:
    for document in manifests.documents:
        if not is_leader_worker_set(document):
            for template in pod_templates(document):
                for labels in _labels(manifests, template):
                    yield SetPod(template, manifests.namespace(document), labels)


def _labels(manifests: ManifestSet, template: PodTemplate) -> Iterator[dict[str, str]]:
    """The labels of a template's pods: one sample, but the first two of a StatefulSet, which numbers its pods."""
    document = template.document
    if document.kind != "StatefulSet":
        yield template.labels
        return
    replicas, first = document.at("spec", "replicas").integer, document.at("spec", "ordinals", "start").integer or 0
    version = versions.parse(str(manifests.target.get("kubernetes.version") or ""))
    numbered = version is None or version.minor >= keys.POD_INDEX_KUBERNETES
    for ordinal in range(first, first + (1 if replicas in (None, 1) else 2)):
        own = {keys.POD_NAME: f"{document.name}-{ordinal}"}
        yield template.labels | own | ({keys.POD_INDEX: str(ordinal)} if numbered else {})


def selected(manifests: ManifestSet, selector: Node, namespace: str) -> list[SetPod]:
    """The pods of `namespace` that a LabelSelector picks."""
    return [pod for pod in pods(manifests) if pod.namespace == namespace and matches(selector.raw, pod.labels)]


def behind(manifests: ManifestSet, service: Document) -> list[SetPod]:
    """The pods that a Service's selector picks in its own namespace."""
    selector, namespace = service.at("spec", "selector"), manifests.namespace(service)
    labelled = manifests.once(_by_label)
    candidates = [labelled.get((namespace, *pair), []) for pair in selector.texts.items()]
    fewest = min(candidates, key=len, default=[])
    return [pod for pod in fewest if service_matches(selector.raw, pod.labels)]


def _by_label(manifests: ManifestSet) -> dict[tuple[str, str, str], list[SetPod]]:
    """Pods by namespace, label key and value, so that many Services over many pods stay cheap."""
    found: dict[tuple[str, str, str], list[SetPod]] = {}
    for pod in pods(manifests):
        for key, value in pod.labels.items():
            found.setdefault((pod.namespace, key, value), []).append(pod)
    return found
