"""Requests as they came, and answers as the bytes that uvicorn would send."""

import time
from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

Headers = tuple[tuple[bytes, bytes], ...]


class Request(NamedTuple):
    """One request. Names of headers are in lower case; the last value of a repeated one counts."""

    method: str
    path: str
    """Decoded, without the query."""
    query: str
    headers: dict[bytes, bytes]
    body: bytes
    received_ns: int
    """`time.monotonic_ns()` when its last byte was read."""
    version: str = "1.1"
    keep_alive: bool = True


class Reply(NamedTuple):
    """An answer that is known as a whole. `delay_ns` is counted from the receipt of the request."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    delay_ns: int = 0


def head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Status line and headers; date and server come first, as uvicorn has it."""
    lines = [_status_line(status), _server(int(time.time()))]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


LAST_CHUNK = b"0\r\n\r\n"


@lru_cache(64)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@lru_cache(2)
def _server(second: int) -> bytes:
    return f"date: {formatdate(second, usegmt=True)}\r\nserver: uvicorn\r\n".encode()
