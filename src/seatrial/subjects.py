"""What a requirement can be about. The name of a check's parameter says which of these it wants."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from seatrial.finding import NotApplicable
from seatrial.manifest_set import ManifestSet
from seatrial.network import routing
from seatrial.storage.claims import claims
from seatrial.storage.download import downloads
from seatrial.storage.model_volumes import model_volumes
from seatrial.storage.storage_classes import storage_classes
from seatrial.workload import serving
from seatrial.workload.leader_worker_set import leader_worker_sets


class Subject(Protocol):
    """Anything with a title for the report."""

    @property
    def title(self) -> str: ...


# Parameter → how to find the subjects in a set, and what to say when there are none.
_SUBJECTS: dict[str, tuple[Callable[[ManifestSet], Iterable[Any]], str]] = {
    "deployment": (lambda manifests: [manifests], ""),
    "lws": (lambda manifests: manifests.once(leader_worker_sets), "the set has no LeaderWorkerSet"),
    "group": (serving.groups, "nothing in the set runs SGLang"),
    "role": (
        lambda manifests: [role for group in serving.groups(manifests) for role in group.roles],
        "nothing in the set runs SGLang",
    ),
    "api_service": (routing.api_services, "the set has no API Service (SVC-14 judges that)"),
    "download": (downloads, "the set downloads no model"),
    "storage_class": (storage_classes, "the set has no StorageClass"),
    "claim": (claims, "the set has no PersistentVolumeClaim"),
    "model_volume": (model_volumes, "the set neither serves nor downloads a model"),
}
NAMES = tuple(_SUBJECTS)


def of(name: str, manifests: ManifestSet) -> Iterable[Subject]:
    """The subjects of one kind. Raises NotApplicable when there are none, KeyError for an unknown kind."""
    find, absent = _SUBJECTS[name]
    found = find(manifests)
    if not found:
        raise NotApplicable(absent)
    return found
