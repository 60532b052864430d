"""Which model a group serves, and in which checkpoint."""

from dataclasses import dataclass

from seatrial.finding import Blocked, CannotTell
from seatrial.knowledge import models
from seatrial.knowledge.models import Checkpoint, Model, Repository
from seatrial.knowledge.sglang import Unknown
from seatrial.manifest_set import ManifestSet
from seatrial.storage import mounts
from seatrial.storage.download import ModelDownload, downloads
from seatrial.storage.mounts import Directory
from seatrial.workload.serving import Group, Role, groups

SUPPLY = 'seatrial.toml: [model] repository = "deepseek-ai/DeepSeek-R1"'


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model in one form of its weights; `evidence` says from where it is known."""

    model: Model
    checkpoint: Checkpoint
    repository: Repository
    evidence: str


def served(group: Group) -> ServedModel:
    """The model of a group: what the target states, else what is downloaded, else what its path is called.

    Raises CannotTell when none of them names a known model, Blocked when `--model-path` is not resolved.
    """
    found = group.manifests.once(_all)[id(group.document)]
    if isinstance(found, ServedModel):
        return found
    raise found


def _all(manifests: ManifestSet) -> dict[int, ServedModel | CannotTell | Blocked]:
    return {id(group.document): _attempt(group) for group in groups(manifests)}


def _attempt(group: Group) -> ServedModel | CannotTell | Blocked:
    try:
        return _served(group)
    except (CannotTell, Blocked) as unknown:
        return unknown


def _served(group: Group) -> ServedModel:
    name, evidence = _repository_name(group)
    repository = known_repository(name) or models.repository_of_path(name)
    if repository is None:
        raise CannotTell(f"{name} ({evidence}) is no model that seatrial knows", SUPPLY)
    return ServedModel(models.models()[repository.model], weights(group.manifests, repository), repository, evidence)


def known_repository(name: str) -> Repository | None:
    """The repository of that name in whatever case: the hubs find it, although JOB-07 asks for the right one."""
    exact = models.repository(name)
    return exact or next((row for key, row in models.repositories().items() if key.lower() == name.lower()), None)


def weights(manifests: ManifestSet, repository: Repository) -> Checkpoint:
    """The weights of a repository: in the form that the target states if the model has it, else in its own.

    Raises CannotTell when their size is not known.
    """
    forms = (manifests.target.get("model.checkpoint"), repository.checkpoint)
    found = next((row for form in forms if form and (row := models.checkpoint(form, repository.model))), None)
    if found is None:
        raise CannotTell(f"the size of {repository.name} is not known", SUPPLY)
    return found


def _repository_name(group: Group) -> tuple[str, str]:
    """A repository, or a path called like one, and how it is known."""
    stated = group.manifests.target.get("model.repository")
    if stated:
        return stated, "the fact model.repository"
    download = download_of(group.leader)
    if download is not None and download.download.repository is not None:
        return download.download.repository.text, f"downloaded by {download.title}"
    return model_path(group.leader), "--model-path"


def model_path(role: Role) -> str:
    """The value of `--model-path`. Raises Blocked when the launch line is not resolved, CannotTell without a value."""
    path = role.value("model_path")
    if not isinstance(path, str) or isinstance(path, Unknown):
        raise CannotTell(f"the {role.name}'s --model-path is not given or not known", SUPPLY)
    return path


def directory_read(role: Role) -> Directory | None:
    """The directory behind `--model-path`; None when it is on no volume.

    A relative path counts from the container's workingDir; without one it is taken for a repository, on no volume.
    """
    path = model_path(role)
    if not path.startswith("/"):
        start = role.container["workingDir"].text
        if not start:
            return None
        path = f"{start}/{path}"
    return mounts.directory(role.manifests, role.template, role.container, path, role.container_variable)


def directory_written(download: ModelDownload) -> Directory | None:
    """The directory that a download fills; None when it is on no volume. Raises CannotTell when it is not known.

    A relative path counts from the container's workingDir.
    """
    written = download.download.directory
    if written is None or not written.known or _is_cache(download):
        raise CannotTell(
            f"the directory that {download.title} fills depends on the tool's own layout",
            "give the download a literal --local_dir (--local-dir for hf)",
        )
    path, start = written.text, download.container["workingDir"].text
    if not path.startswith("/"):
        if not start:
            raise CannotTell(f"{download.title} downloads into {path} of a working directory that is not known")
        path = f"{start}/{path}"
    return mounts.directory(download.manifests, download.template, download.container, path, download.variable)


def _is_cache(download: ModelDownload) -> bool:
    """Whether the directory is a cache, below which the tool makes its own tree."""
    text = " ".join(word.text for word in download.download.command).replace("_", "-")
    return "cache-dir" in text and "local-dir" not in text


def download_of(role: Role) -> ModelDownload | None:
    """The download that writes the directory which a role reads, if the set has it."""
    try:
        read = directory_read(role)
    except CannotTell:
        return None
    if read is None:
        return None
    return next((download for download in downloads(role.manifests) if _writes(download, read)), None)


def _writes(download: ModelDownload, read: Directory) -> bool:
    try:
        return directory_written(download) == read
    except CannotTell:
        return False
