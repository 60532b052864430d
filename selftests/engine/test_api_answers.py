"""What the paths answer, release by release: errors, keys, health, information (sglang-server facts 3)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.engine import events
from seatrial.engine.http.messages import Reply
from seatrial.engine.openai.plan import Plan
from seatrial.engine.state import Phase

from .served import HELLO, JSON, RELEASES, Served

CHAT, TEXT, NATIVE = "/v1/chat/completions", "/v1/completions", "/generate"
NEWER = ("0.5.9", "0.5.23")


def flat(reply: Reply) -> tuple[int, str, str]:
    """Status, type and message of an error in the flat shape."""
    body = json.loads(reply.body)
    assert list(body) == ["object", "message", "type", "param", "code"]
    assert (body["object"], body["param"], body["code"]) == ("error", None, reply.status)
    return reply.status, body["type"], body["message"]


BROKEN: list[object] = [
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    {},
    {"model": "m"},
    {"model": "m", "messages": "hello"},
    {"model": "m", "messages": [1]},
    {"model": "m", "messages": [{"role": "user"}]},
    {"model": "m", "messages": [{"role": "nobody", "content": "x"}]},
    {"model": 5, "messages": HELLO["messages"]},
    {**HELLO, "max_tokens": "many"},
    {**HELLO, "max_tokens": 1.5},
    {**HELLO, "stream": None},
    {**HELLO, "stream": "maybe"},
    {**HELLO, "n": []},
    {**HELLO, "stop": [1]},
    {**HELLO, "tool_choice": "must"},
    {**HELLO, "tools": [{}]},
]


@pytest.mark.parametrize("body", BROKEN, ids=repr)
def test_broken_bodies(body: object) -> None:
    old = Served("0.4.3.post2").reply("POST", CHAT, body)
    assert (old.status, old.body) == (500, b"Internal Server Error")
    for version in NEWER:
        assert flat(Served(version).reply("POST", CHAT, body))[:2] == (400, "Bad Request")


@pytest.mark.parametrize(
    "body", [b'{"messages":[{"role":"user","content":"x"}],"top_p":NaN}', b'{"seed":%d}' % (1 << 70)]
)
def test_numbers_that_json_does_not_have_are_refused_by_new_releases(body: bytes) -> None:
    assert flat(Served("0.5.23").reply("POST", CHAT, body))[1] == "Bad Request"


@pytest.mark.parametrize(
    "more", [{"max_tokens": "5"}, {"max_tokens": 5.0}, {"stream": "false"}, {"stream": 0}, {"temperature": "0.5"}, {"unknown": {}},
             {"stop": None}, {"max_tokens": None}, {"tools": None}, {"stream_options": None}, {"logit_bias": {"5": 1}}]
)  # fmt: skip
def test_what_pydantic_reads_is_served(more: dict[str, Any]) -> None:
    for version in RELEASES:
        assert isinstance(Served(version).ask("POST", CHAT, {**HELLO, **more}), Plan)


def test_content_type() -> None:
    body = json.dumps(HELLO).encode()
    for headers in ({}, {b"content-type": b"text/plain"}):
        assert isinstance(Served("0.4.3.post2").ask("POST", CHAT, body, headers), Plan)
        assert flat(Served("0.5.9").reply("POST", CHAT, body, headers))[:2] == (400, "Bad Request")
    assert isinstance(Served("0.5.9").ask("POST", CHAT, body, {b"content-type": b"application/json; charset=utf-8"}), Plan)  # fmt: skip


def test_no_model_and_unknown_models() -> None:
    hello = {"messages": HELLO["messages"]}
    assert Served("0.4.3.post2").reply("POST", CHAT, hello).status == 500
    for version in NEWER:
        served = Served(version)
        assert served.whole(CHAT, **hello)["model"] == "default"
        assert served.whole(CHAT, **hello, model="unheard-of")["model"] == "unheard-of"
        status, _, message = flat(served.reply("POST", CHAT, {**hello, "model": "a:b"}))
        assert (status, "LoRA adapter 'b' was requested, but LoRA is not enabled." in message) == (400, True)
    assert Served("0.4.3.post2").whole(CHAT, **hello, model="a:b")["model"] == "a:b"


def test_empty_messages_and_prompts() -> None:
    assert Served("0.4.3.post2").reply("POST", CHAT, {"model": "m", "messages": []}).status == 500
    for version in NEWER:
        served = Served(version)
        assert flat(served.reply("POST", CHAT, {"messages": []})) == (400, "BadRequestError", "Messages cannot be empty.")  # fmt: skip
        for prompt in ("", [], [""]):
            assert flat(served.reply("POST", TEXT, {"prompt": prompt}))[2] == "Prompt cannot be empty"
        assert flat(served.reply("POST", TEXT, {"prompt": "x", "max_tokens": 0}))[:2] == (400, "Bad Request")


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize(
    "more",
    [{"max_tokens": 95}, {"messages": [{"role": "user", "content": "a b " * 60}]}, {"temperature": -1}, {"top_p": 0}],
)
def test_what_does_not_fit(version: str, more: dict[str, Any]) -> None:
    served = Served(version, max_total_tokens=90)
    object.__setattr__(served.api._args, "values", {**served.api._args.values, "context_length": 100})
    asked = {**HELLO, **more}
    status, kind, message = flat(served.reply("POST", CHAT, asked))
    assert (status, kind) == (400, "BadRequestError")
    if version == "0.5.23":
        assert served.reply("POST", CHAT, {**asked, "stream": True}).status == 400
        return
    found = served.raw(CHAT, **asked)
    error = json.dumps({"error": {"object": "error", "message": message, "type": kind, "param": None, "code": 400}})
    assert found == [f"data: {error}\n\n".encode(), b"data: [DONE]\n\n"]


def test_the_edge_of_the_context() -> None:
    prompt = len(HELLO["messages"]) * 5 + 1
    for version, most in (("0.4.3.post2", 93), ("0.5.9", 93), ("0.5.23", 94)):
        served = Served(version, context_length=100)
        assert isinstance(served.ask("POST", CHAT, {**HELLO, "max_tokens": most}), Plan), prompt
        assert served.reply("POST", CHAT, {**HELLO, "max_tokens": most + 1}).status == 400


def test_errors_of_generate() -> None:
    wrong = {"text": "x", "sampling_params": {"temperature": -1.5}}
    for version in RELEASES:
        reply = Served(version).reply("POST", NATIVE, wrong)
        assert (reply.status, json.loads(reply.body)) == (400, {"error": {"message": "temperature must be non-negative, got -1.5."}})  # fmt: skip
        assert Served(version).stream(NATIVE, **wrong) == [json.loads(reply.body)]
    assert Served("0.4.3.post2").reply("POST", NATIVE, b"[").status == 422
    assert flat(Served("0.5.9").reply("POST", NATIVE, b"["))[0] == 400
    assert isinstance(Served("0.5.9").ask("PUT", NATIVE, {"input_ids": [1, 2]}), Plan)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"tool_choice": "required"}, "Tools cannot be empty if tool choice is set to required."),
        (
            {"tools": [{"function": {"name": "f"}}], "tool_choice": {"function": {"name": "g"}}},
            "Tool 'g' not found in tools list.",
        ),
        (
            {"max_tokens": 200000},
            "max_completion_tokens is too large: 200000.This model supports at most 1000 completion tokens.",
        ),
    ],
)
def test_refused_before_it_is_streamed(body: dict[str, Any], message: str) -> None:
    served = Served("0.5.9", context_length=1000)
    for stream in (False, True):
        assert flat(served.reply("POST", CHAT, {**HELLO, **body, "stream": stream})) == (400, "BadRequestError", message)  # fmt: skip


def test_the_framework() -> None:
    for version in RELEASES:
        served = Served(version)
        missing = served.reply("GET", "/nothing")
        assert (missing.status, missing.body) == (404, b'{"detail":"Not Found"}')
        wrong = served.reply("GET", CHAT)
        assert (wrong.status, wrong.body) == (405, b'{"detail":"Method Not Allowed"}')
        assert (b"allow", b"POST") in wrong.headers
        assert served.reply("HEAD", "/health").status == 405
        slash = served.reply("GET", "/v1/models/?x=1", headers={b"host": b"h:1"})
        assert slash.status == 307
        assert (b"location", b"http://h:1/v1/models?x=1") in slash.headers
    assert Served("0.4.3.post2").reply("GET", "/").status == 404
    assert Served("0.5.9").reply("GET", "/").body == b'"Ollama is running"'
    assert Served("0.5.23").reply("HEAD", "/").status == 200


@pytest.mark.parametrize("version", RELEASES)
def test_keys(version: str) -> None:
    served = Served(version, api_key="k", enable_metrics=True)

    def status(path: str, key: bytes | None = None, method: str = "GET") -> int:
        headers = {**JSON, **({} if key is None else {b"authorization": key})}
        found = served.ask(method, path, HELLO, headers)
        return found.status if isinstance(found, Reply) else 200

    refused = served.reply("GET", "/v1/models")
    assert (refused.status, refused.body) == (401, b'{"error":"Unauthorized"}')
    assert b"www-authenticate" not in dict(refused.headers)
    assert status("/v1/models", b"Bearer k") == 200
    assert status("/v1/models", b"Bearer K") == status("/v1/models", b"k") == status("/nothing") == 401
    assert status("/v1/models", b"bearer k") == (200 if version != "0.4.3.post2" else 401)
    assert status("/nothing", b"Bearer k") == 404
    assert status("/health") == status("/health_generate") == 200
    assert status("/metrics") == (401 if version == "0.4.3.post2" else 200)
    assert status("/v1/models", method="OPTIONS") == 405
    assert status("/ready") == (200 if version == "0.5.23" else 401)
    assert status(CHAT, b"Bearer k", "POST") == 200


def test_the_key_of_administrators() -> None:
    served = Served("0.5.9", api_key="k", admin_api_key="a")
    for key, status in ((b"Bearer k", 401), (b"Bearer a", 200)):
        assert served.reply("POST", "/flush_cache", headers={b"authorization": key}).status == status
    assert Served("0.5.9").reply("POST", "/flush_cache").body.startswith(b"Cache flushed.\nPlease check backend logs")


def test_health() -> None:
    for version in RELEASES:
        new = version != "0.4.3.post2"
        served = Served(version)
        well = served.reply("GET", "/health")
        assert (well.status, well.body, well.delay_ns) == (200, b"", 1_000_000_000 if new else 0)
        for phase in (Phase.STARTING, Phase.DRAINING):
            served.state.phase = phase
            assert served.reply("GET", "/health").status == (503 if new else 200)
        served.state.phase, served.state.hung = Phase.UP, True
        ill = served.reply("GET", "/health")
        assert (ill.status, ill.delay_ns) == ((503, 20_000_000_000) if new else (200, 0))
        served.state.hung = False
        assert served.reply("GET", "/health").status == 200
        assert served.state.phase is Phase.UP
    set_up = Served("0.5.9", {"SGLANG_HEALTH_CHECK_TIMEOUT": "3", "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "0"})
    set_up.state.hung = True
    assert set_up.reply("GET", "/health").status == 200
    assert set_up.reply("GET", "/health_generate").delay_ns == 3_000_000_000


def test_information() -> None:
    for version in RELEASES:
        old = version == "0.4.3.post2"
        served = Served(version, api_key=None, tp_size=16)
        card = json.loads(served.reply("GET", "/v1/models").body)["data"][0]
        keys = ["id", "object", "created", "owned_by", "root"]
        assert list(card) == (keys if old else [*keys, "parent", "max_model_len"])
        assert card["id"] == card["root"] == "R1"
        info = json.loads(served.reply("GET", "/get_model_info").body)
        assert list(info)[:3] == ["model_path", "tokenizer_path", "is_generation"]
        server = json.loads(served.reply("GET", "/get_server_info").body)
        assert (server["tp_size"], server["status"], server["version"]) == (16, "ready", version)
        assert ("internal_states" in server) is not old
        if not old:
            assert served.reply("GET", "/v1/models/R1").status == 200
            unknown = served.reply("GET", "/v1/models/a/b")
            assert (unknown.status, json.loads(unknown.body)["error"]["code"]) == (404, "model_not_found")
        paths = json.loads(served.reply("GET", "/openapi.json").body)["paths"]
        assert list(paths[NATIVE]) == ["post", "put"]


def test_origins() -> None:
    served = Served("0.5.9")
    assert dict(served.reply("GET", "/v1/models").headers).get(b"access-control-allow-origin") is None
    asked = dict(served.reply("GET", "/v1/models", headers={b"origin": b"http://x"}).headers)
    assert asked[b"access-control-allow-origin"] == b"*"
    ask = {b"origin": b"http://x", b"access-control-request-method": b"POST"}
    before = served.reply("OPTIONS", CHAT, headers=ask)
    assert (before.status, before.body) == (200, b"OK")


def test_requests_are_aborted_by_id_and_all() -> None:
    served = Served("0.5.9")
    for body in ({"rid": "x"}, {"abort_all": True}, {}):
        assert served.reply("POST", "/abort_request", body).status == 200
    assert served.aborted == [("x", False), ("", True)]
    plan = served.ask("POST", CHAT, {**HELLO, "rid": "mine"})
    assert isinstance(plan, Plan)
    assert plan.rid == "mine"


words = st.sampled_from(
    ["messages", "prompt", "text", "role", "user", "content", "max_tokens", "n", "stop", "stream", "tools", "function",
     "name", "tool_choice", "required", "response_format", "type", "json_schema", "json_object", "schema", "temperature",
     "stream_options", "continuous_usage_stats", "sampling_params", "max_new_tokens", "input_ids", "rid", "parameters",
     "ignore_eos", "min_tokens", "model", "a:b", "", "😀", "1+2", "logprobs", "seed"]
)  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.integers() | st.floats() | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=20,
)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "tool", "x"]), "content": words | anything}),
    max_size=3,
)
bodies = (
    st.builds(lambda first, more: {**more, **first}, st.fixed_dictionaries({"messages": messages}), st.dictionaries(words, anything))
    | st.builds(lambda first, more: {**more, **first}, st.fixed_dictionaries({"model": words, "prompt": anything, "text": anything}), st.dictionaries(words, anything))
    | anything
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(version=st.sampled_from(RELEASES), path=st.sampled_from([CHAT, TEXT, NATIVE]), body=bodies)
def test_whatever_is_asked_is_answered_or_refused(version: str, path: str, body: object) -> None:
    raw = json.dumps(body).encode()
    served = Served(version, context_length=500)
    found = served.ask("POST", path, raw)
    if isinstance(found, Reply):
        assert found.status in ((400, 200, 422, 500) if version == "0.4.3.post2" else (400, 200))
        return
    told = json.loads(events.whole(found).payload)
    assert told
    streamed = [event.payload for event in events.stream(found, 1)]
    assert streamed[-1] == b"data: [DONE]\n\n"
    for event in streamed[:-1]:
        json.loads(event.removeprefix(b"data: "))


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "DELETE"]), path=st.text(max_size=20), body=st.binary()
)
def test_any_path_is_answered(method: str, path: str, body: bytes) -> None:
    for version in RELEASES:
        found = Served(version, enable_metrics=True).ask(method, f"/{path}", body)
        assert isinstance(found, Plan) or found.status in (200, 307, 400, 401, 404, 405, 422, 500, 503)
