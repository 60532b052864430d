"""The pods of the set on the cluster, each with the template that the set declares for it."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from seatrial.finding import NotApplicable
from seatrial.live.deployed import Deployed
from seatrial.live.leader_worker_set import is_leader
from seatrial.live.objects import LiveObject
from seatrial.lws import keys
from seatrial.manifests.document import Document
from seatrial.manifests.workloads import PodTemplate, is_leader_worker_set, pod_templates

_HASH = "pod-template-hash"


@dataclass(frozen=True, eq=False)
class WorkloadPod:
    """A pod that is not going away."""

    pod: LiveObject
    template: PodTemplate

    @property
    def document(self) -> Document:
        return self.template.document


def workload_pods(deployed: Deployed) -> list[WorkloadPod]:
    """The pods of every workload of the set. Raises CannotTell where pods may not be read."""
    return deployed.once(_find)


def need_pods(deployed: Deployed) -> list[WorkloadPod]:
    """As `workload_pods`. Raises NotApplicable where none is there."""
    found = workload_pods(deployed)
    if not found:
        raise NotApplicable("the set has no pod on the cluster")
    return found


def _find(deployed: Deployed) -> list[WorkloadPod]:
    sets = {(lws.namespace, lws.name): lws for lws in deployed.leader_worker_sets}
    found: list[WorkloadPod] = []
    for pod in deployed.pods():
        if pod.deleting:
            continue
        lws = sets.get((pod.namespace, pod.labels.get(keys.NAME, "")))
        if lws is not None:
            declared = lws.declared
            found.append(WorkloadPod(pod, declared.leader_template if is_leader(pod) else declared.worker_template))
        elif (document := _owner(deployed, pod)) is not None:
            found.extend(WorkloadPod(pod, template) for template in pod_templates(document))
    return found


def _owner(deployed: Deployed, pod: LiveObject) -> Document | None:
    """The object of the set that made a pod, or is it; pods of LeaderWorkerSets go by their labels."""
    owner = pod.owner
    if owner is None:
        return _declared(deployed, "Pod", pod.name, pod.namespace)
    kind, name = str(owner.get("kind")), str(owner.get("name"))
    if kind == "ReplicaSet" and pod.labels.get(_HASH):
        kind, name = "Deployment", name.removesuffix(f"-{pod.labels[_HASH]}")
    found = _declared(deployed, kind, name, pod.namespace)
    if found is None and kind == "Job":  # a CronJob appends the minute at which the Job was due
        return _declared(deployed, "CronJob", name.rpartition("-")[0], pod.namespace)
    return found


def _declared(deployed: Deployed, kind: str, name: str, namespace: str) -> Document | None:
    found = deployed.manifests.find(kind, name, namespace)
    return None if found is None or is_leader_worker_set(found) else found


Said = TypeVar("Said", bound=Hashable)


def once_per_template(found: Iterable[tuple[WorkloadPod, Said]]) -> Iterator[tuple[WorkloadPod, Said, str]]:
    """What is said of many pods of one template, once: the first pod, the words, and how many more it is said of."""
    told: dict[tuple[Hashable, Said], list[WorkloadPod]] = {}
    for one, said in found:
        told.setdefault((one.template.key, said), []).append(one)
    for (_, said), pods in told.items():
        yield pods[0], said, f" (and {len(pods) - 1} more pods)" if len(pods) > 1 else ""
