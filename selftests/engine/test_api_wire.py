"""Bytes of events and bodies, release by release (sglang-server facts 4)."""

import json
import re
from typing import Any

import pytest

from seatrial.engine.openai.encoding import usage_of
from seatrial.engine.openai.plan import Plan, Usage
from seatrial.engine.release import Release

from .served import HELLO, RELEASES, Served

CHAT, TEXT, NATIVE = "/v1/chat/completions", "/v1/completions", "/generate"
QUESTION = [{"role": "user", "content": "What is 2+2?"}]


def masked(event: bytes) -> str:
    """An event without what differs from run to run."""
    text = re.sub(r'"id":"[0-9a-f]{32}"', '"id":"ID"', event.decode())
    return re.sub(r'"created":\d{10}', '"created":0', text).removeprefix("data: ").removesuffix("\n\n")


def test_chat_stream_of_0_5_23() -> None:
    found = [masked(event) for event in Served("0.5.23").raw(CHAT, model="m", messages=QUESTION, stream_options={"include_usage": True})]  # fmt: skip
    head = '{"id":"ID","object":"chat.completion.chunk","created":0,"model":"m","choices":['
    end = '"logprobs":null,"finish_reason":null,"matched_stop":null}]}'
    assert found[0] == head + '{"index":0,"delta":{"reasoning_content":null,"role":"assistant","content":""},' + end
    assert re.fullmatch(re.escape(head) + r'\{"index":0,"delta":\{"reasoning_content":" \w+"\},' + re.escape(end), found[1])  # fmt: skip
    assert found[-4] == head + '{"index":0,"delta":{"reasoning_content":null,"content":"4"},' + end
    assert found[-3] == head + '{"index":0,"delta":{"reasoning_content":null},"logprobs":null,"finish_reason":"stop","matched_stop":1}]}'  # fmt: skip
    assert found[-2] == head + (
        '],"usage":{"prompt_tokens":11,"total_tokens":17,"completion_tokens":6,"prompt_tokens_details":null,'
        '"reasoning_tokens":3,"completion_tokens_details":{"reasoning_tokens":3}}}'
    )
    assert found[-1] == "[DONE]"


def test_chat_stream_of_0_5_9() -> None:
    found = [masked(event) for event in Served("0.5.9").raw(CHAT, messages=QUESTION)]
    head = '{"id":"ID","object":"chat.completion.chunk","created":0,"model":"default","choices":['
    end = '"logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null}'
    assert found[0] == head + '{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":null,"tool_calls":null},' + end  # fmt: skip
    assert found[-3] == head + '{"index":0,"delta":{"role":null,"content":"4","reasoning_content":null,"tool_calls":null},' + end  # fmt: skip
    assert found[-2] == head + (
        '{"index":0,"delta":{"role":null,"content":null,"reasoning_content":null,"tool_calls":null},"logprobs":null,'
        '"finish_reason":"stop","matched_stop":1}],"usage":null}'
    )


def test_chat_stream_of_0_4_3() -> None:
    found = [masked(event) for event in Served("0.4.3.post2").raw(CHAT, model="m", messages=QUESTION, max_tokens=3, stream_options={"include_usage": True})]  # fmt: skip
    head = '{"id":"ID","object":"chat.completion.chunk","created":0,"model":"m","choices":['
    delta = '{"index":0,"delta":{"role":null,"content":" \\w+","tool_calls":null},"logprobs":null,'
    assert len(found) == 6  # the role, three tokens of which the last says the end, usage, the end
    assert found[0] == head + '{"index":0,"delta":{"role":"assistant","content":"","tool_calls":null},"logprobs":null,"finish_reason":"","matched_stop":null}],"usage":null}'  # fmt: skip
    middle = re.escape(head) + delta.replace("{", r"\{").replace("}", r"\}")
    assert re.fullmatch(middle + r'"finish_reason":"","matched_stop":null\}\],"usage":null\}', found[1])
    assert found[3].endswith('"finish_reason":"length","matched_stop":null}],"usage":null}')
    assert json.loads(found[3])["choices"][0]["delta"]["content"]
    assert found[4] == '{"id":"ID","model":"m","choices":[],"usage":{"prompt_tokens":11,"total_tokens":14,"completion_tokens":3}}'  # fmt: skip


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("path", [CHAT, TEXT, NATIVE])
@pytest.mark.parametrize("tokens", [1, 2, 40])
def test_what_is_streamed_is_what_is_told_at_once(version: str, path: str, tokens: int) -> None:
    served = Served(version)
    limit = {"sampling_params": {"max_new_tokens": tokens}} if path == NATIVE else {"max_tokens": tokens}
    asked: dict[str, Any] = {"model": "m", "messages": QUESTION, "prompt": "a b c", **limit}
    if path == NATIVE:
        asked = {"text": "a b c", **limit}
        told, last = served.whole(path, **asked), served.stream(path, **asked)[-1]
        assert told["text"] == last["text"]
        assert told["meta_info"]["finish_reason"] == last["meta_info"]["finish_reason"]
        return
    told = served.whole(path, **asked)
    choice = told["choices"][0]
    streamed = served.stream(path, **asked, stream_options={"include_usage": True})
    assert streamed[-1]["usage"]["completion_tokens"] == told["usage"]["completion_tokens"]
    choices = [event["choices"][0] for event in streamed if event["choices"]]
    assert [one["finish_reason"] for one in choices if one["finish_reason"]] == [choice["finish_reason"]]
    assert choices[-1]["matched_stop"] == choice["matched_stop"]
    if path == TEXT:
        assert "".join(one["text"] for one in choices) == choice["text"]
        return
    for name in ('"usage",null}', "@@", "\\", '"}\n\ndata; x', "模型😀", "\ud800"):
        for event in Served("0.5.9").stream(CHAT, model=name, messages=QUESTION, stop=[name]):
            assert event["model"] == name.encode("utf-8", "replace").decode()


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
WEATHER = [{"role": "user", "content": "What is the weather in Beijing?"}]


@pytest.mark.parametrize("version", ["0.5.9", "0.5.23"])
@pytest.mark.parametrize("choice", ["auto", "required", {"type": "function", "function": {"name": "get_weather"}}])
def test_tools(version: str, choice: object) -> None:
    served = Served(version)
    told = served.whole(CHAT, messages=WEATHER, tools=TOOLS, tool_choice=choice)["choices"][0]
    call = told["message"]["tool_calls"][0]
    assert re.fullmatch("call_[0-9a-f]{24}", call["id"])
    assert list(call) == ["id", "index", "type", "function"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "text"}'}
    assert (told["finish_reason"], told["matched_stop"]) == ("tool_calls", None)
    assert told["message"]["content"] == (None if version == "0.5.9" else "")
    found = [event["choices"][0] for event in served.stream(CHAT, messages=WEATHER, tools=TOOLS, tool_choice=choice)]
    calls = [one["delta"]["tool_calls"][0] for one in found if one["delta"].get("tool_calls")]
    assert calls[0]["function"]["name"] == "get_weather"
    assert all(one["id"] is None and one["function"]["name"] is None for one in calls[1:])
    assert "".join(one["function"]["arguments"] for one in calls) == '{"city": "text"}'
    assert found[-1]["finish_reason"] == "tool_calls"


def test_no_tool_is_called_without_need() -> None:
    served = Served("0.5.23")
    hello = [{"role": "user", "content": "Tell me a story."}]
    assert "tool_calls" not in served.whole(CHAT, messages=hello, tools=TOOLS)["choices"][0]["message"]
    assert served.whole(CHAT, messages=WEATHER, tools=TOOLS, tool_choice="none")["choices"][0]["finish_reason"] == "stop"  # fmt: skip
    answered = [*WEATHER, {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "7 degrees"}]
    assert "7 degrees" in served.whole(CHAT, messages=answered, tools=TOOLS)["choices"][0]["message"]["content"]


def test_json_is_answered_with_json() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    for asked, said in ((form, {"answer": 4}), ({"type": "json_object"}, {"answer": "4"})):
        told = Served("0.5.9").whole(CHAT, messages=QUESTION, response_format=asked)
        assert json.loads(told["choices"][0]["message"]["content"]) == said


def test_greedy_answers_are_equal_and_seeds_tell_apart() -> None:
    served = Served("0.5.23", natural=40)

    def said(**more: Any) -> str:
        return str(served.whole(CHAT, **{**HELLO, **more})["choices"][-1]["message"])

    assert said(temperature=0, n=2) == said(temperature=0, seed=5)
    assert said(seed=5) == said(seed=5) != said(seed=6)
    assert said(seed=5, n=2) != said(seed=5)


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("kind", ["reasoning", "content"])
@pytest.mark.parametrize("path", [CHAT, TEXT])
def test_usage_on_an_event_is_what_it_is_at_the_end(version: str, path: str, kind: str) -> None:
    """It is written by another way, since it is written for each token."""
    plan = Served(version).ask("POST", path, {"model": "m", "messages": QUESTION, "prompt": "x"})
    assert isinstance(plan, Plan)
    for usage in (Usage(7, 1, 0), Usage(7, 12, 3), Usage(100000, 123456, 100003)):
        event = json.loads(plan.encoder.piece(0, kind, b"x", usage).removeprefix(b"data: "))
        release = Release(version)
        assert event["usage"] == usage_of(release, usage, cache_report=False, chat=path == CHAT)
        assert list(event["usage"]) == list(usage_of(release, usage, cache_report=False, chat=path == CHAT))
