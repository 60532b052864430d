"""Raw bytes of answers on a connection (sglang-server facts 3, 4.4)."""

import json
import re
import socket
from collections.abc import Iterator

import pytest

from .running import running

ASKED = {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 5, "ignore_eos": True}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running("0.5.23", args=["--reasoning-parser", "deepseek-r1"]) as address:
        yield int(address.rpartition(":")[2])


def post(body: dict[str, object], path: str = "/v1/chat/completions", version: str = "1.1", more: str = "") -> bytes:
    raw = json.dumps(body).encode()
    lines = f"POST {path} HTTP/{version}\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
    return f"{lines}{more}\r\n".encode() + raw


def conversation(port: int, *parts: bytes, until: bytes) -> bytes:
    """What came back until these bytes were there, or the connection ended."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        found = b""
        while until not in found and (more := connection.recv(65536)):
            found += more
        return found


def chunks(body: bytes) -> list[bytes]:
    """The chunks of a body, the last one left out."""
    found: list[bytes] = []
    while True:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n"
        if not length:
            assert rest[2:] == b""
            return found
        found.append(rest[:length])
        body = rest[length + 2 :]


def test_a_stream_is_chunked_by_events(port: int) -> None:
    answer = conversation(port, post({**ASKED, "stream": True}), until=b"\r\n0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert re.fullmatch(rb"date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", lines[1])
    assert lines[2] == b"server: uvicorn"
    assert b"content-type: text/event-stream; charset=utf-8" in lines
    assert b"transfer-encoding: chunked" in lines
    text = b"".join(chunks(body))
    events = text.split(b"\n\n")
    assert events.pop() == b""
    assert events[-1] == b"data: [DONE]"
    assert len(events) == 7  # the role, five tokens of which one shows nothing, the end, and [DONE]
    assert all(json.loads(event.removeprefix(b"data: "))["choices"] for event in events[:-1])


def test_old_clients_get_no_chunks(port: int) -> None:
    answer = conversation(port, post({**ASKED, "stream": True}, version="1.0"), until=b"never")
    assert b"transfer-encoding" not in answer
    assert answer.endswith(b"data: [DONE]\n\n")


def test_a_connection_is_kept_and_requests_may_wait_in_it(port: int) -> None:
    last = post(ASKED, path="/v1/nothing")
    answer = conversation(port, post(ASKED) + post(ASKED) + last, until=b'{"detail":"Not Found"}')
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b'"object":"chat.completion"') == 2
    length = int(re.findall(rb"content-length: (\d+)", answer)[0])
    assert len(answer.partition(b"\r\n\r\n")[2].partition(b"HTTP/1.1")[0]) == length


def test_a_request_may_come_in_pieces(port: int) -> None:
    raw = post(ASKED)
    answer = conversation(port, *(raw[at : at + 7] for at in range(0, len(raw), 7)), until=b'"chat.completion"')
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_answer_without_a_body_says_so(port: int) -> None:
    answer = conversation(port, b"GET /ready HTTP/1.1\r\nHost: h\r\n\r\n", until=b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-length: 0\r\n" in answer
