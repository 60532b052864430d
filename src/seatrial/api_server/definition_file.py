"""Reads the CustomResourceDefinition of LeaderWorkerSet that a user gives with `--crd`."""

from pathlib import Path
from typing import Any

from seatrial.lws.schema import API_VERSION, KIND, crd_violations
from seatrial.manifests import reader
from seatrial.manifests.crd import InvalidDefinition, describes
from seatrial.manifests.document import documents
from seatrial.manifests.source import Location, UnreadableManifest, read

HINT = "kubectl get crd leaderworkersets.leaderworkerset.x-k8s.io -o yaml writes the installed one"


def load(path: Path) -> dict[str, Any]:
    """The definition in a file, which may hold other objects too, as an install manifest does.

    Raises UnreadableManifest, one line, when the file cannot be read or defines no usable LeaderWorkerSet.
    """
    if not path.exists() or path.is_dir():
        raise UnreadableManifest(f"{path}: no such file; give --crd a CustomResourceDefinition ({HINT})")
    found = [
        document.value
        for source in read(Location(path.stem, path.parent, (path,)))
        for document in documents(source, reader.parse(source))
        if describes(document.value, API_VERSION, KIND)
    ]
    if not found:
        raise UnreadableManifest(f"{path}: defines no {API_VERSION} {KIND}; {HINT}")
    definition: dict[str, Any] = found[-1]
    try:
        crd_violations({"apiVersion": API_VERSION, "kind": KIND}, definition)
    except InvalidDefinition as problem:
        raise UnreadableManifest(f"{path}: its schema cannot be used: {problem}; {HINT}") from None
    return definition
