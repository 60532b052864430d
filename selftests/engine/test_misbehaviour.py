"""Misbehaviours as they arrive: by header for one request, by PUT /misbehave for all, by flag from the start."""

import http.client
import json
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from seatrial.engine.misbehaviour.spec import KINDS

from .running import QUICK, running

CHAT = "/v1/chat/completions"
BODY = {
    "model": "m",
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_tokens": 12,
    "ignore_eos": True,
    "messages": [{"role": "user", "content": "hello"}],
}
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running("0.5.23", (*QUICK, "--reasoning-share", "0")) as found:
        yield found


def connected(address: str) -> http.client.HTTPConnection:
    where = urlsplit(address)
    assert where.hostname is not None
    return http.client.HTTPConnection(where.hostname, where.port, timeout=PATIENCE_S)


def ask(address: str, misbehave: str = "", **more: object) -> tuple[http.client.HTTPResponse, bytes]:
    """One request and all of its answer, also of one that is cut off."""
    connection = connected(address)
    headers = {"content-type": "application/json"} | ({"x-seatrial-misbehave": misbehave} if misbehave else {})
    connection.request("POST", CHAT, json.dumps(BODY | more), headers)
    answer = connection.getresponse()
    try:
        return answer, answer.read()
    except http.client.IncompleteRead as cut:
        return answer, cut.partial
    finally:
        connection.close()


def events(body: bytes) -> list[object]:
    """The events of a stream; [DONE] as it is."""
    found: list[object] = []
    for line in body.decode().splitlines():
        if line.startswith("data: "):
            text = line.removeprefix("data: ")
            found.append(text if text == "[DONE]" else json.loads(text))
    return found


def tokens(body: bytes) -> int:
    """Token events."""
    deltas = [
        event["choices"][0]["delta"] for event in events(body) if isinstance(event, dict) and event.get("choices")
    ]
    return sum(bool(delta.get("content") or delta.get("reasoning_content")) for delta in deltas)


def truth(address: str) -> list[dict[str, object]]:
    with closing(connected(address)) as connection:
        connection.request("GET", "/truth")
        lines = connection.getresponse().read().splitlines()
    return [json.loads(line) for line in lines[1:]]


def test_an_answer_as_it_should_be(address: str) -> None:
    answer, body = ask(address)
    assert (answer.status, tokens(body), events(body)[-1]) == (200, 12, "[DONE]")
    usage = events(body)[-2]
    assert isinstance(usage, dict) and usage["usage"]["completion_tokens"] == 12


def test_endings(address: str) -> None:
    for misbehave, last, count in (
        ("error-event@6", "[DONE]", 6),
        ("error-event-no-done@50%", None, 6),
        ("no-done", None, 12),
        ("short=5", "[DONE]", 5),
        ("empty", "[DONE]", 0),
    ):
        answer, body = ask(address, misbehave)
        assert answer.status == 200
        assert tokens(body) == count, misbehave
        assert (events(body)[-1] == "[DONE]") is (last is not None), misbehave
        assert (b'"error"' in body) is misbehave.startswith("error"), misbehave


def test_what_the_answer_says_of_itself(address: str) -> None:
    _, body = ask(address, "no-usage")
    assert b'"usage"' not in body
    _, body = ask(address, "usage-twice")
    assert body.count(b'"completion_tokens":12') == 2
    _, body = ask(address, "usage-wrong")
    assert b'"completion_tokens":13' in body
    _, body = ask(address, "no-finish")
    assert b'"finish_reason":"' not in body
    _, body = ask(address, "wrong-model=Qwen/QwQ")
    assert body.count(b'"model":"Qwen/QwQ"') == len(events(body)) - 1
    _, body = ask(address, "wrong-model=x; no-usage", stream=False, stream_options=None)
    told = json.loads(body)
    assert told["model"] == "x" and "usage" not in told


def test_refusals(address: str) -> None:
    for status in (429, 500, 503):
        answer, body = ask(address, f"status={status}")
        assert (answer.status, json.loads(body)["code"]) == (status, status)
        assert (answer.getheader("retry-after") is not None) is (status != 500)
    answer, body = ask(address, "html")
    assert answer.status == 200 and answer.getheader("content-type", "").startswith("text/html") and b"<html>" in body
    answer, body = ask(address, "error-event", stream=False, stream_options=None)
    assert answer.status == 500
    answer, body = ask(address, "stahl=1s")
    assert answer.status == 400 and "is 'stall' meant?" in json.loads(body)["detail"]


def test_forms_on_the_wire(address: str) -> None:
    answer, body = ask(address, "gzip")
    assert answer.getheader("content-encoding") == "gzip"
    assert tokens(zlib.decompress(body, wbits=31)) == 12
    answer, body = ask(address, "gzip", stream=False, stream_options=None)
    assert json.loads(zlib.decompress(body, wbits=31))["usage"]["completion_tokens"] == 12
    _, body = ask(address, "crlf")
    assert b"\r\n\r\n" in body and b"\n" not in body.replace(b"\r\n", b"") and tokens(body) == 12
    _, body = ask(address, "comments")
    assert body.count(b": keep-alive") == len(events(body))
    _, body = ask(address, "one-byte")
    assert tokens(body) == 12
    _, body = ask(address, "tokens-per-event=4")
    assert tokens(body) == 3
    _, body = ask(address, "reasoning-share=1")
    assert body.count(b'"reasoning_content":"') >= 10


def test_times_are_in_the_truth(address: str) -> None:
    for misbehave, kind, least_us in (("stall=300ms@6", "content", 300_000), ("slow-headers=200ms", "head", 200_000)):
        ask(address, f"{misbehave}")
        record = truth(address)[-1]
        assert str(record["misbehaviour"]).startswith(misbehave.split("=")[0])
        sent, kinds = record["sent_us"], record["kinds"]
        assert isinstance(sent, list) and isinstance(kinds, list)
        assert max(at for at, one in zip(sent, kinds, strict=True) if one == kind) >= least_us
    ask(address, "role-first")
    record = truth(address)[-1]
    assert isinstance(record["kinds"], list) and isinstance(record["due_us"], list)
    assert record["kinds"][0] == "role" and record["due_us"][0] == 0 < record["due_us"][1]


@pytest.mark.parametrize("misbehave", ["truncate@6", "reset@6"])
def test_connections_that_break(address: str, misbehave: str) -> None:
    try:
        _, body = ask(address, f"{misbehave}")
    except ConnectionResetError:
        assert misbehave.startswith("reset")
    else:
        assert b"[DONE]" not in body and tokens(body[: body.rfind(b"\n\n") + 2]) <= 6


def test_silence(address: str) -> None:
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE_S) as raw:
        body = json.dumps(BODY).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        raw.sendall(f"{head}x-seatrial-misbehave: silence@3\r\n\r\n".encode() + body)
        raw.settimeout(1.0)
        got, open_still = b"", False
        while not open_still:
            try:
                got += (part := raw.recv(65536))
                assert part, "the connection was closed"
            except TimeoutError:
                open_still = True
        assert b"data:" in got and b"[DONE]" not in got


def switch(address: str, text: str, method: str = "PUT") -> tuple[int, dict[str, object]]:
    with closing(connected(address)) as connection:
        connection.request(method, "/misbehave", text)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_switched_at_run_time(address: str) -> None:
    try:
        assert switch(address, "status=503/3; no-done") == (200, {"misbehave": ["status=503/3", "no-done"]})
        statuses = [ask(address)[0].status for _ in range(6)]
        assert statuses == [200, 200, 503] * 2
        assert switch(address, "nonsense")[0] == 400
        assert switch(address, "", "GET")[1] == {"misbehave": ["status=503/3", "no-done"]}
    finally:
        assert switch(address, "", "DELETE") == (200, {"misbehave": []})
    assert ask(address)[0].status == 200


def test_a_hang_ends_when_it_is_switched_off(address: str) -> None:
    switch(address, "hang")
    try:
        with closing(connected(address)) as connection:
            connection.timeout = 0.5
            connection.request("POST", CHAT, json.dumps(BODY), {"content-type": "application/json"})
            with pytest.raises(TimeoutError):
                connection.getresponse()
    finally:
        switch(address, "", "DELETE")
    assert ask(address)[0].status == 200


@pytest.mark.parametrize(("misbehave", "code"), [("exit=7", 7), ("rank-death", -9)])
def test_the_process_ends(misbehave: str, code: int) -> None:
    command = [sys.executable, "-m", "seatrial.engine", "--port", "0", "--misbehave", misbehave, *QUICK]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == code, done.stderr[-500:]


def test_memory_and_start() -> None:
    command = [sys.executable, "-m", "seatrial.engine", "--port", "0", *QUICK]
    done = subprocess.run(
        [*command, "--misbehave", "memory-full"], stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == -9 and "Not enough memory. Please try to increase --mem-fraction-static." in done.stderr
    began = time.monotonic()
    with running("0.5.23", (*QUICK, "--misbehave", "slow-start=1s; clock-step=-1m")) as address:
        assert time.monotonic() - began >= 1
        _, body = ask(address)
        first = events(body)[0]
        assert isinstance(first, dict) and first["created"] < time.time() - 50


def test_every_misbehaviour_is_tried_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    elsewhere = "-".join(("stop", "loading"))  # test_ranks.py
    assert {name for name in KINDS if name not in text} == {elsewhere}
