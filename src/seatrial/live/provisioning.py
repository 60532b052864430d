"""The storage of a cluster without CSI drivers: volumes appear when claims ask for them, as drivers would make them."""

import threading

from seatrial.clusters.provider import ClusterError
from seatrial.clusters.storage import Storage
from seatrial.live.api import Api, ApiError, Object
from seatrial.live.live_view import LiveView
from seatrial.live.resources import CLAIMS, VOLUMES

MOST_CSI_NODES = 200
"""A fleet does without them: each would cost a request, and nobody reads them there."""
_PAUSE_S = 1.0


class Provisioning:
    """Puts a set's storage in its place, then makes a volume for each claim that appears. `stop` ends that."""

    def __init__(self, api: Api, view: LiveView, storage: Storage) -> None:
        self._api = api
        self._view = view
        self._storage = storage
        self._stop = threading.Event()
        self._seen: set[str] = set()
        self._thread = threading.Thread(target=self._follow, name="provisioning", daemon=True)

    def prepare(self) -> None:
        """Make what is there before the set comes. Its namespaces have to be there. Raises ApiError, Unreachable."""
        csi_nodes = self._storage.csi_nodes if len(self._storage.csi_nodes) <= MOST_CSI_NODES else []
        for made in (*self._storage.objects, *csi_nodes):
            self._create(made)

    def start(self) -> None:
        """Go on for claims that appear later, those of new groups for example; the view has to be watching."""
        self._thread.start()

    def stop(self) -> None:
        """Never raises."""
        self._stop.set()
        with self._view.pulse.lock:
            self._view.pulse.beat()
        if self._thread.is_alive():
            self._thread.join(_PAUSE_S)

    def _create(self, made: Object) -> None:
        resource = self._view.discovery.resource(made["apiVersion"], made["kind"])
        if resource is None:
            return
        try:
            self._api.create(resource, made, made["metadata"].get("namespace"))
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    def _follow(self) -> None:
        while not self._stop.is_set():
            seen = self._view.pulse.count
            try:
                self._serve()
            except (ApiError, ClusterError):
                # The claim stays Pending and is tried again; while it does, its requirement says so.
                self._stop.wait(_PAUSE_S)
            self._view.pulse.wait(seen, _PAUSE_S)

    def _serve(self) -> None:
        for namespace in self._view.namespaces:
            for claim in self._view.all(CLAIMS, namespace):
                if claim.uid not in self._seen and not claim.at("spec", "volumeName"):
                    volume = self._storage.provisioner.volume_for(claim.raw)
                    if volume is not None:
                        self._api.create(VOLUMES, volume)
                    self._seen.add(claim.uid)
