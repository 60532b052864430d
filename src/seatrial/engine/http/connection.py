"""One connection: bytes in, requests out, answers in their order.

Sockets are read and written here and not through asyncio's transports: an event is handed to the kernel in the very
call that stamps it, and what the kernel does not take is known at once.
"""

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote

import httptools

from seatrial.engine.http.arrival import ask_for_stamps, receive
from seatrial.engine.http.messages import Request, head

_READ = 64 * 1024
MOST_HEADERS = 64 * 1024
"""Bytes of one request's line and headers."""
MOST_BODY = 64 * 1024 * 1024
_MOST_WAITING = 16
"""Requests that a client may send ahead on one connection before it is no longer read."""
_MOST_UNREAD = 8 * 1024 * 1024
"""Bytes kept for a client that does not read them."""
KEEP_ALIVE_NS = 5_000_000_000
"""How long an idle connection is kept (uvicorn's default)."""
_INVALID = b"Invalid HTTP request received."
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)


class Answering(Protocol):
    """What is answering the present request."""

    def disconnected(self) -> None:
        """The client is gone."""
        ...

    def writable(self) -> None:
        """All that was written before has been taken by the kernel."""
        ...


class Connection:
    """A client's connection. `handle` is called with each request when the one before it has been answered."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        handle: Callable[["Connection", Request], Answering | None],
        closed: Callable[["Connection"], None],
    ) -> None:
        self._loop, self._sock, self._fd = loop, sock, sock.fileno()
        self._handle, self._closed = handle, closed
        self.send = sock.send
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._answering: Answering | None = None
        self._busy = False
        self._unread = bytearray()
        self._ended = False
        self._last: Request | None = None
        self._reading = True
        self.idle_since_ns = self._arrived_ns = time.monotonic_ns()
        ask_for_stamps(sock)
        self._start_message()
        loop.add_reader(self._fd, self._read)

    # What the client sends.

    def _read(self) -> None:
        try:
            data, self._arrived_ns = receive(self._sock, _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._size += len(data) if not self._in_body else 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, b"Unsupported upgrade request.")
        except httptools.HttpParserError:
            self._refuse(400, _INVALID)
        else:
            if self._size > MOST_HEADERS and not self._in_body:
                self._refuse(431, b"Request header fields are too large.")
        if not self._ended:
            self._next()

    def _start_message(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_size = 0
        self._size = 0
        self._in_body = False

    def on_message_begin(self) -> None:
        self._start_message()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._in_body = True
        if self._headers.get(b"expect", b"").lower() == b"100-continue" and not self._busy:
            self.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size <= MOST_BODY:
            self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.partition(b"?")
        self._waiting.append(
            Request(
                self._parser.get_method().decode("ascii", "replace"),
                unquote(path.decode("ascii", "replace")),
                query.decode("ascii", "replace"),
                self._headers,
                b"".join(self._body),
                self._arrived_ns,
                self._parser.get_http_version(),
                self._parser.should_keep_alive() and self._body_size <= MOST_BODY,
            )
        )
        self._too_large = self._body_size > MOST_BODY
        self._size, self._in_body = 0, False

    # Requests, one after the other.

    def _next(self) -> None:
        while self._waiting and not self._busy and not self._ended:
            request = self._waiting.popleft()
            self._busy, self._last = True, request
            if len(request.body) == 0 and self._too_large:
                self._refuse(413, b"Request body is too large.")
                return
            self._answering = self._handle(self, request)
            if not self._busy:
                self._answering = None
        self._listen(len(self._waiting) < _MOST_WAITING)

    _too_large = False

    def _listen(self, wanted: bool) -> None:
        if wanted and not self._reading and not self._ended:
            self._loop.add_reader(self._fd, self._read)
        elif not wanted and self._reading:
            self._loop.remove_reader(self._fd)
        self._reading = wanted and not self._ended

    def done(self) -> None:
        """The present request has been answered whole."""
        self._answering, self._busy = None, False
        self.idle_since_ns = time.monotonic_ns()
        if self._last is not None and not self._last.keep_alive:
            self.close()
        elif self._waiting:
            self._loop.call_soon(self._next)

    @property
    def idle(self) -> bool:
        return not self._busy and not self._waiting and not self._unread

    # What the client gets.

    @property
    def open(self) -> bool:
        return not self._ended

    @property
    def blocked(self) -> bool:
        """Whether the kernel has not taken everything yet: an event written now would not be sent now."""
        return bool(self._unread)

    def write(self, data: bytes) -> bool:
        """Hand bytes to the kernel, keep what it does not take. Returns whether it took all of them."""
        if self._ended:
            return False
        if not self._unread:
            try:
                taken = self.send(data)
            except BlockingIOError:
                taken = 0
            except OSError:
                self.close()
                return False
            if taken == len(data):
                return True
            data = data[taken:]
            self._loop.add_writer(self._fd, self._flush)
        self._unread += data
        if len(self._unread) > _MOST_UNREAD:
            self.close()
        return False

    def _flush(self) -> None:
        try:
            taken = self.send(self._unread)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._unread[:taken]
        if self._unread:
            return
        self._loop.remove_writer(self._fd)
        if self._closing:
            self.close()
        elif self._answering is not None:
            self._answering.writable()

    _closing = False

    def close(self) -> None:
        """Close at once; the request that is being answered learns of it."""
        if self._ended:
            return
        if self._unread and not self._closing and self._last is not None and not self._busy:
            self._closing = True  # the answer is complete: let the client have the rest of it
            self._listen(False)
            return
        self._ended = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._sock.close()
        self._waiting.clear()
        answering, self._answering = self._answering, None
        if answering is not None:
            answering.disconnected()
        self._closed(self)
        self._loop.call_soon(self._let_go)

    def _let_go(self) -> None:
        """Undo the cycle of connection and parser, which may still have been at work when this one was closed."""
        del self._parser, self._handle, self.send

    def reset(self) -> None:
        """End with a reset (RST), as a process that dies may."""
        if not self._ended:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._unread.clear()
            self.close()

    def _refuse(self, status: int, text: bytes) -> None:
        """Answer what is no HTTP request, and close."""
        headers = ((b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"))
        self._waiting.clear()
        if not self._busy:
            self.write(head(status, headers) + text)
        self.close()
