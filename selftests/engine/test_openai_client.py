"""The official client against a running engine: what it reads, and what it raises."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from .running import running

RELEASES = ("0.4.3.post2", "0.5.9", "0.5.23")
NEWER = RELEASES[1:]
KEY = "sk-rehearsal"
SUM: list[Any] = [{"role": "user", "content": "What is 17*23? Answer with the number only."}]
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
        },
    }
]


@pytest.fixture(scope="module", params=RELEASES)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def address(version: str) -> Iterator[str]:
    args = ["--api-key", KEY, "--context-length", "4096"]
    if version in NEWER:
        args += ["--reasoning-parser", "deepseek-r1", "--tool-call-parser", "deepseekv3"]
    with running(version, args=args) as found:
        yield found


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0, timeout=20) as found:
        yield found


def answered(message: Any) -> str:
    return str(message.content).rpartition("</think>")[2].strip()


def test_models(client: OpenAI, version: str) -> None:
    models = client.models.list().data
    assert [model.id for model in models] == ["deepseek-ai/DeepSeek-R1"]
    if version in NEWER:
        assert client.models.retrieve(models[0].id).id == models[0].id
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve("other")
        assert caught.value.code == "model_not_found"


def test_an_answer(client: OpenAI, version: str) -> None:
    told = client.chat.completions.create(model="m", messages=SUM)
    choice = told.choices[0]
    assert answered(choice.message) == "391"
    assert (choice.finish_reason, told.object, told.model) == ("stop", "chat.completion", "m")
    assert told.usage is not None
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens
    assert bool(getattr(choice.message, "reasoning_content", None)) is (version in NEWER)
    if version not in NEWER:
        assert "</think>" in str(choice.message.content)


def test_a_stream(client: OpenAI, version: str) -> None:
    options: Any = {"include_usage": True}
    chunks = list(client.chat.completions.create(model="m", messages=SUM, stream=True, stream_options=options))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    content = "".join(delta.content or "" for delta in deltas)
    assert content.rpartition("</think>")[2].strip() == "391"
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert bool(reasoning) is (version in NEWER)
    assert "think>" not in reasoning
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason] == [
        "stop"
    ]
    assert chunks[-1].usage is not None
    assert not chunks[-1].choices
    told = client.chat.completions.create(model="m", messages=SUM)
    assert chunks[-1].usage.completion_tokens == told.usage.completion_tokens  # type: ignore[union-attr]


def test_exact_length(client: OpenAI) -> None:
    more: Any = {"ignore_eos": True}
    told = client.chat.completions.create(model="m", messages=SUM, max_tokens=100, extra_body=more)
    assert told.choices[0].finish_reason == "length"
    assert told.usage is not None
    assert told.usage.completion_tokens == 100
    text = client.completions.create(model="m", prompt="once", max_tokens=64, stream=True, extra_body=more)
    assert sum(bool(chunk.choices[0].text) for chunk in text) == 64


def test_several_choices_and_stop(client: OpenAI) -> None:
    told = client.completions.create(
        model="m", prompt=["Repeat exactly: one two three", "x"], n=2, stop=" th", max_tokens=20
    )
    assert len(told.choices) == 4
    assert told.choices[0].text == "one two"
    assert told.choices[0].finish_reason == "stop"
    assert told.choices[0].matched_stop == " th"  # type: ignore[attr-defined]


def test_tools(client: OpenAI, version: str) -> None:
    if version not in NEWER:
        pytest.skip("its tool parsers know no DeepSeek")
    asked: list[Any] = [{"role": "user", "content": "How is the weather in Beijing?"}]
    told = client.chat.completions.create(model="m", messages=asked, tools=TOOLS).choices[0]
    assert told.finish_reason == "tool_calls"
    calls: Any = told.message.tool_calls
    call = calls[0]
    assert json.loads(call.function.arguments) == {"city": "text", "days": 1}
    asked += [told.message, {"role": "tool", "tool_call_id": call.id, "content": "7 degrees"}]
    assert answered(client.chat.completions.create(model="m", messages=asked, tools=TOOLS).choices[0].message) == "7 degrees"  # fmt: skip
    with client.chat.completions.stream(model="m", messages=asked[:1], tools=TOOLS) as stream:
        final: Any = stream.get_final_completion().choices[0]
    assert final.finish_reason == "tool_calls"
    assert final.message.tool_calls[0].function.name == "get_weather"
    assert json.loads(final.message.tool_calls[0].function.arguments) == {"city": "text", "days": 1}


def test_json(client: OpenAI) -> None:
    told = client.chat.completions.create(model="m", messages=SUM, response_format={"type": "json_object"})
    assert json.loads(answered(told.choices[0].message)) == {"answer": "391"}


def test_errors(client: OpenAI, version: str, address: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        OpenAI(base_url=f"{address}/v1", api_key="other", max_retries=0).models.list()
    with pytest.raises(openai.NotFoundError):
        client.get("/nothing", cast_to=object)
    with pytest.raises(openai.BadRequestError, match="temperature must be non-negative"):
        client.chat.completions.create(model="m", messages=SUM, temperature=-1)
    wrong: Any = "hello"
    with pytest.raises(openai.BadRequestError if version in NEWER else openai.InternalServerError):
        client.chat.completions.create(model="m", messages=wrong)


def test_an_error_in_a_stream(client: OpenAI, version: str) -> None:
    """Up to 0.5.9 it comes after the 200, and the client raises it while it reads."""
    message = "maximum context length of 4096"
    if version == "0.5.23":
        with pytest.raises(openai.BadRequestError, match=message):
            client.chat.completions.create(model="m", messages=SUM, max_tokens=4095, stream=True)
        return
    stream = client.chat.completions.create(model="m", messages=SUM, max_tokens=4095, stream=True)
    with pytest.raises(openai.APIError, match=message):
        list(stream)


def test_many_at_a_time(address: str) -> None:
    async def ask(client: openai.AsyncOpenAI, number: int) -> bool:
        asked: list[Any] = [{"role": "user", "content": f"What is {number} + 1?"}]
        stream = await client.chat.completions.create(model="m", messages=asked, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        return text.rpartition("</think>")[2].strip() == str(number + 1)

    async def all_of_them() -> list[bool]:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(50)))

    assert all(asyncio.run(all_of_them()))


def test_a_client_that_goes_away_leaves_nothing_behind(client: OpenAI, address: str) -> None:
    for _ in range(5):
        more: Any = {"ignore_eos": True}
        stream = client.chat.completions.create(model="m", messages=SUM, max_tokens=3000, stream=True, extra_body=more)
        next(iter(stream))
        stream.close()
    told = client.chat.completions.create(model="m", messages=SUM)
    assert answered(told.choices[0].message) == "391"


@pytest.mark.parametrize("stream", [False, True])
def test_an_aborted_request_says_so(address: str, version: str, stream: bool) -> None:
    if version not in NEWER:
        pytest.skip("it has no /abort_request")
    more: Any = {"ignore_eos": True, "rid": f"mine-{stream}"}

    async def aborted() -> tuple[str | None, int]:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
            options: Any = {"include_usage": True} if stream else openai.omit
            asking = asyncio.create_task(
                client.chat.completions.create(
                    model="m", messages=SUM, max_tokens=4000, stream=stream, stream_options=options, extra_body=more
                )
            )
            await asyncio.sleep(0.1)
            await client.post("/../abort_request", body={"rid": f"mine-{stream}"}, cast_to=object)
            told: Any = await asking
            if not stream:
                return told.choices[0].finish_reason, told.usage.completion_tokens
            chunks = [chunk async for chunk in told]
            return chunks[-2].choices[0].finish_reason, chunks[-1].usage.completion_tokens

    reason, tokens = asyncio.run(aborted())
    assert reason == "abort"
    assert 0 < tokens < 4000


def test_a_full_queue() -> None:
    args = ["--max-queued-requests", "1", "--reasoning-parser", "deepseek-r1"]
    more: Any = {"ignore_eos": True}

    async def overrun(address: str) -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="x", max_retries=0, timeout=20) as client:
            asked: Any = {"model": "m", "messages": SUM, "max_tokens": 300, "extra_body": more}
            found = await asyncio.gather(
                *(client.chat.completions.create(**asked) for _ in range(4)), return_exceptions=True
            )
            return sorted(type(one).__name__ for one in found)

    with running("0.5.23", ["--ttft", "50ms", "--itl", "1ms", "--slots", "1"], args) as address:
        assert asyncio.run(overrun(address)) == ["ChatCompletion"] * 2 + ["InternalServerError"] * 2
