"""The programs of a cluster: found in the folders the user gives, else in the cache, else built."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.clusters.assets import folder
from seatrial.clusters.assets.build import build
from seatrial.clusters.assets.errors import AssetError
from seatrial.clusters.assets.programs import LWS_VERSIONS, Program, program
from seatrial.clusters.assets.store import Store
from seatrial.clusters.provider import Progress, silent

__all__ = ["LWS_VERSIONS", "AssetError", "LwsAssets", "ensure", "lws", "obtain"]


@dataclass(frozen=True, slots=True)
class LwsAssets:
    """A release of LWS.

    `webhooks` holds a MutatingWebhookConfiguration and a ValidatingWebhookConfiguration as the default installation has
    them: names with lws-, objectSelectors patched in, a Service of lws-system as the place to call.
    """

    version: str
    manager: Path
    crds: tuple[Path, ...]
    webhooks: Path


def ensure(names: Sequence[str], *, folders: Sequence[Path] = (), progress: Progress = silent) -> dict[str, Path]:
    """Paths of runnable programs by name. Raises AssetError."""
    programs = [program(name) for name in names]
    places = obtain(programs, Store.of_user(), folders, progress)
    return {wanted.name: places[wanted.name] / wanted.executable for wanted in programs}


def lws(version: str, *, folders: Sequence[Path] = (), progress: Progress = silent) -> LwsAssets:
    """A release of LWS, one of LWS_VERSIONS. Raises AssetError."""
    if version not in LWS_VERSIONS:
        raise AssetError(f"no LWS {version!r}; known: {', '.join(LWS_VERSIONS)}")
    wanted = program(f"lws-{version}")
    place = obtain([wanted], Store.of_user(), folders, progress)[wanted.name]
    crds = tuple(sorted((place / "crds").glob("*.yaml")))
    return LwsAssets(version, place / wanted.executable, crds, place / "webhooks.yaml")


def obtain(
    programs: Sequence[Program], store: Store, folders: Sequence[Path] = (), progress: Progress = silent
) -> dict[str, Path]:
    """The folder of each program's files, by name. All that can be wrong is looked for before the first build."""
    folder.check(folders)
    places: dict[str, Path] = {}
    missing: list[Program] = []
    for wanted in programs:
        if given := folder.find(wanted, folders):
            places[wanted.name] = given
        elif entry := store.find(wanted):
            places[wanted.name] = entry.folder
        else:
            missing.append(wanted)
    for number, wanted in enumerate(missing, 1):
        count = f"{number} of {len(missing)}" if len(missing) > 1 else ""
        places[wanted.name] = build(wanted, store, progress, count).folder
    return places
