"""The API server as the cluster layer talks to it: raw JSON over one pool of connections.

Authentication, TLS and proxies are the official client's; its typed models are left out, since they drop what they do
not know and cost a second of a fleet's every list.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from seatrial.clusters.provider import ClusterError
from seatrial.live.resources import Resource

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Object = dict[str, Any]
Objects = list[Object]

TIMEOUT_S = 30.0
"""How long one request may take; a list of a thousand pods takes less than one second."""
PAGE = 500
"""Objects in one answer of a list, as kubectl has it."""
MANAGER = "seatrial"
"""The field manager under which the run writes."""


class ApiError(Exception):
    """The API server answered, and refused. `status` is the HTTP code, `reason` Kubernetes' word for it."""

    def __init__(self, status: int, reason: str, message: str, causes: tuple[str, ...] = ()) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes

    @property
    def forbidden(self) -> bool:
        return self.status in (401, 403)

    @property
    def absent(self) -> bool:
        return self.status == 404


class Unreachable(ClusterError):
    """No usable answer came from the API server. The message is one line: what, where, how to mend."""


class WriteRefused(Exception):
    """A write was tried on a cluster that may only be read: a fault of seatrial's own."""


class Api:
    """One API server. Safe for use by several threads.

    With `read_only` nothing but GET leaves this process, whatever the caller asks for.
    """

    def __init__(self, client: "ApiClient", *, read_only: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        self._client = client
        self._pool = client.rest_client.pool_manager
        self._timeout_s = timeout_s
        self.host: str = client.configuration.host
        self.read_only = read_only

    # What is there.

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """One object. Raises ApiError, Unreachable."""
        return self._json("GET", resource.path(namespace, name))

    def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """One object, None where there is none. Raises ApiError for anything but 404, Unreachable."""
        try:
            return self.get(resource, name, namespace)
        except ApiError as error:
            if error.absent:
                return None
            raise

    def list(self, resource: Resource, namespace: str | None = None, labels: str = "") -> Objects:
        """All objects of a kind, page by page, each with its kind and apiVersion. Raises ApiError, Unreachable."""
        return self.listed(resource, namespace, labels)[0]

    def listed(self, resource: Resource, namespace: str | None = None, labels: str = "") -> tuple[Objects, str]:
        """All objects of a kind, and the resource version from which a watch can go on."""
        query = {"limit": str(PAGE)} | _given(labelSelector=labels)
        found: Objects = []
        while True:
            page = self._json("GET", resource.path(namespace), query)
            for item in page.get("items") or ():
                item.setdefault("kind", resource.kind)
                item.setdefault("apiVersion", resource.api_version)
                found.append(item)
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return found, str(metadata.get("resourceVersion", ""))
            query["continue"] = metadata["continue"]

    def watch(
        self, resource: Resource, namespace: str | None, version: str, stop: threading.Event
    ) -> Iterator[tuple[str, Object]]:
        """Changes since `version` as (ADDED, MODIFIED, DELETED, BOOKMARK, object), until the server ends the answer.

        Raises ApiError (410 when `version` is too old), Unreachable.
        """
        query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
        response = self._request("GET", resource.path(namespace), query, timeout_s=None)
        try:
            for line in _lines(response, stop):
                event = json.loads(line)
                if event.get("type") == "ERROR":
                    raise _error(event.get("object", {}).get("code", 0), event.get("object", {}))
                yield event["type"], event["object"]
        finally:
            # The end of the answer may be unread: whoever got this connection next would take it for his own answer.
            response.close()
            response.release_conn()

    def text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """An answer that is not JSON, such as a log. Raises ApiError, Unreachable."""
        response = self._request("GET", path, query)
        return self._body(response).decode("utf-8", "replace")

    def document(self, path: str) -> Object:
        """What the server answers under a path: `/version`, or a group's list of resources.

        Raises ApiError, Unreachable.
        """
        return self._json("GET", path)

    # Changing it.

    def create(
        self, resource: Resource, body: Object, namespace: str | None = None, *, dry_run: bool = False
    ) -> Object:
        """Create an object with strict field validation. Raises ApiError, Unreachable, WriteRefused."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict"} | _given(dryRun="All" if dry_run else "")
        return self._json("POST", resource.path(namespace), query, body)

    def apply(self, resource: Resource, body: Object, namespace: str | None = None, *, dry_run: bool = False) -> Object:
        """Server-side apply with strict field validation. Raises ApiError, Unreachable, WriteRefused."""
        query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
        query |= _given(dryRun="All" if dry_run else "")
        path = resource.path(namespace, body["metadata"]["name"])
        return self._json("PATCH", path, query, body, "application/apply-patch+yaml")

    def patch(
        self, resource: Resource, name: str, body: Object, namespace: str | None = None, subresource: str = ""
    ) -> Object:
        """A JSON merge patch. Raises ApiError, Unreachable, WriteRefused."""
        path = resource.path(namespace, name, subresource)
        return self._json("PATCH", path, {"fieldManager": MANAGER}, body, "application/merge-patch+json")

    def post(self, resource: Resource, name: str, subresource: str, body: Object, namespace: str | None) -> Object:
        """Create a subresource, such as an eviction. Raises ApiError, Unreachable, WriteRefused."""
        return self._json("POST", resource.path(namespace, name, subresource), None, body)

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        grace_s: int | None = None,
        propagation: str = "Background",
        uid: str = "",
    ) -> None:
        """Delete an object; one that is gone already is no error. With `uid` only the one that has it.

        Raises ApiError, Unreachable, WriteRefused.
        """
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            self._json("DELETE", resource.path(namespace, name), None, options)
        except ApiError as error:
            if not error.absent:
                raise

    def close(self) -> None:
        self._pool.clear()

    # How it is said.

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content: str = "application/json",
    ) -> Object:
        data = self._body(self._request(method, path, query, body, content, timeout_s=self._timeout_s))
        try:
            parsed = json.loads(data)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise Unreachable(
                f"{self.host}: answers, but not as a Kubernetes API server does; check the kubeconfig's `server`"
            )
        return parsed

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content: str = "application/json",
        timeout_s: float | None = TIMEOUT_S,
    ) -> Any:
        import urllib3

        if self.read_only and method != "GET":
            raise WriteRefused(f"{method} {path} on a cluster that is only read")
        headers = {"Accept": "application/json", "User-Agent": "seatrial"}
        if body is not None:
            headers["Content-Type"] = content
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self.host + quote(path) + (f"?{urlencode(query)}" if query else "")
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=min(10.0, self._timeout_s), read=timeout_s),
                retries=urllib3.Retry(total=None, connect=1, read=0, redirect=0, status=0, other=0),
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{self.host}: {why(error)}") from None
        if response.status >= 400:
            raise _refusal(response.status, self._body(response))
        return response

    def _body(self, response: Any) -> bytes:
        import urllib3

        try:
            return bytes(response.read())
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{self.host}: {why(error)}") from None
        finally:
            response.release_conn()


def why(error: BaseException) -> str:
    """What went wrong on the way, in a few words."""
    reason = getattr(error, "reason", None)
    while isinstance(reason, BaseException):
        error, reason = reason, getattr(reason, "reason", None)
    text = " ".join(str(error).split())
    return text.rpartition(">: ")[2] or type(error).__name__


def _given(**options: str) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}


def _lines(response: Any, stop: threading.Event) -> Iterator[bytes]:
    import urllib3

    rest = b""
    try:
        while not stop.is_set():
            piece = response.read1(1 << 16)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line for line in lines if line)
    except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
        if not stop.is_set():
            raise Unreachable(f"the watch broke off: {why(error)}") from None


def _refusal(status: int, body: bytes) -> ApiError:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict) and parsed.get("kind") == "Status":
        return _error(status, parsed)
    text = " ".join(body[:300].decode("utf-8", "replace").split())
    return ApiError(status, "", text or "no explanation")


def _error(status: int, parsed: Object) -> ApiError:
    details = parsed.get("details") or {}
    causes = tuple(
        f"{cause.get('field', '')}: {cause.get('message', '')}".removeprefix(": ")
        for cause in details.get("causes") or ()
    )
    return ApiError(status, str(parsed.get("reason") or ""), str(parsed.get("message") or ""), causes)
