"""The listening socket and the connections that came through it."""

import asyncio
import errno
import resource
import socket
import time
from collections.abc import Callable

from seatrial.engine.http.connection import KEEP_ALIVE_NS, Answering, Connection
from seatrial.engine.http.messages import Request

_BACKLOG = 2048
_AT_ONCE = 64
"""Connections accepted in one turn of the loop, so that streams keep their time."""
_REST_S = 0.2
"""Pause in accepting when the process has no file descriptor left."""


class Listener:
    """Accepts connections and closes those that are idle for too long."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        host: str,
        port: int,
        handle: Callable[[Connection, Request], Answering | None],
    ) -> None:
        """Listen at an address; port 0 takes a free one. Raises OSError where that is not possible."""
        self._loop, self._handle = loop, handle
        self.connections: set[Connection] = set()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._sock = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._sock.setblocking(False)
        self.port: int = self._sock.getsockname()[1]
        loop.add_reader(self._sock.fileno(), self._accept)
        self._sweeping = loop.call_later(1, self._sweep)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                client, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                self._rest()
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.add(Connection(self._loop, client, self._handle, self.connections.discard))

    def _rest(self) -> None:
        """The kernel queues clients meanwhile."""
        fd = self._sock.fileno()
        self._loop.remove_reader(fd)
        self._loop.call_later(_REST_S, lambda: self._sock.fileno() == fd and self._loop.add_reader(fd, self._accept))

    def _sweep(self) -> None:
        before = time.monotonic_ns() - KEEP_ALIVE_NS
        for one in [one for one in self.connections if one.idle and one.idle_since_ns < before]:
            one.close()
        self._sweeping = self._loop.call_later(1, self._sweep)

    def stop_listening(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def close(self) -> None:
        self.stop_listening()
        self._sweeping.cancel()
        for one in list(self.connections):
            one.close()


def raise_descriptor_limit() -> None:
    """Allow as many open connections as the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
