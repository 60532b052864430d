"""Talks to the API server of a cluster that we made: HTTPS with the client certificate of its administrator.

Providers use this instead of kubectl or the Kubernetes client because it is there at once: loading the client takes
longer than creating the objects, and each start of kubectl half as long as the API server's own.
"""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seatrial.clusters.provider import ClusterError

Object = Mapping[str, Any]
"""A Kubernetes object as JSON has it."""

TIMEOUT = 30.0
"""Seconds for one answer."""
KEPT_FOR = 30.0
"""Seconds for which a connection that nobody uses is kept; the API server itself closes it after 90."""

# CRDs have a megabyte of YAML: the C parser needs a tenth of the time, where PyYAML has it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Refused(ClusterError):
    """The API server answered, but not with success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(ClusterError):
    """Nobody answers, or the answer broke off."""


@dataclass(frozen=True, slots=True)
class Credentials:
    authority: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.certificate, self.key)
        return context


class ApiServer:
    """One kept connection, so for one thread at a time; `parallel` makes its own."""

    def __init__(self, port: int, credentials: Credentials) -> None:
        self.port = port
        self.credentials = credentials
        self._context: ssl.SSLContext | None = None
        self._connection: http.client.HTTPSConnection | None = None
        self._used = 0.0

    def request(self, method: str, path: str, body: Object | bytes | None = None, *, kind: str = "json") -> Any:
        """The decoded answer. `kind` is the media type of the body, below application/.

        Raises Refused for any status of 400 and above, Unreachable when there is no answer.
        """
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = self._connect()
        try:
            connection.request(
                method, path, content, {"Content-Type": f"application/{kind}", "Accept": "application/json"}
            )
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(f"https://127.0.0.1:{self.port}{path}: {error or type(error).__name__}") from error
        if response.status >= 400:
            raise Refused(response.status, _reason(answer))
        try:
            return json.loads(answer)
        except ValueError:
            return answer.decode(errors="replace")

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def create(self, collection: str, body: Object, *, dry_run: bool = False) -> Any:
        return self.request("POST", collection + ("?dryRun=All" if dry_run else ""), body)

    def patch(self, path: str, body: Object) -> Any:
        """Merge patch: members that are null are removed, lists are replaced."""
        return self.request("PATCH", path, body, kind="merge-patch+json")

    def delete(self, path: str) -> Any:
        return self.request("DELETE", path)

    def put(self, collection: str, name: str, manifest: bytes) -> None:
        """Create the object of this YAML, or replace the one of its name."""
        try:
            self.request("POST", collection, manifest, kind="yaml")
        except Refused as error:
            if error.status != http.HTTPStatus.CONFLICT:
                raise
            path = f"{collection}/{name}"
            body = yaml.load(manifest, _LOADER)
            body["metadata"]["resourceVersion"] = self.get(path)["metadata"]["resourceVersion"]
            self.request("PUT", path, body)

    def create_all(self, collection: str, bodies: Iterable[Object], *, connections: int = 4) -> None:
        """Create many objects over a few connections. Raises what the first failure raised; the rest is not tried."""
        given_up = threading.Event()

        def create(share: list[Object]) -> None:
            server = ApiServer(self.port, self.credentials)
            try:
                for body in share:
                    if given_up.is_set():
                        break
                    server.create(collection, body)
            finally:
                server.close()

        everything = list(bodies)
        shares = [share for n in range(connections) if (share := everything[n::connections])]
        with ThreadPoolExecutor(max_workers=connections) as pool:
            try:
                for finished in as_completed([pool.submit(create, share) for share in shares]):
                    finished.result()
            finally:
                given_up.set()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPSConnection:
        if self._context is None:
            try:
                self._context = self.credentials.context()
            except OSError as error:
                raise Unreachable(f"certificates not readable (yet): {error}") from error
        if time.monotonic() - self._used > KEPT_FOR:
            self.close()
        self._used = time.monotonic()
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=TIMEOUT, context=self._context
            )
        return self._connection


def _reason(content: bytes) -> str:
    try:
        answer = json.loads(content)
    except ValueError:
        return content.decode(errors="replace").strip()
    return str(answer.get("message", answer)) if isinstance(answer, dict) else str(answer)
