"""The view of a real cluster: kinds that change are watched, the others are listed when somebody asks."""

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from seatrial.clusters.provider import Cluster
from seatrial.finding import CannotTell
from seatrial.live.api import Api, ApiError
from seatrial.live.discovery import Discovery
from seatrial.live.eventually import Pulse
from seatrial.live.informer import Informer
from seatrial.live.objects import LiveObject
from seatrial.live.resources import PODS, SECRETS, Resource
from seatrial.live.view import WATCHED, View

RIGHTS = "the rights that `seatrial rbac read` prints"
_OF_SECRETS = "the right to list Secrets there, which `seatrial rbac read` leaves out on purpose"
LOG_BYTES = 1 << 20
"""How much of a log is read, in bytes."""


class LiveView(View):
    """Begins to look with `start`; `stop` ends all watches."""

    def __init__(self, api: Api, cluster: Cluster, namespaces: Iterable[str]) -> None:
        super().__init__(cluster, namespaces)
        self.api = api
        self.discovery = Discovery(api)
        self.pulse = Pulse()
        self._informers: dict[tuple[str, str], Informer] = {}
        self._listed: dict[tuple[str, str], list[LiveObject]] = {}
        self._refreshed = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to watch. A kind that may not be listed, or is not served, is asked for again when it is needed."""
        for namespace in self.namespaces:
            for resource in WATCHED:
                self.follow(resource, namespace)

    def follow(self, resource: Resource, namespace: str) -> None:
        """Watch one kind in one namespace. Raises Unreachable."""
        key = (resource.plural, namespace)
        if key in self._informers:
            return

        def take(change: str, object: LiveObject, before: LiveObject | None) -> None:
            self.journal.note(resource.kind, change, object, before)

        informer = Informer(self.api, resource, namespace, take, self.pulse, self._stop)
        try:
            informer.start()
        except ApiError:
            return  # `all` asks again, and says what the server says
        self._informers[key] = informer

    def stop(self) -> None:
        """End all watches. Never raises."""
        self._stop.set()
        with self.pulse.lock:
            self.pulse.beat()

    @property
    def quiet_s(self) -> float:
        """Seconds since something that is watched has changed."""
        return time.monotonic() - self.pulse.last

    def refresh(self) -> None:
        """Forget what was listed: the next question goes to the server."""
        with self._lock:
            self._listed.clear()
            self._refreshed += 1
        self.discovery.forget()

    @property
    def moment(self) -> tuple[int, int]:
        return self.pulse.count, self._refreshed

    def all(self, resource: Resource, namespace: str | None = None) -> list[LiveObject]:
        informer = self._informers.get((resource.plural, namespace or ""))
        if informer is not None:
            if informer.error is not None:
                raise _cannot(informer.error, resource.plural, namespace)
            return informer.objects
        key = (resource.plural, namespace or "")
        with self._lock:
            if key not in self._listed:
                self._listed[key] = self._list(resource, namespace)
            return self._listed[key]

    def resource(self, api_version: str, kind: str) -> Resource | None:
        try:
            return self.discovery.resource(api_version, kind)
        except ApiError as error:
            raise _cannot(error, api_version, None) from None

    def git_version(self) -> str:
        try:
            return str(self.api.document("/version").get("gitVersion", ""))
        except ApiError as error:
            raise _cannot(error, "/version", None) from None

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def log(self, pod: LiveObject, container: str, *, previous: bool = False, last: int | None = None) -> str:
        query = {"container": container, "limitBytes": str(LOG_BYTES)} | ({"previous": "true"} if previous else {})
        query |= {} if last is None else {"tailLines": str(last)}
        try:
            return self.api.text(PODS.path(pod.namespace, pod.name, "log"), query)
        except ApiError as error:
            if error.status == 400:  # waiting to start, or no previous container
                return ""
            raise _cannot(error, f"the log of {pod.title}", pod.namespace) from None

    def _list(self, resource: Resource, namespace: str | None) -> list[LiveObject]:
        try:
            return [LiveObject(raw) for raw in self.api.list(resource, namespace)]
        except ApiError as error:
            if error.absent:
                return []
            raise _cannot(error, resource.plural, namespace) from None


def _cannot(error: Exception, what: str, namespace: str | None) -> Exception:
    """Not allowed to look is an honest answer; anything else is what it is."""
    if not isinstance(error, ApiError):
        return error
    where = f" in namespace {namespace}" if namespace else ""
    if error.forbidden:
        return CannotTell(
            f"{what}{where} may not be read by this kubeconfig's user",
            _OF_SECRETS if what == SECRETS.plural else RIGHTS,
        )
    return CannotTell(f"the API server would not give {what}{where}: {error}")
