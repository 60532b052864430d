"""How the images of pods came onto their nodes, as kubelets tell it in statuses and events."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.live.installation import PULLING
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject, container_statuses
from seatrial.live.obstacles import short
from seatrial.live.placement import nodes
from seatrial.live.super_nodes import is_super_node
from seatrial.live.workload_pods import WorkloadPod

FAILING = (*PULLING, "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed")
# Source: pkg/kubelet/images of Kubernetes.
_NOT_YET = ("", "ContainerCreating", "PodInitializing")
_PULLED = re.compile(r'Successfully pulled image "(?P<image>[^"]+)" in (?P<time>[0-9hmsuµn.]+)')
_PART = re.compile(r"([0-9.]+)(h|ms|m|us|µs|ns|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
NOTICED_S = 30.0
"""A pull that takes longer was one of a large image (own)."""


def failed_pulls(found: list[WorkloadPod]) -> Iterator[tuple[WorkloadPod, str]]:
    """The pods that wait for an image which cannot be had, with the kubelet's words."""
    for one in found:
        for status in container_statuses(one.pod):
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in FAILING:
                image = status.get("image") or "its image"
                yield one, f"{image}: {waiting['reason']}, {short(waiting.get('message'))}"


def not_pulled_yet(found: list[WorkloadPod]) -> list[LiveObject]:
    """The pods of which a container has not got as far as its image."""
    return [
        one.pod
        for one in found
        if not container_statuses(one.pod) or any(_waits(status) for status in container_statuses(one.pod))
    ]


def _waits(status: dict[str, object]) -> bool:
    state = status.get("state")
    waiting = state.get("waiting") if isinstance(state, dict) else None
    return isinstance(waiting, dict) and str(waiting.get("reason") or "") in _NOT_YET


@dataclass(frozen=True, slots=True)
class SlowPull:
    """A pod whose node had to fetch a large image first."""

    pod: LiveObject
    observed: str


def slow_pulls(lws: LiveLeaderWorkerSet) -> Iterator[SlowPull]:
    """Pods of groups for which an image was pulled for longer than `NOTICED_S`. Raises CannotTell."""
    for pod, messages in _told(lws):
        for message in messages:
            found = _PULLED.search(message)
            if found is not None and seconds(found["time"]) > NOTICED_S:
                words = f"{pod.name} waited {seconds(found['time']):.0f} s for {found['image']}"
                yield SlowPull(pod, f"{words} on {pod.at('spec', 'nodeName')}")


def without_record(lws: LiveLeaderWorkerSet) -> list[LiveObject]:
    """Pods of groups of whose images no event tells any more. Raises CannotTell."""
    return [pod for pod, messages in _told(lws) if not messages]


def _told(lws: LiveLeaderWorkerSet) -> Iterator[tuple[LiveObject, list[str]]]:
    """Each pod on a node that keeps images, with what its kubelet said about them."""
    known = nodes(lws.deployed)
    for pod in lws.pods:
        node = known.get(str(pod.at("spec", "nodeName") or ""))
        if node is None or is_super_node(node):
            continue
        events = lws.deployed.view.events(pod.namespace, "Pod", pod.name)
        own = [event for event in events if event.at("involvedObject", "uid") in (None, pod.uid)]
        yield pod, [str(event.at("message")) for event in own if event.at("reason") == "Pulled"]


def seconds(duration: str) -> float:
    """A duration as Go writes it (`3m20.5s`) in seconds."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(duration))
