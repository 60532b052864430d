"""RDV: how the ranks of a group find each other."""

import re

from seatrial.clusters.capability import Capability
from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.live.deployed import Deployed
from seatrial.live.group import LiveGroup, Standing
from seatrial.live.logs import logs, need_all
from seatrial.live.ranks import deadline_s, ranks
from seatrial.live.rdma_expected import expects_rdma
from seatrial.live.serving import engine
from seatrial.live.start_up import Step
from seatrial.requirement import Outcomes, requirement

NCCL = re.compile(r"NCCL INFO.*\bNET/(IB|Socket)\b")


@requirement(
    "RDV-06",
    why="A rank that never joins holds all others, and a hang shows nothing but silence.",
    fix="Look at the pods that are named: address, port, rank and world size of their launch lines (ENV-05).",
    source="sglang#2658",
    needs=(Capability.LOGS,),
)
def test_ranks_have_met(live_group: LiveGroup) -> Outcomes:
    """All ranks MUST complete the rendezvous within the deadline."""
    serving = engine(live_group.lws)
    if serving.size == 1:
        raise NotApplicable("the group is one pod")
    live_group.require(Standing.PLACED)
    found = ranks(live_group)
    if any(rank.start.step >= Step.JOINED for rank in found):
        return  # it completes for all ranks, or for none
    waiting = [rank for rank in found if rank.start.step is Step.BEGUN]
    absent = [rank for rank in found if rank.start.step is Step.SILENT]
    limit = deadline_s(serving)
    overdue = [rank for rank in found if rank.running_s is not None and rank.running_s > limit]
    if not overdue:
        raise CannotTell(f"the ranks of {live_group.title} have not met yet, but still have time", "a later run")
    if not waiting or not all(rank.complete for rank in absent):
        raise CannotTell(f"the logs of {live_group.title} tell nothing of a rendezvous", "the start of the logs")
    names = ", ".join(rank.pod.name for rank in absent) or "all have begun, so they look for it in different places"
    observed = (
        f"{len(waiting)} of {len(live_group.names)} pods wait since {overdue[0].running_s:.0f} s; not begun: {names}"
    )
    yield Finding(waiting[0].pod.place(), observed, f"all within {limit:.0f} s")


@requirement(
    "RDV-09",
    why="NCCL falls back to TCP without a word, and each token takes several times as long.",
    fix="See RDM-01 to RDM-03: host network, devices, GID index.",
    source="nccl#1657",
    needs=(Capability.LOGS,),
)
def test_nccl_uses_rdma(deployed: Deployed) -> Outcomes:
    """A deployment that expects RDMA MUST have NCCL on the IB transport."""
    if not expects_rdma(deployed):
        raise NotApplicable("the set expects no RDMA")
    read = logs(deployed)
    seen = False
    for log in read.logs:
        ways = {found[1] for found in NCCL.finditer(log.text)}
        seen |= bool(ways)
        if "Socket" in ways:
            yield Finding(log.pod.place(), f"{log.title}: NCCL on NET/Socket", "NET/IB")
    if not seen:
        raise CannotTell("the logs say nothing of NCCL's transport", "NCCL_DEBUG=INFO in both templates")
    need_all(read)
