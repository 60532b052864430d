"""The ranks of one group in their start: which pod has come how far, and since when it tries."""

from dataclasses import dataclass
from datetime import datetime

from seatrial.live.group import LiveGroup
from seatrial.live.logs import logs
from seatrial.live.objects import LiveObject
from seatrial.live.serving import engine, role_of, started_at
from seatrial.live.start_up import StartUp, start_up
from seatrial.workload.serving import Group

DEADLINE_S = 600.0
"""How long PyTorch waits for the ranks of an NCCL group, unless --dist-timeout says otherwise."""


@dataclass(frozen=True, slots=True)
class Rank:
    """The node rank of one pod. `running_s` is how long its container runs; None where it does not."""

    pod: LiveObject
    start: StartUp
    complete: bool
    """Whether its whole log was read."""
    running_s: float | None


def ranks(group: LiveGroup) -> list[Rank]:
    """The pods of a group that runs SGLang. Raises NotApplicable for others, CannotTell where logs may not be read."""
    serving = engine(group.lws)
    read = logs(group.lws.deployed)
    found: list[Rank] = []
    for pod, expected in group.paired():
        container = role_of(serving, expected.worker_index).container["name"].text or ""
        log = read.of(pod, container)
        if log is not None:
            since = started_at(pod, container)
            found.append(Rank(pod, start_up(log.text), log.complete, _age(group, since)))
    return found


def _age(group: LiveGroup, since: datetime | None) -> float | None:
    return (group.lws.deployed.view.now - since).total_seconds() if since is not None else None


def deadline_s(serving: Group) -> float:
    """The time that the ranks of a group have to find each other. Raises Blocked by ARG-00."""
    stated = serving.leader.value("dist_timeout")
    return float(stated) if isinstance(stated, int | float) else DEADLINE_S
