"""What all objects of a set have in common, whatever more is known of their kind."""

from dataclasses import dataclass

from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document


@dataclass(frozen=True, eq=False)
class SetObject:
    """An object with the set it belongs to; its own class says what kind it is."""

    manifests: ManifestSet
    document: Document

    @property
    def title(self) -> str:
        return self.document.title

    @property
    def name(self) -> str:
        return self.document.name

    @property
    def namespace(self) -> str:
        return self.manifests.namespace(self.document)
