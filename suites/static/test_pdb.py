"""PDB: disruption budgets."""

from seatrial.finding import Finding, NotApplicable
from seatrial.manifest_set import ManifestSet
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.disruption_budgets import budgets, budgets_of
from seatrial.workload.leader_worker_set import LeaderWorkerSet


@requirement(
    "PDB-01",
    why="Evicting one worker kills its whole group.",
    fix="Select by the label leaderworkerset.sigs.k8s.io/name alone: every pod of the set has it.",
)
def test_budget_covers_leaders_and_workers(lws: LeaderWorkerSet) -> Outcomes:
    """A PodDisruptionBudget for the group SHOULD cover leaders and workers."""
    found = budgets_of(lws)
    if not found:
        raise NotApplicable("no PodDisruptionBudget selects pods of the set (PDB-03 judges that)")
    covered = {id(pod.expanded) for budget in found for pod in budget.pods}
    missed = [pod.name for pod in lws.pods if id(pod) not in covered]
    if missed:
        for budget in found:
            yield Finding(budget.selector, f"selects no {', '.join(missed[:3])}", f"all pods of {lws.title}")


@requirement(
    "PDB-02",
    why="Draining a node waits for an eviction that is never allowed.",
    fix="Write `maxUnavailable: 1`, and `unhealthyPodEvictionPolicy: AlwaysAllow` for pods that are down anyway.",
)
def test_budget_allows_evictions(deployment: ManifestSet) -> Outcomes:
    """A PodDisruptionBudget SHOULD NOT forbid every eviction."""
    if not budgets(deployment):
        raise NotApplicable("the set has no PodDisruptionBudget")
    for budget in budgets(deployment):
        field = budget.blocking
        if field is not None:
            pods = f", and {budget.count} pods match" if budget.count else ""
            yield Finding(field, f"{field.path[-1]} is {field.raw}{pods}", "a budget that lets at least one pod go")


@requirement(
    "PDB-03",
    why="A node upgrade may take all groups at once.",
    fix="Add a PodDisruptionBudget with maxUnavailable 1 that selects leaderworkerset.sigs.k8s.io/name.",
)
def test_leader_worker_set_has_a_budget(lws: LeaderWorkerSet) -> Outcomes:
    """A LeaderWorkerSet SHOULD have a PodDisruptionBudget."""
    if not budgets_of(lws):
        yield Finding(lws.document["kind"], "no PodDisruptionBudget selects its pods", "a PodDisruptionBudget")
