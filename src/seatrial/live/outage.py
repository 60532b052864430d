"""The LWS controller away for a while, or another release of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seatrial.finding import CannotTell
from seatrial.live.api import ApiError
from seatrial.live.experiment import Experiment
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject
from seatrial.live.resources import PODS
from seatrial.live.traffic import still_routed
from seatrial.lws import keys
from seatrial.lws.releases import Release, UnknownRelease, release


@contextmanager
def controller_stopped(experiment: Experiment) -> Iterator[None]:
    """The LWS controller does not run; its webhooks are registered all the same. Raises ClusterError."""
    control = experiment.bench.control
    try:
        control.stop_lws_manager()
        yield
    finally:
        control.start_lws_manager()


def replace(experiment: Experiment, version: str) -> None:
    """Put another release in the place of the present one, and wait until its sets can be read again."""
    experiment.bench.control.replace_lws(version)
    experiment.wait(lambda: _readable(experiment.lws), hopeless=False)


def _readable(lws: LiveLeaderWorkerSet) -> bool:
    """Whether sets can be read: not while the API server changes their definition."""
    try:
        return lws.object is not None
    except CannotTell:
        return False


def offer_pod(experiment: Experiment) -> tuple[dict[str, Any] | None, ApiError | None]:
    """Offer a pod of a group without storing it: the pod as it would be stored, or why it was refused."""
    lws = experiment.lws
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{lws.name}-0-{lws.size}",
            "labels": {keys.NAME: lws.name, keys.GROUP_INDEX: "0"},
            "annotations": {keys.SIZE: str(lws.size), keys.LEADER_NAME: f"{lws.name}-0"},
        },
        "spec": {"subdomain": lws.name, "containers": [{"name": "offer", "image": "seatrial.invalid/none"}]},
    }
    try:
        return experiment.bench.api.create(PODS, pod, lws.namespace, dry_run=True), None
    except ApiError as error:
        return None, error


def is_completed(pod: dict[str, Any] | None) -> bool:
    """Whether the webhook has put the group's variables into every container."""
    containers = ((pod or {}).get("spec") or {}).get("containers") or []
    names = [{variable["name"] for variable in container.get("env") or ()} for container in containers]
    return bool(names) and all(keys.LEADER_ADDRESS_ENV in one for one in names)


def is_visible(lws: LiveLeaderWorkerSet, victim: LiveObject) -> bool:
    """Whether the loss of a pod's node has led to a complete group elsewhere, or shows in status and endpoints."""
    if lws.available and all(pod.uid != victim.uid for pod in lws.pods):
        return True
    live = lws.object
    ready = int(live.at("status", "readyReplicas") or 0) if live is not None else 0
    return ready < lws.replicas and not still_routed(lws, {victim.uid})


def bring_back(experiment: Experiment, node: str) -> None:
    """The node is there again. What was reported of its pods stays until somebody deletes them."""
    experiment.bench.control.start_kubelet(node)
    for pod in experiment.lws.pods:
        if pod.at("spec", "nodeName") == node and not pod.holds("Ready"):
            experiment.bench.delete(PODS, pod)


def next_release(lws: LiveLeaderWorkerSet) -> str:
    """The release that comes after the installed one, of those that can be run here. Raises CannotTell."""
    from seatrial.clusters.assets import LWS_VERSIONS

    installed = lws.deployed.workbench.control.lws_version
    newer = [version for version in LWS_VERSIONS if _number(version) > _number(installed)]
    if not newer:
        raise CannotTell(f"{installed} is the newest release of LWS that can be run here: there is none to upgrade to")
    return newer[0]


def _number(version: str) -> Release:
    try:
        return release(version)
    except UnknownRelease as unknown:
        return unknown.closest
