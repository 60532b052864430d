"""A local copy of one kind of object in one namespace, kept up to date by a watch."""

import threading
from collections.abc import Callable
from typing import Any

from seatrial.clusters.provider import ClusterError
from seatrial.live.api import Api, ApiError
from seatrial.live.eventually import Pulse
from seatrial.live.objects import LiveObject
from seatrial.live.resources import Resource

Change = Callable[[str, LiveObject, LiveObject | None], None]
"""Told ADDED, MODIFIED or DELETED, the object, and what it was before."""

_PAUSE_S = 0.5
_UNWATCHED_PAUSE_S = 3.0


class Informer:
    """Lists, then watches, and begins anew when the server ends the watch.

    `pulse` beats with every change: whoever waits for something waits on it.
    """

    def __init__(
        self,
        api: Api,
        resource: Resource,
        namespace: str | None,
        on_change: Change,
        pulse: Pulse,
        stop: threading.Event,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self.error: ClusterError | ApiError | None = None
        """Why the copy may be out of date: set while the server does not answer or refuses."""
        self._api = api
        self._on_change = on_change
        self._pulse = pulse
        self._stop = stop
        self._objects: dict[str, LiveObject] = {}
        self._thread = threading.Thread(target=self._follow, name=f"watch {resource.plural}", daemon=True)
        self._version = ""

    def start(self) -> None:
        """List once, then follow in the background. Raises ApiError, Unreachable for the first list."""
        self._list()
        self._thread.start()

    @property
    def objects(self) -> list[LiveObject]:
        """What is there now, in the order of creation, as a list of its own."""
        with self._pulse.lock:
            return list(self._objects.values())

    def _list(self) -> None:
        items, self._version = self._api.listed(self.resource, self.namespace)
        found = {item["metadata"]["uid"]: LiveObject(item) for item in items}
        with self._pulse.lock:
            for uid in [uid for uid in self._objects if uid not in found]:
                self._on_change("DELETED", self._objects.pop(uid), None)
            for uid, object in found.items():
                before = self._objects.get(uid)
                self._objects[uid] = object
                if before is None or before.metadata.get("resourceVersion") != object.metadata.get("resourceVersion"):
                    self._on_change("ADDED" if before is None else "MODIFIED", object, before)
            self._pulse.beat()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                for type, raw in self._api.watch(self.resource, self.namespace, self._version, self._stop):
                    self._take(type, raw)
            except (ApiError, ClusterError) as error:
                # A watch may end at any time: its version is too old, a load balancer cuts it, a server restarts.
                # Whether something is wrong, the next list says.
                self._again()
                # Who may list and not watch sees changes a little later.
                forbidden = isinstance(error, ApiError) and error.forbidden
                self._stop.wait(_UNWATCHED_PAUSE_S if forbidden else _PAUSE_S)

    def _again(self) -> None:
        """List anew, again and again until the server answers."""
        while not self._stop.is_set():
            try:
                self._list()
            except (ApiError, ClusterError) as error:
                self.error = error
                with self._pulse.lock:
                    self._pulse.beat()
            else:
                self.error = None
                return
            self._stop.wait(_PAUSE_S)

    def _take(self, type: str, raw: dict[str, Any]) -> None:
        self._version = raw["metadata"].get("resourceVersion", self._version)
        if type == "BOOKMARK":
            return
        object = LiveObject(raw)
        with self._pulse.lock:
            if type == "DELETED":
                before = self._objects.pop(object.uid, None)
            else:
                before = self._objects.get(object.uid)
                self._objects[object.uid] = object
            self._on_change(type, object, before)
            self._pulse.beat()
