"""What an experiment may use that a look may not: the means to change a cluster, and to wait for what follows."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from seatrial.clusters.provider import Progress, Provider, silent
from seatrial.finding import Blocked, CannotTell
from seatrial.live.api import Api, ApiError
from seatrial.live.live_view import LiveView
from seatrial.live.objects import LiveObject
from seatrial.live.resources import LEADER_WORKER_SETS, PODS, Resource

Made = TypeVar("Made")

_RIGHTS = "the rights that `seatrial rbac disruptive` prints"


class Control(Protocol):
    """What only the owner of a cluster can do, where it has the capability `control`. Each raises ClusterError."""

    lws_version: str

    def stop_lws_manager(self) -> None:
        """End the LWS controller; its webhooks stay registered."""
        ...

    def start_lws_manager(self) -> None:
        """Start it again; returns when it decides."""
        ...

    def replace_lws(self, version: str) -> None:
        """Put another release in its place; sets stay."""
        ...

    def stop_kubelet(self, node: str) -> None: ...

    def start_kubelet(self, node: str) -> None: ...

    def lose_node(self, node: str) -> None:
        """As when the heartbeats of a node have stayed away for long enough."""
        ...


@dataclass(slots=True)
class Workbench:
    """Only requirements that need the capability `disrupt` reach for it."""

    api: Api
    view: LiveView
    provider: Provider
    progress: Progress = silent
    broken: Blocked | None = None
    """The experiment after which the set did not come back: no other may begin."""
    _made: dict[Hashable, object] = field(default_factory=dict)

    @property
    def control(self) -> Control:
        """For requirements that need the capability `control`, whose providers have these methods."""
        return cast(Control, self.provider)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What an experiment has shown: several requirements judge it, and nobody pays for it twice."""
        if key not in self._made:
            self._made[key] = make()
        return cast(Made, self._made[key])

    # Changing the cluster. Each raises ApiError, Unreachable.

    def delete(self, resource: Resource, object: LiveObject, *, propagation: str = "Background") -> None:
        self.api.delete(resource, object.name, object.namespace, propagation=propagation)

    def amend(self, lws: LiveObject, spec: dict[str, Any]) -> dict[str, Any]:
        """A merge patch of the spec of a LeaderWorkerSet; the object as it is then."""
        return self.api.patch(LEADER_WORKER_SETS, lws.name, {"spec": spec}, lws.namespace)

    def scale(self, lws: LiveObject, replicas: int) -> None:
        self.api.patch(LEADER_WORKER_SETS, lws.name, {"spec": {"replicas": replicas}}, lws.namespace, "scale")

    def report(self, pod: LiveObject, status: dict[str, Any]) -> None:
        """Say what a kubelet would say of a pod, as a merge patch of its status."""
        self.api.patch(PODS, pod.name, {"status": status}, pod.namespace, "status")

    def evict(self, pod: LiveObject, *, dry_run: bool = False) -> ApiError | None:
        """Ask for the pod's eviction, as a drain does. The answer when a budget forbids it, None when it is done."""
        body: dict[str, Any] = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
        }
        if dry_run:
            body["deleteOptions"] = {"dryRun": ["All"]}
        try:
            self.api.post(PODS, pod.name, "eviction", body, pod.namespace)
        except ApiError as error:
            if error.status == _FORBIDDEN_BY_BUDGET:
                return error
            raise
        return None


_FORBIDDEN_BY_BUDGET = 429


def refused(error: ApiError) -> CannotTell:
    """The answer to a requirement whose experiment the API server would not have."""
    if error.forbidden:
        return CannotTell(f"this kubeconfig's user may not do the experiment: {error.message}", _RIGHTS)
    return CannotTell(f"the API server refused the experiment: {error.message}")
