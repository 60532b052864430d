"""HWG: the nodes under the groups, and their GPUs."""

from seatrial.finding import Finding
from seatrial.live.group import LiveGroup, Standing
from seatrial.live.node_losses import lost_nodes, stuck
from seatrial.requirement import Outcomes, requirement


@requirement(
    "HWG-14",
    why="A lost node leaves a dead group behind a leader that looks well, and pods that nobody can stop.",
    fix="Bring the node back, or delete it: only then are its pods made anew elsewhere.",
    source=("lws#508", "defilantech/LLMKube#1781"),
)
def test_nodes_are_ready(live_group: LiveGroup) -> Outcomes:
    """All nodes of a group MUST be Ready."""
    if not live_group.wanted:
        live_group.require(Standing.FORMED)
    for lost in lost_nodes(live_group):
        names = ", ".join(pod.name for pod in lost.pods)
        yield Finding(lost.pods[0].place("spec", "nodeName"), f"{names} on node {lost.name}: {lost.words}", "Ready")
    for pod in stuck(live_group):
        since = pod.metadata["deletionTimestamp"]
        yield Finding(pod.place("metadata", "deletionTimestamp"), f"Terminating, due to be gone at {since}", "gone")
    if not live_group.pods:
        live_group.require(Standing.READY)
    live_group.require(Standing.PLACED)
