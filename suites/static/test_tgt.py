"""TGT: the target's facts themselves."""

from seatrial.agreement import statements
from seatrial.finding import Finding, NotApplicable
from seatrial.manifest_set import ManifestSet
from seatrial.requirement import Outcomes, requirement


@requirement(
    "TGT-01",
    why="What is judged by a wrong fact is judged wrongly.",
    fix="Correct the fact in seatrial.toml, or leave out what the manifests say anyway.",
)
def test_facts_agree_with_the_manifests(deployment: ManifestSet) -> Outcomes:
    """Facts of the target MUST agree with the facts that the manifests carry."""
    found = list(dict.fromkeys(statements(deployment)))
    if not found:
        raise NotApplicable("no fact of the target stands in the manifests too")
    target = deployment.target
    for statement in found:
        if not statement.agrees:
            observed = f'{statement.fact} = "{target.get(statement.fact)}"'
            yield Finding(target.place(statement.fact), observed, f"{statement.said}, as {statement.by} says")
