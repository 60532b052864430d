"""The LWS controller of a cluster: what is installed, and of which release it is."""

from functools import cached_property

from seatrial.clusters.capability import MEANING, Capability
from seatrial.finding import Blocked, CannotTell
from seatrial.knowledge import images, versions
from seatrial.knowledge.images import Reference
from seatrial.live.objects import LiveObject, LivePlace, container_statuses
from seatrial.live.offer import not_allowed
from seatrial.live.probes import Probes
from seatrial.live.resources import (
    DEFINITIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    LEADER_WORKER_SETS,
    MUTATING,
    PODS,
    SERVICES,
    VALIDATING,
)
from seatrial.live.view import View
from seatrial.live.webhooks import ServiceKey, Webhook, of_lws
from seatrial.lws.releases import Release, UnknownRelease, release
from seatrial.workload.lws_installation import is_controller, minor_of_definition

DEFINITION = f"{LEADER_WORKER_SETS.plural}.{LEADER_WORKER_SETS.group}"
PULLING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
"""Reasons of the kubelet for a container that waits for its image."""


class Installation:
    """The controller, its webhooks and its definition, found by what they do rather than by name.

    Where something may not be read, each property raises CannotTell, and Unreachable when the server does not answer.
    """

    title = "the LWS controller"

    def __init__(self, view: View, probes: Probes | None = None, intended: str | None = None) -> None:
        """`intended` is the image that the user states for the controller, `probes` what the server said to the run."""
        self.view = view
        self.probes = probes
        self.intended = intended

    @property
    def place(self) -> LivePlace:
        """Where a finding points when there is no object to point at."""
        return LivePlace("", self.title)

    @cached_property
    def served(self) -> bool:
        """Whether the API server knows LeaderWorkerSets; asking that needs no right."""
        return self.view.served(LEADER_WORKER_SETS)

    @cached_property
    def definition(self) -> LiveObject | None:
        return self.view.one(DEFINITIONS, DEFINITION)

    @cached_property
    def webhooks(self) -> list[Webhook]:
        return of_lws([*self.view.all(MUTATING), *self.view.all(VALIDATING)])

    @property
    def services(self) -> list[ServiceKey]:
        """The Services through which the webhooks are reached; none where all are reached by URL."""
        return list(dict.fromkeys(one.service for one in self.webhooks if one.service is not None))

    @cached_property
    def controllers(self) -> list[LiveObject]:
        """The Deployments of the controller: with its image, or behind the webhooks' Service."""
        found = self.view.all(DEPLOYMENTS)
        behind = [self._selector(key) for key in self.services]
        return [
            one
            for one in found
            if _manager_image(one) is not None
            or any(one.namespace == namespace and _matches(selector, one) for namespace, selector in behind)
        ]

    def need_controllers(self) -> list[LiveObject]:
        """The Deployments of the controller. Raises CannotTell where it runs outside the cluster or is not found."""
        if self.controllers:
            return self.controllers
        if self.webhooks and not self.services:
            raise CannotTell(*MEANING[Capability.IN_CLUSTER_LWS])
        raise CannotTell("no Deployment of the LWS controller is found, neither by its image nor behind its webhooks")

    def _selector(self, key: ServiceKey) -> tuple[str, dict[str, str]]:
        namespace, name = key
        service = self.view.one(SERVICES, name, namespace)
        return namespace, (service.at("spec", "selector") or {}) if service else {}

    @property
    def pods(self) -> list[LiveObject]:
        """The pods of the controller that are not going away."""
        return [
            pod
            for one in self.controllers
            for pod in self.view.all(PODS, one.namespace)
            if not pod.deleting and _selects(one.at("spec", "selector", "matchLabels") or {}, pod.labels)
        ]

    @property
    def images(self) -> list[Reference]:
        """The images from which the Deployments run the controller."""
        return [images.reference(image) for one in self.controllers if (image := _image(one))]

    # Of which release it is.

    @cached_property
    def release(self) -> Release | None:
        """The release of the controller; None where nothing tells."""
        try:
            return self.recorded or next(iter(self._tagged), None) or self.defined
        except CannotTell:
            return None

    @property
    def recorded(self) -> Release | None:
        """The release that the provider of the cluster installed itself."""
        return _release(self.view.cluster.lws or "")

    @property
    def _tagged(self) -> list[Release]:
        """The releases that the tags of the controller's images name."""
        return [found for image in self.images if (found := _release(image.tag or "")) is not None]

    @property
    def running(self) -> list[Release]:
        """The releases of the controllers that run, by the provider's record or by their images' tags."""
        return [self.recorded] if self.recorded else list(dict.fromkeys(self._tagged))

    @property
    def defined(self) -> Release | None:
        """The newest release that has the definition's fields; None without a definition."""
        if self.definition is None:
            return None
        major, minor = minor_of_definition(self.definition.raw)
        return release(f"{major}.{minor}")

    # What keeps it from working, by the requirement that reports it.

    def need_definition(self) -> None:
        """Raises Blocked where the cluster does not serve LeaderWorkerSets."""
        if not self.served:
            raise Blocked("CTL-02", "the cluster does not serve LeaderWorkerSets")

    def need_webhooks(self) -> list[Webhook]:
        """The webhooks. Raises Blocked where one that groups depend on is not registered."""
        self.need_definition()
        lacking = self.lacking_webhooks
        if lacking:
            raise Blocked("CTL-03", f"not registered: {', '.join(lacking)}")
        return self.webhooks

    @property
    def lacking_webhooks(self) -> list[str]:
        """What the webhooks have to do and none does."""
        there = {(one.mutating, one.on_pods) for one in self.webhooks}
        return [what for key, what in _TASKS.items() if key not in there]

    def need_image(self) -> None:
        """Raises Blocked while the controller waits for its image."""
        waiting = self.pulling
        if waiting:
            raise Blocked("CTL-09", f"{waiting[0][0].title} waits for its image")

    @property
    def pulling(self) -> list[tuple[LiveObject, dict[str, str]]]:
        """The controller's pods that wait for an image, each with the container's state."""
        return [
            (pod, waiting)
            for pod in self.pods
            for status in container_statuses(pod)
            if (waiting := (status.get("state") or {}).get("waiting") or {}).get("reason") in PULLING
        ]

    def need_available(self) -> None:
        """Raises Blocked where the controller is known not to run; passes where nobody can tell."""
        self.need_definition()
        try:
            down = next((one for one in self.controllers if is_down(one)), None)
            self.need_image()
        except CannotTell:
            return
        if down is not None:
            raise Blocked("CTL-01", f"{down.title} is not available")

    def need_calls(self) -> None:
        """Raises Blocked where something is known to keep the API server from asking the webhooks."""
        self.need_webhooks()
        self.need_available()
        try:
            lame = next((key for key in self.services if not self.endpoints(key)), None)
        except CannotTell:
            return
        if lame is not None:
            raise Blocked("CTL-04", f"Service {'/'.join(lame)} has no ready endpoint")

    def need_answers(self) -> Probes:
        """What the server said to the run's offers. Raises CannotTell where it may not make any."""
        if self.probes is None:
            raise CannotTell(*MEANING[Capability.DRY_RUN])
        if not_allowed(self.probes.minimal.error):
            raise CannotTell(
                "the kubeconfig's user may not create LeaderWorkerSets", "the rights that `seatrial rbac deploy` prints"
            )
        return self.probes

    def endpoints(self, key: ServiceKey) -> int:
        """How many ready endpoints a Service has."""
        namespace, name = key
        return sum(
            (endpoint.get("conditions") or {}).get("ready") is not False
            for slice in self.view.all(ENDPOINT_SLICES, namespace)
            if slice.labels.get("kubernetes.io/service-name") == name
            for endpoint in slice.each("endpoints")
        )


_TASKS = {
    (True, False): "a mutating webhook on LeaderWorkerSets",
    (True, True): "a mutating webhook on pods",
    (False, False): "a validating webhook on LeaderWorkerSets",
}


def is_down(deployment: LiveObject) -> bool:
    """Whether no pod of it serves."""
    return not int(deployment.at("status", "availableReplicas") or 0)


def _release(text: str) -> Release | None:
    version = versions.parse(text)
    try:
        return release(".".join(map(str, version.numbers[:3]))) if version and version.final else None
    except UnknownRelease:
        return None


def _manager_image(deployment: LiveObject) -> str | None:
    """The image of its container that is known to be the controller's."""
    for container in deployment.each("spec", "template", "spec", "containers"):
        image = str(container.get("image") or "")
        if is_controller(images.reference(image)):
            return image
    return None


def _image(deployment: LiveObject) -> str | None:
    """The image of the controller: a known one, else that of the container called manager, else the only one."""
    containers = deployment.each("spec", "template", "spec", "containers")
    named = [one for one in containers if one.get("name") == "manager"] or (containers if len(containers) == 1 else [])
    return _manager_image(deployment) or (str(named[0].get("image") or "") if named else None)


def _matches(selector: dict[str, str], deployment: LiveObject) -> bool:
    labels = deployment.at("spec", "template", "metadata", "labels") or {}
    return bool(selector) and _selects(selector, labels)


def _selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
