"""Container images: how a reference is read, which registry a node can reach, and what an image is."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date
from typing import NamedTuple

from seatrial.knowledge.records import records

MOVING_TAGS = frozenset({"latest", "main", "master", "dev", "edge", "nightly", "stable", "release"})
"""Tags that are moved on purpose; `nightly-...` and `dev-...` count as well, see `Reference.is_pinned`."""
_CUDA = re.compile(r"(?:^|[-_.])cu(?:da)?(\d{2})\.?(\d)?(?=$|[-_.])")
_DOCKER_HUB = ("index.docker.io", "registry-1.docker.io", "docker.io")


class Reference(NamedTuple):
    """An image reference with the registry written out: `sglang` of Docker Hub is `docker.io`, `library/sglang`."""

    registry: str
    path: str
    tag: str | None
    digest: str | None

    @property
    def repository(self) -> str:
        """Registry and path, the same for every way to write one image."""
        return f"{self.registry}/{self.path}"

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def is_pinned(self) -> bool:
        """Whether the reference names one version: a digest, or a tag that is not moved on purpose."""
        if self.digest:
            return True
        tag = (self.tag or "latest").casefold()
        return tag not in MOVING_TAGS and not tag.startswith(("nightly", "dev-", "latest-", "main-"))


@dataclass(frozen=True, slots=True)
class Registry:
    """`mainland` is `yes`, `no` or `unreliable` for nodes in mainland China; `mirror` carries copies there.

    `private` ones hold copies that the user keeps; with `suffix` every host below it belongs to them.
    """

    host: str
    mainland: str
    private: bool
    source: str
    date: Date
    mirror: str | None = None
    suffix: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """A known repository: `role` is engine, lws or client; `official` false is a copy or a staging build."""

    repository: str
    role: str
    name: str
    official: bool
    source: str
    date: Date


@functools.lru_cache(1024)
def reference(text: str) -> Reference:
    """Read an image reference as the container runtime does: registry, path, tag, digest."""
    rest, _, digest = text.strip().partition("@")
    head, slash, tail = rest.rpartition("/")
    tail, _, tag = tail.partition(":")
    path = head + slash + tail
    first, slash, below = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, path = first.casefold(), below
    else:
        registry = "docker.io"
    if registry in _DOCKER_HUB:
        registry, path = "docker.io", path if "/" in path else f"library/{path}"
    return Reference(registry, path, tag or None, digest or None)


def cuda_of_tag(tag: str) -> str | None:
    """The CUDA version that an image tag names (`v0.5.9-cu129-amd64` gives `12.9`), None when it names none."""
    found = _CUDA.search(tag)
    return ".".join(filter(None, found.groups())) if found else None


@functools.cache
def registries() -> tuple[Registry, ...]:
    """All known registries."""
    return records("images", "registry", Registry)


def registry(host: str) -> Registry | None:
    """The registry of that host, or the private one that the host is a part of; None when unknown."""
    host = host.casefold()
    for row in registries():
        if host == row.host or (row.suffix and host.endswith("." + row.host)):
            return row
    return None


@functools.cache
def images() -> Mapping[str, Image]:
    """All known images by full repository."""
    return {row.repository: row for row in records("images", "image", Image)}


def image(found: Reference) -> Image | None:
    """The known image of exactly this repository; None when unknown."""
    return images().get(found.repository)


def likely_image(found: Reference) -> Image | None:
    """The known image, else the one of which this looks like a private copy: same last name, another registry."""
    exact = image(found)
    if exact is not None:
        return exact
    return next((row for key, row in images().items() if key.rpartition("/")[2] == found.name), None)
