"""What a requirement of the cluster layer can be about, by the name of a check's parameter."""

from collections.abc import Callable, Iterable
from typing import Any

from seatrial.clusters.capability import Capability
from seatrial.finding import NotApplicable
from seatrial.live.admission import Admission
from seatrial.live.api_service import live_api_services
from seatrial.live.declared_object import DeclaredObject, declared_objects
from seatrial.live.deployed import Deployed
from seatrial.live.download_job import download_jobs
from seatrial.live.installation import Installation
from seatrial.live.leader_worker_set import LiveGroup, LiveLeaderWorkerSet, Standing
from seatrial.live.model_claim import model_claims

_NO_LWS = "the set has no LeaderWorkerSet"


def _created(deployed: Deployed) -> list[LiveLeaderWorkerSet]:
    """The LeaderWorkerSets, all of which are on the cluster. Raises Blocked, CannotTell."""
    for lws in deployed.leader_worker_sets:
        lws.require(Standing.CREATED)
    return deployed.leader_worker_sets


def _groups(deployed: Deployed) -> list[LiveGroup]:
    return [group for lws in _created(deployed) for group in lws.groups]


def _admissions(deployed: Deployed) -> list[Admission]:
    """What the server said to each object of the set. Raises CannotTell where the run may not offer any."""
    if not deployed.admissions:
        deployed.need(Capability.DRY_RUN)
    return list(deployed.admissions)


def _declared(deployed: Deployed) -> list[DeclaredObject]:
    """The objects of the set that can be compared with the cluster's. Raises NotApplicable."""
    if deployed.read_back:
        raise NotApplicable("the manifests were read from this cluster")
    return declared_objects(deployed)


def _installation(deployed: Deployed) -> list[Installation]:
    """The LWS controller that the set needs."""
    return [deployed.installation] if deployed.leader_worker_sets else []


# Parameter → how to find the subjects of a deployed set, and what to say when there are none.
_SUBJECTS: dict[str, tuple[Callable[[Deployed], Iterable[Any]], str]] = {
    "deployed": (lambda deployed: [deployed], ""),
    "admission": (_admissions, "nothing was offered to the API server"),
    "declared_object": (_declared, "no object of the set has a name"),
    "download_job": (download_jobs, "the set has no Job that downloads a model"),
    "live_installation": (_installation, _NO_LWS),
    "model_claim": (model_claims, "the model is on no claim"),
    "live_lws": (_created, _NO_LWS),
    "live_group": (_groups, _NO_LWS),
    "live_api_service": (live_api_services, "the set has no API Service (SVC-14 judges that)"),
}
NAMES = tuple(_SUBJECTS)


def of(name: str, deployed: Deployed) -> Iterable[Any]:
    """The subjects of one kind. Raises NotApplicable when there are none, KeyError for an unknown kind.

    Raises Blocked when what they would be is not on the cluster.
    """
    find, absent = _SUBJECTS[name]
    found = find(deployed)
    if not found:
        raise NotApplicable(absent)
    return found
