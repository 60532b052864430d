"""The logs of the groups' pods: each read once, its beginning and its end, bounded in number and size."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.finding import CannotTell
from seatrial.live.deployed import Deployed
from seatrial.live.group import is_ready
from seatrial.live.journal import restarts
from seatrial.live.objects import LiveObject
from seatrial.live.serving_pods import serving_pods

MOST_PODS = 64
"""Pods whose logs are read; those that are not ready, or were restarted, first."""
LAST_LINES = 2000
"""Lines of the end of a log that are read beside its beginning."""


@dataclass(frozen=True, slots=True)
class Log:
    """What one container wrote. `complete` is false where the middle was left out."""

    pod: LiveObject
    container: str
    previous: bool
    text: str
    complete: bool

    @property
    def title(self) -> str:
        return f"{self.pod.name}, container {self.container}" + (", before it was restarted" if self.previous else "")


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs that were read, and how many pods were left out."""

    logs: tuple[Log, ...]
    left_out: int

    def of(self, pod: LiveObject, container: str) -> Log | None:
        """The log of a container that runs."""
        return next(
            (one for one in self.logs if one.pod.uid == pod.uid and one.container == container and not one.previous),
            None,
        )


def logs(deployed: Deployed) -> Logs:
    """The logs of every container of the serving pods. Raises CannotTell where they may not be read."""
    return deployed.once(_read_all)


def _read_all(deployed: Deployed) -> Logs:
    pods = sorted(serving_pods(deployed), key=lambda pod: (is_ready(pod) and not restarts(pod), pod.name))
    found = [log for pod in pods[:MOST_PODS] for log in _of_pod(deployed, pod)]
    return Logs(tuple(found), max(len(pods) - MOST_PODS, 0))


def _of_pod(deployed: Deployed, pod: LiveObject) -> Iterator[Log]:
    for field in ("initContainers", "containers"):
        for container in pod.each("spec", field):
            name = str(container.get("name"))
            yield _read(deployed, pod, name, previous=False)
            if _restarted(pod, name):
                yield _read(deployed, pod, name, previous=True)


def _restarted(pod: LiveObject, container: str) -> bool:
    statuses = [*pod.each("status", "initContainerStatuses"), *pod.each("status", "containerStatuses")]
    return any(one.get("name") == container and one.get("restartCount") for one in statuses)


def _read(deployed: Deployed, pod: LiveObject, container: str, *, previous: bool) -> Log:
    start = deployed.view.log(pod, container, previous=previous)
    end = deployed.view.log(pod, container, previous=previous, last=LAST_LINES)
    if end.strip() and end.strip() in start:
        return Log(pod, container, previous, start, complete=True)
    joined = _join(start, end)
    return Log(pod, container, previous, joined or f"{start}\n{end}", complete=joined is not None)


def _join(start: str, end: str) -> str | None:
    """Beginning and end as one text where they overlap."""
    first = next((line for line in end.splitlines() if line.strip()), "")
    at = start.find(f"\n{first}\n") if first else -1
    if at < 0 or not end.startswith(start[at + 1 :]):
        return None
    return start[: at + 1] + end


def need_all(read: Logs) -> None:
    """Raises CannotTell where the logs say nothing, or not every pod's log was read."""
    if not any(log.text.strip() for log in read.logs):
        raise CannotTell("the logs of the groups are empty", "a later run")
    if read.left_out:
        raise CannotTell(f"the logs of {read.left_out} more pods were not read", "")
