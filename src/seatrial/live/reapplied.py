"""The set applied once more, as a pipeline does, and what that changed."""

from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.finding import CannotTell
from seatrial.live import deploy
from seatrial.live.deployed import Deployed
from seatrial.live.objects import LiveObject
from seatrial.live.resources import Resource
from seatrial.manifests.document import Document

_BOOKKEEPING = ("resourceVersion", "managedFields", "generation")


def require_brought(deployed: Deployed) -> None:
    """Raises CannotTell unless the run itself has brought the set to the cluster, and may do it again."""
    if not deployed.admissions:
        raise CannotTell(
            "the run has not brought this set: what others deployed is not deleted or applied anew",
            "--deploy, or a cluster of its own: leave out --kubeconfig",
        )


def applied(deployed: Deployed) -> Iterator[tuple[Resource, Document]]:
    """The documents that the API server has taken."""
    for admission in deployed.admissions:
        document = admission.document
        resource = deployed.view.resource(document.api_version, document.kind)
        if admission.answer is not None and resource is not None and document.name:
            yield resource, document


def apply_again(deployed: Deployed) -> None:
    """Server-side apply of every document. Raises ApiError, Unreachable."""
    for resource, document in applied(deployed):
        body = deploy.body(deployed.manifests, document, resource.namespaced)
        deployed.workbench.api.apply(resource, body, _namespace(deployed, resource, document))


def stored(deployed: Deployed) -> list[tuple[Document, LiveObject]]:
    """The documents as the API server has stored them now. Raises ApiError, Unreachable."""
    found: list[tuple[Document, LiveObject]] = []
    for resource, document in applied(deployed):
        raw = deployed.workbench.api.find(resource, document.name, _namespace(deployed, resource, document))
        if raw is not None:
            found.append((document, LiveObject(raw)))
    return found


def changed(before: LiveObject, after: LiveObject) -> list[str]:
    """The fields, one level below the top, that differ; status and bookkeeping left out."""
    if before.uid != after.uid:
        return ["metadata.uid"]
    was, now = _wanted(before), _wanted(after)
    return sorted(path for path in {*was, *now} if was.get(path) != now.get(path))


def _wanted(object: LiveObject) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for part, value in object.raw.items():
        if part == "status":
            continue
        if isinstance(value, dict):
            found |= {f"{part}.{name}": item for name, item in value.items()}
        else:
            found[part] = value
    return {path: value for path, value in found.items() if path.removeprefix("metadata.") not in _BOOKKEEPING}


def _namespace(deployed: Deployed, resource: Resource, document: Document) -> str | None:
    return deployed.manifests.namespace(document) if resource.namespaced else None
