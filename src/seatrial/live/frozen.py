"""A view of objects that somebody wrote down: a cluster as it was, or as it might be."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from seatrial.clusters.provider import Cluster
from seatrial.finding import CannotTell
from seatrial.live.events import happened
from seatrial.live.objects import LiveObject
from seatrial.live.resources import EVENTS, KNOWN, Resource
from seatrial.live.view import View

Objects = list[dict[str, Any]]


class FrozenView(View):
    """The objects of a cluster at one moment, by kind.

    `logs` are texts by `namespace/pod/container`; `hidden` are kinds that may not be read.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespaces: Iterable[str],
        objects: Mapping[Resource, Objects],
        git_version: str,
        logs: Mapping[str, str] | None = None,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(cluster, namespaces)
        self._hidden = hidden
        self._objects = {resource: [LiveObject(raw) for raw in found] for resource, found in objects.items()}
        self._git_version = git_version
        self._logs = dict(logs or {})

    def all(self, resource: Resource, namespace: str | None = None) -> list[LiveObject]:
        if resource.kind in self._hidden:
            raise CannotTell(f"{resource.plural} may not be read by this kubeconfig's user")
        found = self._objects.get(resource, [])
        return [one for one in found if not namespace or one.namespace == namespace]

    def resource(self, api_version: str, kind: str) -> Resource | None:
        return next((one for one in self._objects if (one.api_version, one.kind) == (api_version, kind)), None)

    def git_version(self) -> str:
        return self._git_version

    @property
    def moment(self) -> int:
        return 0

    @property
    def now(self) -> datetime:
        """The youngest time that stands in an event: nothing later was seen."""
        times = map(happened, self.all(EVENTS))
        return max((time for time in times if time is not None), default=datetime.now(UTC))

    def log(self, pod: LiveObject, container: str, *, previous: bool = False, last: int | None = None) -> str:
        text = self._logs.get(f"{pod.namespace}/{pod.name}/{container}" + ("/previous" if previous else ""), "")
        return text if last is None else "".join(text.splitlines(keepends=True)[-last:])


def freeze(view: View, more: Iterable[Resource] = ()) -> dict[Resource, Objects]:
    """Everything that `view` shows of the kinds that checks know, as plain objects. Raises CannotTell, Unreachable."""
    kinds = dict.fromkeys([*KNOWN, *more])
    return {resource: [one.raw for one in view.all(resource)] for resource in kinds if view.served(resource)}
