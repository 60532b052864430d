"""RDY: readiness against the time that loading takes."""

from itertools import combinations

from seatrial.clusters.capability import Capability
from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.live import readiness_losses, start_times
from seatrial.live.deployed import Deployed
from seatrial.live.group import LiveGroup, Standing
from seatrial.live.ranks import ranks
from seatrial.live.serving import engine
from seatrial.live.serving_pods import serving_pods
from seatrial.live.start_up import Step
from seatrial.requirement import Outcomes, requirement

LAG = 1 / 3
"""The part of all shards by which one pod may be behind another (own)."""
RESERVE = 1.2


@requirement(
    "RDY-03",
    why="The next slow day ends in kills, and each kill recreates the whole group.",
    fix="Raise failureThreshold or periodSeconds of the startupProbe.",
    needs=(Capability.CONTAINERS,),
)
def test_start_leaves_a_reserve(live_group: LiveGroup) -> Outcomes:
    """The measured start-up time SHOULD leave a reserve of one fifth in the start-up budget."""
    serving = engine(live_group.lws)
    live_group.require(Standing.READY)
    measured = start_times.measure(live_group, serving)
    needed = measured.took_s * RESERVE
    if needed > measured.budget_s:
        observed = f"{measured.pod.name} took {measured.took_s:.0f} s of {measured.budget_s} s"
        yield Finding(measured.place, observed, f"a budget of {needed:.0f} s")


@requirement(
    "RDY-04",
    why="Each time the leader loses its readiness, requests to its group fail.",
    fix="Raise timeoutSeconds of the readiness probe: /health takes a second or more from SGLang 0.4.10.post2 on.",
    source=("modelplaneai/modelplane#206", "mostlygeek/llama-swap#276"),
    needs=(Capability.CONTAINERS,),
)
def test_leader_stays_ready(live_group: LiveGroup) -> Outcomes:
    """A leader MUST NOT lose readiness while nothing is done to it."""
    leader = live_group.leader
    if leader is None:
        live_group.require(Standing.FORMED)
        raise NotApplicable("the group is not asked for")
    lost = readiness_losses.losses(live_group.lws.deployed, leader)
    if lost.times:
        yield Finding(leader.place("status", "conditions"), lost.observed, "ready without interruption")
        return
    live_group.require(Standing.READY)
    if lost.watched_s < readiness_losses.WINDOW_S:
        watched = f"{leader.name} is ready since {lost.watched_s:.0f} s"
        raise CannotTell(f"{watched}, too short a time to say that it stays so", "a later run")


@requirement(
    "RDY-06",
    why="One restart recreates the whole group, and loading begins anew.",
    fix="Give the startupProbe a larger budget, and cover the livenessProbe by it.",
    needs=(Capability.CONTAINERS,),
)
def test_no_probe_kills_a_loading_container(deployed: Deployed) -> Outcomes:
    """A probe MUST NOT kill a container while it loads."""
    serving_pods(deployed)
    for kill in start_times.kills(deployed):
        yield Finding(kill.place, kill.observed, "a budget that loading fits in")


@requirement(
    "RDY-07",
    why="Loading ends with a collective: one slow disk, or a node short of memory, stalls all ranks.",
    fix="Look at the disk, the mount and the memory of the node that lags behind.",
    source=("sglang#5457", "sglang#5602"),
    needs=(Capability.LOGS,),
)
def test_ranks_load_together(live_group: LiveGroup) -> Outcomes:
    """The ranks of a group SHOULD progress through loading together."""
    engine(live_group.lws)
    live_group.require(Standing.PLACED)
    found = ranks(live_group)
    if found and all(rank.start.step >= Step.LOADED for rank in found):
        return
    told = [(rank, loaded, of) for rank in found if (shards := rank.start.shards) for loaded, of in (shards,)]
    for (one, loaded, of), (other, farther, _) in combinations(sorted(told, key=lambda one: one[1]), 2):
        if farther - loaded > of * LAG:
            observed = f"{one.pod.name} has loaded {loaded} of {of} shards, {other.pod.name} {farther}"
            yield Finding(one.pod.place("spec", "nodeName"), observed, "about as many on each")
            return
    if len(told) < len(found) or not found:
        raise CannotTell(f"how far the ranks of {live_group.title} have loaded", "logs with progress for each rank")
