"""Answers that are known as a whole, on their way out: at once or later."""

from seatrial.engine.http.connection import Connection
from seatrial.engine.http.messages import Reply, Request, head


def write(connection: Connection, request: Request, reply: Reply) -> None:
    """Send a whole answer, without its body when only the head was asked for."""
    headers = reply.headers
    if reply.status not in (204, 304):
        headers = ((b"content-length", str(len(reply.body)).encode()), *headers)
    if not request.keep_alive:
        headers = (*headers, (b"connection", b"close"))
    connection.write(head(reply.status, headers) + (b"" if request.method == "HEAD" else reply.body))
    connection.done()


class Later:
    """An answer that takes its time, such as a health check."""

    def __init__(self, connection: Connection, request: Request, reply: Reply) -> None:
        self._connection, self._request, self._reply = connection, request, reply
        self._gone = False

    def due(self, _due_ns: int, /) -> int | None:
        if not self._gone:
            write(self._connection, self._request, self._reply)
        return None

    def writable(self) -> None: ...

    def disconnected(self) -> None:
        self._gone = True
