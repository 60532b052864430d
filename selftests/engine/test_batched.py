"""The batch model over HTTP: what clients and `/truth` see of it."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest

from .running import running

BATCH = "overhead=5ms,prefill=10ms,prefill-rate=100000,decode=5ms,request=1ms,pool=4000,chunk=1000"
STEP_US = 6000
"""Of a request alone."""
LONG = " ".join(f"word{number}" for number in range(400))
ARGS = ("--max-running-requests", "2", "--max-queued-requests", "2", "--enable-metrics", "--enable-cache-report")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running("0.5.23", ("--batch", BATCH), ARGS) as found:
        yield found


def connected(address: str) -> HTTPConnection:
    return HTTPConnection(str(urlsplit(address).netloc), timeout=20)


def begin(address: str, said: str, tokens: int, **more: Any) -> tuple[HTTPConnection, HTTPResponse]:
    connection = connected(address)
    body = {"model": "DeepSeek-R1", "messages": [{"role": "user", "content": said}], "max_tokens": tokens, **more}
    headers = {"content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps({"ignore_eos": True, **body}), headers)
    return connection, connection.getresponse()


def ask(address: str, said: str, tokens: int, **more: Any) -> tuple[int, Any]:
    """Status and body; of a stream, the last event before its end."""
    connection, response = begin(address, said, tokens, **more)
    raw = response.read()
    connection.close()
    if more.get("stream") and response.status == 200:
        return 200, json.loads(raw.split(b"\n\n")[-3].removeprefix(b"data: "))
    return response.status, json.loads(raw)


def get(address: str, path: str, method: str = "GET") -> bytes:
    with closing(connected(address)) as connection:
        connection.request(method, path)
        return connection.getresponse().read()


def truth(address: str) -> list[dict[str, Any]]:
    """What the engine did since it was last asked, and forgets then."""
    found = [json.loads(line) for line in get(address, "/truth").splitlines()[1:]]
    get(address, "/truth", "DELETE")
    return found


def token_dues_ns(record: dict[str, Any]) -> list[int]:
    """When its events with tokens were due; one may stand for several, and is due with the last."""
    pairs = zip(record["due_us"], record["tokens"], strict=True)
    return [record["received_ns"] + due * 1000 for due, count in pairs if count]


def counts(record: dict[str, Any]) -> list[int]:
    """Tokens of those events."""
    return [count for count in record["tokens"] if count]


def test_one_request_is_due_when_its_steps_end(address: str) -> None:
    truth(address)
    ask(address, "Count.", 20, stream=True)
    (record,) = truth(address)
    dues = token_dues_ns(record)
    prefill_us = 5000 + 10_000 + record["prompt_tokens"] * 10
    assert (dues[0] - record["received_ns"]) / 1000 == pytest.approx(prefill_us, abs=1.1)
    assert [(b - a) / 1000 for a, b in pairwise(dues)] == pytest.approx(
        [STEP_US * count for count in counts(record)[1:]], abs=1.1
    )
    assert sum(counts(record)) == 20


def test_requests_share_their_steps(address: str) -> None:
    truth(address)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda said: ask(address, said, 60, stream=True), ("One.", "Two.")))
    first, second = sorted(map(token_dues_ns, truth(address)))
    shared = [due for due in first if any(abs(due - other) <= 2000 for other in second)]
    assert len(shared) > 30
    gaps = {round((b - a) / 1e6) for a, b in pairwise(shared)}
    assert 7 in gaps  # of two requests: 5 + 2 ms


def test_all_that_was_sent_came_after_it_was_due(address: str) -> None:
    truth(address)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda said: ask(address, said, 30, stream=True), ("One.", "Two.")))
    for record in truth(address):
        assert record["outcome"] == "complete"
        assert all(sent >= due for due, sent in zip(record["due_us"], record["sent_us"], strict=True))
        assert record["due_us"] == sorted(record["due_us"])


@pytest.mark.parametrize("stream", [False, True])
def test_cached_tokens_are_told_until_the_cache_is_flushed(address: str, stream: bool) -> None:
    more: dict[str, Any] = {"stream": stream, **({"stream_options": {"include_usage": True}} if stream else {})}

    def cached() -> int:
        status, body = ask(address, f"{LONG} {stream}", 3, **more)
        assert status == 200
        return int(body["usage"]["prompt_tokens_details"]["cached_tokens"])

    get(address, "/flush_cache", "POST")
    assert cached() == 0
    assert cached() > 300
    get(address, "/flush_cache", "POST")
    assert cached() == 0


def test_a_full_queue_refuses_and_who_leaves_makes_room(address: str) -> None:
    held = [begin(address, f"Go on {number}.", 1500, stream=True) for number in range(2)]
    for _, response in held:
        response.readline()  # both run
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, address, f"May I, {number}?", 2) for number in range(2)]
        until = time.monotonic() + 10
        while b'"num_waiting_reqs":2' not in get(address, "/v1/loads"):
            assert time.monotonic() < until
        status, body = ask(address, "And I?", 2)
        assert status == 503
        assert "queue is full" in json.dumps(body)
        connection, response = held[0]
        response.close()
        connection.close()
        for status, body in (one.result(20) for one in waiting):
            assert status == 200
            assert body["usage"]["completion_tokens"] == 2
    for connection, response in held[1:]:
        response.close()
        connection.close()


def test_an_aborted_request_is_told_what_it_had_and_frees_its_slot(address: str) -> None:
    connection, response = begin(address, "Go on.", 1500, stream=True)
    response.readline()
    abort = connected(address)
    abort.request("POST", "/abort_request", json.dumps({"abort_all": True}), {"content-type": "application/json"})
    assert abort.getresponse().status == 200
    abort.close()
    assert response.read().endswith(b"data: [DONE]\n\n")
    connection.close()
    ask(address, "Then?", 2)
    loads = json.loads(get(address, "/v1/loads"))["loads"][0]
    assert (loads["num_running_reqs"], loads["num_waiting_reqs"]) == (0, 0)


def test_what_does_not_fit_into_the_pool_is_refused(address: str) -> None:
    status, body = ask(address, "A long story.", 4000)
    assert status == 400
    assert "pool of 4000" in json.dumps(body)


def test_gauges_of_the_batch(address: str) -> None:
    connection, response = begin(address, "Go on.", 1500, stream=True)
    for _ in range(100):
        response.readline()
    samples = dict(
        line.rsplit(" ", 1) for line in get(address, "/metrics").decode().splitlines() if line.startswith("sglang:")
    )
    values = {name.partition("{")[0]: float(value) for name, value in samples.items()}
    assert values["sglang:num_running_reqs"] == 1
    assert values["sglang:max_total_num_tokens"] == 4000
    assert 40 < values["sglang:num_used_tokens"] < 1600
    assert values["sglang:token_usage"] == pytest.approx(values["sglang:num_used_tokens"] / 4000, abs=0.006)
    assert values["sglang:gen_throughput"] == pytest.approx(1e6 / STEP_US, rel=0.01)
    response.close()
    connection.close()


def test_many_streams_end_whole() -> None:
    batch = "prefill=1ms,prefill-rate=1000000,decode=2ms,pool=100000"
    with running("0.5.23", ("--batch", batch)) as address, ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(lambda said: ask(address, f"{said}.", 25, stream=True), range(96)))
        assert all(status == 200 for status, _ in answers)
        records = truth(address)
        assert len(records) == 96
        assert all(sum(counts(one)) == 25 and one["outcome"] == "complete" for one in records)
