"""Pods that wait for a volume, and what they wait for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.live.deployed import Deployed
from seatrial.live.objects import LiveObject
from seatrial.live.resources import CLAIMS
from seatrial.live.workload_pods import WorkloadPod, workload_pods

_MOUNT_TROUBLE = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_CLAIM_TROUBLE = re.compile(r"persistentvolumeclaim", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VolumeWait:
    """`claim` is the one that is missing or not bound, None where a mount fails; `words` are the cluster's."""

    waiting: WorkloadPod
    claim: str | None
    missing: bool
    words: str

    @property
    def told(self) -> str:
        """The same for all pods that wait for the same."""
        if self.claim is None:
            return self.words
        return f"claim {self.claim} is not there" if self.missing else f"claim {self.claim} is not bound: {self.words}"


def volume_waits(deployed: Deployed) -> Iterator[VolumeWait]:
    """What each pod that has not started waits for. Raises CannotTell where pods, claims or events may not be read."""
    trouble = deployed.once(_trouble)
    for one in workload_pods(deployed):
        if one.pod.at("status", "phase") == "Pending":
            yield from _waits(deployed, one, trouble.get(one.pod.uid))


def _waits(deployed: Deployed, one: WorkloadPod, event: LiveObject | None) -> Iterator[VolumeWait]:
    pod = one.pod
    scheduled = pod.condition("PodScheduled") or {}
    words = str(scheduled.get("message") or "")
    waits_for_claim = scheduled.get("status") == "False" and _CLAIM_TROUBLE.search(words) is not None
    for name in claim_names(pod):
        claim = deployed.view.one(CLAIMS, name, pod.namespace)
        if claim is None:
            yield VolumeWait(one, name, True, words)
        elif waits_for_claim and claim.at("status", "phase") != "Bound":
            yield VolumeWait(one, name, False, words)
    if pod.at("spec", "nodeName") and event is not None:
        yield VolumeWait(one, None, False, f"{event.at('reason')}: {event.at('message')}")


def claim_names(pod: LiveObject) -> list[str]:
    """The claims that a pod mounts."""
    volumes = pod.each("spec", "volumes")
    return [str(name) for one in volumes if (name := (one.get("persistentVolumeClaim") or {}).get("claimName"))]


def _trouble(deployed: Deployed) -> dict[str, LiveObject]:
    """The newest event about a mount that failed, by the pod's uid."""
    return {
        str(event.at("involvedObject", "uid")): event
        for namespace in deployed.namespaces
        for event in deployed.view.events(namespace, "Pod")
        if event.at("reason") in _MOUNT_TROUBLE
    }


def last_words(deployed: Deployed, claim: LiveObject) -> str:
    """What the newest event about a claim says; empty without one."""
    found = deployed.view.events(claim.namespace, claim.kind, claim.name)
    return " ".join(str(found[-1].at("message") or "").split()) if found else ""
