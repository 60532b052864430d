"""Which kinds an API server serves, and under which URL."""

import threading

from seatrial.live.api import Api, ApiError
from seatrial.live.resources import Resource


class Discovery:
    """Asks once for each group and version that somebody names."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._served: dict[str, dict[str, Resource]] = {}
        self._lock = threading.Lock()

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """The resource of an object's apiVersion and kind, None if it is not served. Raises ApiError, Unreachable."""
        return self.kinds(api_version).get(kind)

    def kinds(self, api_version: str) -> dict[str, Resource]:
        """The kinds of one group and version; none if the server does not know it."""
        with self._lock:
            if api_version not in self._served:
                self._served[api_version] = self._ask(api_version)
            return self._served[api_version]

    def forget(self) -> None:
        """Definitions may have come or gone."""
        with self._lock:
            self._served.clear()

    def _ask(self, api_version: str) -> dict[str, Resource]:
        group, _, version = api_version.rpartition("/")
        try:
            answer = self._api.document(Resource(group, version, "", "").base)
        except ApiError as error:
            if error.absent:
                return {}
            raise
        return {
            str(one["kind"]): Resource(group, version, str(one["name"]), str(one["kind"]), bool(one["namespaced"]))
            for one in answer.get("resources") or ()
            if "/" not in one["name"]
        }
