"""The PodDisruptionBudgets of a set: which pods each one protects, and how many there will be.

Source: Kubernetes API reference, PodDisruptionBudgetSpec.
"""

import re
from functools import cached_property

from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.set_object import SetObject
from seatrial.workload.leader_worker_set import LeaderWorkerSet
from seatrial.workload.pods import SetPod, pods, selected

_PERCENT = re.compile(r"(\d{1,9})%")
_REPLICATED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


class DisruptionBudget(SetObject):
    """One PodDisruptionBudget."""

    @property
    def selector(self) -> Node:
        return self.document.at("spec", "selector")

    @cached_property
    def pods(self) -> list[SetPod]:
        """The pods it protects, as the set's model samples them."""
        return selected(self.manifests, self.selector, self.namespace)

    @cached_property
    def count(self) -> int | None:
        """How many pods it protects when all of them run; None when the manifests do not say."""
        owners = {id(pod.template.document): pod for pod in self.pods}
        counts = [self._count_of(pod) for pod in owners.values()]
        known = [count for count in counts if count is not None]
        return sum(known) if counts and len(known) == len(counts) else None

    @property
    def blocking(self) -> Node | None:
        """The field that leaves no pod to evict, None when evictions get through."""
        unavailable, available = self.document.at("spec", "maxUnavailable"), self.document.at("spec", "minAvailable")
        if unavailable.raw is not None:
            return unavailable if _amount(unavailable, 1) == 0 else None
        if _percent(available) == 100:
            return available
        needed = _amount(available, self.count or 0)
        return available if self.count and needed is not None and needed >= self.count else None

    def _count_of(self, pod: SetPod) -> int | None:
        if pod.lws is not None:
            return self._of_groups(pod.lws)
        owner = pod.template.document
        if owner.kind == "Pod":
            return 1
        if owner.kind not in _REPLICATED or _is_scaled(self.manifests, owner) or not self._has_all_of(owner):
            return None
        replicas = owner.at("spec", "replicas")
        return 1 if replicas.raw is None else replicas.integer

    def _has_all_of(self, owner: Document) -> bool:
        mine = sum(pod.template.document is owner for pod in self.pods)
        return mine == sum(pod.template.document is owner for pod in pods(self.manifests))

    def _of_groups(self, lws: LeaderWorkerSet) -> int | None:
        """Pods of a LeaderWorkerSet: a role counts when the budget protects all of its pods or none."""
        count = 0
        chosen = {id(pod.expanded) for pod in self.pods}
        for role, each in (("leader", 1), ("worker", lws.size - 1)):
            picked = {id(pod) in chosen for pod in lws.pods if pod.role == role and pod.group_index < lws.replicas}
            if len(picked) > 1:
                return None
            count += lws.replicas * each if True in picked else 0
        return count


def _is_scaled(manifests: ManifestSet, owner: Document) -> bool:
    """Whether an autoscaler decides about the number of replicas."""
    return any(
        scaler.at("spec", "scaleTargetRef", "name").text == owner.name
        for scaler in manifests.of_kind("HorizontalPodAutoscaler", "ScaledObject")
    )


def _percent(node: Node) -> int | None:
    found = _PERCENT.fullmatch(node.text or "")
    return int(found[1]) if found else None


def _amount(node: Node, of: int) -> int | None:
    """An absolute number, or a percentage of `of`, which the disruption controller rounds up."""
    percent = _percent(node)
    return node.integer if percent is None else -(-percent * of // 100)


def budgets(manifests: ManifestSet) -> list[DisruptionBudget]:
    """The budgets of a set. Computed once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[DisruptionBudget]:
    return [DisruptionBudget(manifests, document) for document in manifests.of_kind("PodDisruptionBudget")]


def budgets_of(lws: LeaderWorkerSet) -> list[DisruptionBudget]:
    """The budgets that protect any pod of a LeaderWorkerSet."""
    return [budget for budget in budgets(lws.manifests) if any(pod.lws is lws for pod in budget.pods)]
