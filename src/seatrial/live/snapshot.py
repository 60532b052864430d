"""A set on a cluster as it was at one moment, kept so that it can be judged again, whole or with a fault in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from seatrial import defects
from seatrial.clusters.provider import Cluster
from seatrial.live import offer
from seatrial.live.admission import Admission
from seatrial.live.api import ApiError
from seatrial.live.deployed import Deployed
from seatrial.live.faults import Answer, BadFault, Fault, Objects
from seatrial.live.frozen import FrozenView, freeze
from seatrial.live.journal import Journal
from seatrial.live.objects import LiveObject
from seatrial.live.probes import Probes
from seatrial.live.view import WATCHED
from seatrial.manifest_set import ManifestSet


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What checks read of a deployed set. `files` are the texts of its manifests and its target."""

    name: str
    files: Mapping[str, str]
    cluster: Cluster
    git_version: str
    objects: Objects
    admissions: tuple[Admission, ...]
    probes: Probes | None
    own: bool

    def with_fault(self, fault: Fault) -> Deployed:
        """The set on a cluster with the fault. Raises BadFault where the fault does not fit."""
        manifests = defects.assemble(self.name, fault.files(self.files))
        objects = fault.objects(self.objects)
        cluster = replace(
            self.cluster,
            capabilities=self.cluster.capabilities | fault.capabilities,
            lws=fault.lws or self.cluster.lws,
        )
        namespaces = dict.fromkeys([manifests.default_namespace, *map(manifests.namespace, manifests.documents)])
        view = FrozenView(
            cluster, namespaces, objects, fault.git_version or self.git_version, fault.logs, frozenset(fault.hidden)
        )
        view.journal = _journal(objects, fault)
        return Deployed(
            manifests,
            view,
            own=self.own,
            admissions=_admissions(self.admissions, manifests, fault),
            probes=_probes(self.probes, fault),
        )

    def healthy(self) -> Deployed:
        """The set as it was."""
        return self.with_fault(Fault("", "nothing"))


def take(deployed: Deployed, files: Mapping[str, str]) -> Snapshot:
    """Everything that checks read of a set on a cluster. Raises CannotTell, Unreachable."""
    view = deployed.view
    return Snapshot(
        deployed.name,
        files,
        view.cluster,
        view.git_version(),
        freeze(view),
        deployed.admissions,
        deployed.probes,
        deployed.own,
    )


def _journal(objects: Objects, fault: Fault) -> Journal:
    """What the run would have noted: all that was there when it began to look, then what the fault says it saw."""
    journal = Journal()
    for resource in WATCHED:
        for raw in objects.get(resource, ()):
            journal.note(resource.kind, "ADDED", LiveObject(raw), None, at=0.0)
    now = dict(objects)
    for seen in fault.seen:
        before, now = now, seen.patch.apply(now)
        _note(journal, before, now, seen.at)
    return journal


def _note(journal: Journal, before: Objects, now: Objects, at: float) -> None:
    for resource in WATCHED:
        if now.get(resource) is before.get(resource):
            continue
        was = {one["metadata"]["uid"]: one for one in before.get(resource, ())}
        present = {one["metadata"]["uid"]: one for one in now.get(resource, ())}
        for uid, raw in was.items():
            if uid not in present:
                journal.note(resource.kind, "DELETED", LiveObject(raw), None, at=at)
        for uid, raw in present.items():
            old = was.get(uid)
            if old is not raw:
                change = "ADDED" if old is None else "MODIFIED"
                known = LiveObject(old) if old is not None else None
                journal.note(resource.kind, change, LiveObject(raw), known, at=at)


def _admissions(answers: tuple[Admission, ...], manifests: ManifestSet, fault: Fault) -> list[Admission]:
    changed = {answer.object: answer for answer in fault.answers if answer.object}
    unknown = changed.keys() - {admission.title for admission in answers}
    if unknown:
        raise BadFault(f"{fault.title}: {unknown.pop()} was not offered to the API server")
    found = []
    for admission in answers:
        answer = changed.get(admission.title)
        object, error = admission.answer, admission.error
        if answer is not None:
            object, error = _answered(answer, object)
        document = manifests.find(
            admission.document.kind, admission.document.name, manifests.namespace(admission.document)
        )
        if document is not None:
            found.append(replace(admission, document=document, answer=object, error=error))
    return found


def _probes(probes: Probes | None, fault: Fault) -> Probes | None:
    for answer in fault.answers:
        if answer.probe and probes is not None:
            object, error = _answered(answer, probes.minimal.object)
            probes = replace(probes, **{answer.probe: offer.Answer(object, error)})
    return probes


def _answered(answer: Answer, object: dict[str, object] | None) -> tuple[dict[str, object] | None, ApiError | None]:
    if answer.refused:
        return None, ApiError(answer.status, answer.reason, answer.refused)
    return answer.change.of(object or {}), None
