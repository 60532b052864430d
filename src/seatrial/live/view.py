"""The cluster as one run sees it. Checks read from here and nowhere else, so that they can be tried on any state."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from datetime import datetime

from seatrial.clusters.provider import Cluster
from seatrial.live.events import order
from seatrial.live.journal import Journal
from seatrial.live.objects import LiveObject
from seatrial.live.resources import (
    CLAIMS,
    ENDPOINT_SLICES,
    EVENTS,
    LEADER_WORKER_SETS,
    PODS,
    SERVICES,
    STATEFUL_SETS,
    Resource,
)

WATCHED = (PODS, STATEFUL_SETS, SERVICES, ENDPOINT_SLICES, CLAIMS, EVENTS, LEADER_WORKER_SETS)
"""Kinds that change while a set lives."""


class View(ABC):
    """What is there. Raises CannotTell where the user of the kubeconfig may not look."""

    def __init__(self, cluster: Cluster, namespaces: Iterable[str]) -> None:
        self.cluster = cluster
        self.namespaces = tuple(dict.fromkeys(namespaces))
        self.journal = Journal()

    @abstractmethod
    def all(self, resource: Resource, namespace: str | None = None) -> list[LiveObject]:
        """All objects of a kind, of all namespaces if None. None where the kind is not served.

        Raises CannotTell when they may not be listed, Unreachable when the server does not answer.
        """

    @abstractmethod
    def resource(self, api_version: str, kind: str) -> Resource | None:
        """The resource of an object's apiVersion and kind, None if it is not served. Raises CannotTell, Unreachable."""

    @abstractmethod
    def git_version(self) -> str:
        """The version that the API server reports, such as `v1.34.1-tke.8`. Raises CannotTell, Unreachable."""

    @abstractmethod
    def log(self, pod: LiveObject, container: str, *, previous: bool = False, last: int | None = None) -> str:
        """A container's log from its beginning, or its `last` lines; empty where it has none yet.

        Raises CannotTell, Unreachable.
        """

    @property
    @abstractmethod
    def moment(self) -> Hashable:
        """Equal to what it was before as long as `all` gives the same objects: what follows from them still holds."""

    @property
    @abstractmethod
    def now(self) -> datetime:
        """The moment of this look: events and creation times are as old as they are before it."""

    def one(self, resource: Resource, name: str, namespace: str | None = None) -> LiveObject | None:
        """The object of that name, None where there is none. Raises CannotTell, Unreachable."""
        return next((one for one in self.all(resource, namespace) if one.name == name), None)

    def served(self, resource: Resource) -> bool:
        """Whether the API server knows the kind. Raises CannotTell, Unreachable."""
        return self.resource(resource.api_version, resource.kind) is not None

    def events(self, namespace: str, kind: str = "", name: str = "") -> list[LiveObject]:
        """Events about an object, oldest first. Raises CannotTell, Unreachable."""
        found = [
            event
            for event in self.all(EVENTS, namespace)
            if (not kind or event.at("involvedObject", "kind") == kind)
            and (not name or event.at("involvedObject", "name") == name)
        ]
        return sorted(found, key=order)
