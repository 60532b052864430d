"""The volumes that hold the model: those that the engine reads and those that downloads fill."""

from dataclasses import dataclass

from seatrial.finding import Blocked, CannotTell, NotApplicable
from seatrial.knowledge.models import Checkpoint
from seatrial.manifest_set import ManifestSet
from seatrial.storage.claims import Claim, class_exists_outside, exists_outside
from seatrial.storage.download import ModelDownload, downloads
from seatrial.storage.model import SUPPLY, directory_read, directory_written, known_repository, served, weights
from seatrial.storage.mounts import Directory, claim_name
from seatrial.storage.storage_classes import StorageClass, storage_class
from seatrial.workload.serving import Role, groups

Reader = Role | ModelDownload


@dataclass(frozen=True, slots=True)
class ModelVolume:
    """A volume that holds the model, as `reader` mounts it; `directory` is None when nothing is mounted there."""

    manifests: ManifestSet
    reader: Reader
    directory: Directory | CannotTell | Blocked | None

    @property
    def title(self) -> str:
        return self.reader.title

    @property
    def known(self) -> bool:
        return isinstance(self.directory, Directory)

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this volume apart from others."""
        if not isinstance(self.directory, Directory):
            return (self.title,)
        name = claim_name(self.directory.volume)
        return ("claim", self._namespace, name) if name else self.directory.store

    @property
    def _namespace(self) -> str:
        return self.manifests.namespace(self.reader.template.document)

    def need_directory(self) -> Directory:
        """Raises CannotTell or Blocked when it is not known, NotApplicable when the model is on no volume."""
        if self.directory is None:
            raise NotApplicable(f"{self.title} keeps the model on no volume")
        if isinstance(self.directory, Directory):
            return self.directory
        raise self.directory

    def need_claim(self) -> Claim:
        """The claim of the set. Raises NotApplicable when there is none, CannotTell when it is outside the set."""
        name = claim_name(self.need_directory().volume)
        if not name:
            raise NotApplicable("the model is not on a claim")
        document = self.manifests.find("PersistentVolumeClaim", name, self._namespace)
        if document is not None:
            return Claim(self.manifests, document.root)
        if exists_outside(self.manifests, self._namespace, name):
            raise CannotTell(f"claim {name} is not in the set", "add the claim's manifest to the set")
        raise NotApplicable(f"claim {name} is declared nowhere (STO-01 judges that)")

    def need_storage_class(self) -> StorageClass:
        """The class of the model's claim. Raises as `need_claim`, and CannotTell when the class is not in the set."""
        claim = self.need_claim()
        name = claim.class_node.text
        if claim.static_volume is not None or name == "":
            raise NotApplicable(f"claim {claim.name} is bound to a static volume")
        if name is None:
            raise CannotTell(f"claim {claim.name} takes the cluster's default class", "name a storageClassName")
        found = storage_class(self.manifests, name)
        if found is None and class_exists_outside(self.manifests, name):
            raise CannotTell(f"StorageClass {name} is not in the set", "add the class's manifest to the set")
        if found is None:
            raise NotApplicable(f"StorageClass {name} is declared nowhere (STO-04 judges that)")
        return found

    def need_checkpoint(self) -> Checkpoint:
        """The weights that the volume has to hold. Raises CannotTell or Blocked when they are not known."""
        if isinstance(self.reader, Role):
            return served(self.reader.group).checkpoint
        return downloaded_checkpoint(self.reader)


def downloaded_checkpoint(download: ModelDownload) -> Checkpoint:
    """The weights that a download fetches. Raises CannotTell when the repository is not known."""
    named = download.download.repository
    repository = known_repository(named.text) if named is not None and named.known else None
    if repository is None:
        name = named.text if named is not None else "no repository"
        raise CannotTell(f"{download.title} downloads {name}, which is no model that seatrial knows", SUPPLY)
    return weights(download.manifests, repository)


def model_volumes(manifests: ManifestSet) -> list[ModelVolume]:
    """Every volume that holds the model, once each. Computed once."""
    return manifests.once(_find)


def _find(manifests: ManifestSet) -> list[ModelVolume]:
    readers: list[Reader] = [role for group in groups(manifests) for role in group.roles]
    readers += downloads(manifests)
    found: dict[tuple[str, ...], ModelVolume] = {}
    for reader in readers:
        volume = ModelVolume(manifests, reader, _directory(reader))
        found.setdefault(volume.key, volume)
    known = [volume for volume in found.values() if volume.known]
    return known or list(found.values())


def _directory(reader: Reader) -> Directory | CannotTell | Blocked | None:
    try:
        return directory_read(reader) if isinstance(reader, Role) else directory_written(reader)
    except (CannotTell, Blocked) as trouble:
        return trouble
