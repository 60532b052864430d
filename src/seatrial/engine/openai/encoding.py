"""Events and bodies of completions in the words of each release (sglang-server facts 4)."""

import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from seatrial.engine.openai.errors import compact, said
from seatrial.engine.openai.plan import Told, Usage
from seatrial.engine.release import Release

_TEXT = uuid.uuid4().hex
"""Stands for the text where an event is prepared; nobody can know it and send it in a request."""
STREAMED = (b"content-type", b"text/event-stream; charset=utf-8")


def usage_of(release: Release, usage: Usage, *, cache_report: bool, chat: bool, ended: bool = True) -> dict[str, Any]:
    """The `usage` object. 0.5.9 declares reasoning tokens but always says 0 (facts 4.2).

    `ended`: not in the middle of a stream, where cached tokens are not told.
    """
    found: dict[str, Any] = {
        "prompt_tokens": usage.prompt,
        "total_tokens": usage.prompt + usage.completion,
        "completion_tokens": usage.completion,
    }
    report = cache_report and ended and (usage.cached or release.since("0.5.23"))
    found["prompt_tokens_details"] = {"cached_tokens": usage.cached} if report else None
    counted = release.since("0.5.23") and chat
    if release.since("0.5.2"):
        found["reasoning_tokens"] = usage.reasoning if counted else 0
    if release.since("0.5.23"):
        told = counted and usage.reasoning
        found["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning} if told else None
    return found


class Encoding:
    """What all APIs share: identity, times, errors, the end."""

    object = ""
    chat = False
    cached = 0

    def __init__(self, release: Release, rid: str, model: str, *, cache_report: bool, wall_offset_s: float) -> None:
        self._release, self.rid, self._model, self._cache_report = release, rid, model, cache_report
        self._offset = wall_offset_s
        self._created = int(time.time() + wall_offset_s)
        self._next_second = self._created + 1 - wall_offset_s
        self._parts: dict[tuple[int, str], tuple[bytes, bytes, bytes]] = {}
        self._around: tuple[bytes, bytes, bytes, bytes | None] | None = None
        self._prepare()

    def _prepare(self) -> None:
        """What an API has to know before its first event."""

    def error(self, status: int, kind: str, message: str) -> bytes:
        """With blanks after the separators, unlike all other events (facts 4.4)."""
        return b"data: " + json.dumps({"error": said(status, kind, message)}).encode() + b"\n\n"

    def done(self) -> bytes:
        return b"data: [DONE]\n\n"

    @property
    def _ticks(self) -> bool:
        """Whether `created` is the time of the event, not of the request."""
        return False

    def _head(self) -> dict[str, Any]:
        return {"id": self.rid, "object": self.object, "created": self._created, "model": self._model}

    def _event(self, choices: list[dict[str, Any]], usage: Any = None, *, told: bool = True) -> bytes:
        more = {"usage": usage} if told else {}
        return b"data: " + compact({**self._head(), "choices": choices, **more}) + b"\n\n"

    def _usage(self, usage: Usage, *, ended: bool = True) -> dict[str, Any]:
        usage = usage._replace(cached=self.cached)
        return usage_of(self._release, usage, cache_report=self._cache_report, chat=self.chat, ended=ended)

    def _filled(self, parts: tuple[bytes, bytes, bytes], json_text: bytes, usage: Usage | None) -> bytes:
        """An event of the three parts that stand around its text and its usage."""
        before, after, nothing = parts
        if usage is None:
            return before + json_text + after + nothing
        prompt, completion, reasoning, _ = usage
        if self._around is None:
            self._around = self._around_counts()
        counts, between, end, detailed = self._around
        told = counts % (prompt, prompt + completion, completion) + between
        if detailed is None:
            return before + json_text + after + told + end
        told += b"%d" % reasoning + (detailed % reasoning if reasoning else b',"completion_tokens_details":null')
        return before + json_text + after + told + end

    def _around_counts(self) -> tuple[bytes, bytes, bytes, bytes | None]:
        """Usage in the middle of a stream as bytes, since it is written for each token."""
        whole = b',"usage":' + compact(self._usage(Usage(1, 2, 3), ended=False))
        counts, comma, more = whole.partition(b',"prompt_tokens_details"')
        ratio = re.sub(rb":\d+", b":%d", counts)
        end = b"}\n\n"
        if b'"reasoning_tokens":3' not in more:
            return ratio, comma + more, end, None
        between = comma + more.partition(b"3")[0]
        return ratio, between, b"}" + end, b',"completion_tokens_details":{"reasoning_tokens":%d}'

    def _cut(self, event: bytes) -> tuple[bytes, bytes, bytes]:
        """An event's parts: before its text, behind it up to the usage, and what ends it without usage."""
        before, _, after = event.partition(_TEXT.encode())
        nothing = b',"usage":null}\n\n' if after.endswith(b',"usage":null}\n\n') else b"}\n\n"
        return before, after[: -len(nothing)], nothing

    def _tick(self) -> None:
        """Forget what was prepared for the second that has passed."""
        self._created = int(time.time() + self._offset)
        self._next_second = self._created + 1 - self._offset
        self._parts.clear()


class ChatEncoding(Encoding):
    """/v1/chat/completions."""

    object = "chat.completion.chunk"
    chat = True

    def __init__(self, *args: Any, tools: Mapping[int, str] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self._tools = dict(tools or {})

    def _prepare(self) -> None:
        since = self._release.since
        self._calls: dict[int, str] = {}
        self._lean, self._old, self._ticking = since("0.5.13.post1"), not since("0.4.6"), self._ticks

    @property
    def _ticks(self) -> bool:
        return not self._release.since("0.5.23")

    @property
    def joins(self) -> bool:
        """Whether the last text event says how the choice ended (facts 4.4)."""
        return self._old

    def _delta(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if self._lean:
            return {"reasoning_content": None, **given}
        if self._old:
            return {"role": None, "content": None, "tool_calls": None, **given}
        return {"role": None, "content": None, "reasoning_content": None, "tool_calls": None, **given}

    def _chunk(self, index: int, given: Mapping[str, Any], reason: str | None = None, matched: Any = None) -> bytes:
        reason = "" if reason is None and self._old else reason
        choice = {"index": index, "delta": self._delta(given), "logprobs": None, "finish_reason": reason}
        return self._event([{**choice, "matched_stop": matched}], told=not self._lean)

    def role(self, index: int, /) -> bytes:
        return self._chunk(index, {"role": "assistant", "content": ""})

    def piece(self, index: int, kind: str, json_text: bytes, usage: Usage | None, /) -> bytes:
        if self._ticking and time.time() >= self._next_second:
            self._tick()
        parts = self._parts.get((index, kind))
        return self._filled(parts or self._parts_of(index, kind), json_text, usage)

    def around(self, index: int, kind: str, /) -> tuple[bytes, bytes] | None:
        if self._ticking or kind == "tool":
            return None
        before, after, nothing = self._parts.get((index, kind)) or self._parts_of(index, kind)
        return before, after + nothing

    def _parts_of(self, index: int, kind: str) -> tuple[bytes, bytes, bytes]:
        if kind == "tool":
            return self._cut(
                self._chunk(index, {"tool_calls": [self._call(index)]}, "tool_call" if self._old else None)
            )
        field = "reasoning_content" if kind == "reasoning" else "content"
        parts = self._parts[index, kind] = self._cut(self._chunk(index, {field: _TEXT}))
        return parts

    def _call(self, index: int) -> dict[str, Any]:
        """Only a call's first event names it."""
        first = index not in self._calls
        self._calls.setdefault(index, "0" if self._old else f"call_{uuid.uuid4().hex[:24]}")
        name = self._tools.get(index) if first else None
        function = {"name": name, "arguments": _TEXT}
        if self._old:
            return {"id": self._calls[index], "type": "function", "function": function}
        return {"id": self._calls[index] if first else None, "index": 0, "type": "function", "function": function}

    def last(
        self, index: int, kind: str, json_text: bytes, usage: Usage | None, reason: str, matched: int | str | None
    ) -> bytes:
        if kind == "tool" or reason == "tool_calls":
            return self.piece(index, "tool", json_text, usage) if json_text else self.finish(index, reason, matched)
        return self._filled(self._cut(self._chunk(index, {"content": _TEXT}, reason, matched)), json_text, usage)

    def finish(self, index: int, reason: str, matched_stop: int | str | None) -> bytes:
        if self._old:
            reason = "tool_call" if reason == "tool_calls" else reason
            return self._chunk(index, {"content": ""}, reason, matched_stop)
        return self._chunk(index, {}, reason, matched_stop)

    def usage(self, usage: Usage) -> bytes:
        told = self._usage(usage)
        if not self._old:
            return self._event([], told)
        counts = {name: told[name] for name in ("prompt_tokens", "total_tokens", "completion_tokens")}
        bare = {"id": uuid.uuid4().hex, "model": self._model, "choices": [], "usage": counts}
        return b"data: " + compact(bare) + b"\n\n"

    def body(self, texts: tuple[Told, ...], usage: Usage) -> bytes:
        choices = [self._told(index, told) for index, told in enumerate(texts)]
        body = {**self._head(), "object": "chat.completion", "choices": choices, "usage": self._usage(usage)}
        if self._release.since("0.5.2"):
            body["metadata"] = {"weight_version": "default"}
        return compact(body)

    def _told(self, index: int, told: Told) -> dict[str, Any]:
        reasoning, content = told.reasoning, told.content
        if not self._release.since("0.5.23") and not self._old:
            reasoning, content = reasoning.strip(), content.strip() if reasoning else content  # facts 4.3
        calls = [self._called(self._tools.get(index, ""), told.arguments)] if told.arguments else []
        nothing = "" if self._lean else None
        message: dict[str, Any] = {"role": "assistant", "content": content if content.strip() else nothing}
        if not self._old:
            message["reasoning_content"] = reasoning or None
        if calls or not self._release.since("0.5.23"):
            message["tool_calls"] = calls or None
        choice = {"index": index, "message": message, "logprobs": None, "finish_reason": told.finish_reason}
        return {**choice, "matched_stop": told.matched_stop}

    def _called(self, name: str, arguments: str) -> dict[str, Any]:
        function = {"name": name, "arguments": arguments}
        if self._old:
            return {"id": "0", "type": "function", "function": function}
        return {"id": f"call_{uuid.uuid4().hex[:24]}", "index": 0, "type": "function", "function": function}


class TextEncoding(Encoding):
    """/v1/completions: no role, and the last text event says how the choice ended."""

    object = "text_completion"
    joins = True

    def _prepare(self) -> None:
        self._ticking = self._ticks

    @property
    def _ticks(self) -> bool:
        return not self._release.since("0.4.9.post6")

    def role(self, _index: int, /) -> bytes:
        return b""

    def _choice(self, index: int, text: str, reason: str | None, matched: Any = None) -> dict[str, Any]:
        if reason is None and not self._release.since("0.4.6"):
            reason = ""
        return {"index": index, "text": text, "logprobs": None, "finish_reason": reason, "matched_stop": matched}

    def piece(self, index: int, _kind: str, json_text: bytes, usage: Usage | None, /) -> bytes:
        if self._ticking and time.time() >= self._next_second:
            self._tick()
        return self._filled(self._parts.get((index, "")) or self._parts_of(index), json_text, usage)

    def around(self, index: int, _kind: str, /) -> tuple[bytes, bytes] | None:
        if self._ticking:
            return None
        before, after, nothing = self._parts.get((index, "")) or self._parts_of(index)
        return before, after + nothing

    def _parts_of(self, index: int) -> tuple[bytes, bytes, bytes]:
        parts = self._parts[index, ""] = self._cut(self._event([self._choice(index, _TEXT, None)]))
        return parts

    def last(
        self, index: int, _kind: str, json_text: bytes, usage: Usage | None, reason: str, matched: int | str | None
    ) -> bytes:
        return self._filled(self._cut(self._event([self._choice(index, _TEXT, reason, matched)])), json_text, usage)

    def finish(self, index: int, reason: str, matched_stop: int | str | None) -> bytes:
        return self._event([self._choice(index, "", reason, matched_stop)])

    def usage(self, usage: Usage) -> bytes:
        told = {name: value for name, value in self._usage(usage).items() if value is not None}
        if self._release.since("0.4.6"):
            return self._event([], told)
        bare = {"id": uuid.uuid4().hex, "model": self._model, "choices": [], "usage": told}
        return b"data: " + compact(bare) + b"\n\n"

    def body(self, texts: tuple[Told, ...], usage: Usage) -> bytes:
        choices = [
            self._choice(index, told.reasoning + told.content, told.finish_reason, told.matched_stop)
            for index, told in enumerate(texts)
        ]
        more = {"metadata": {"weight_version": "default"}} if self._release.since("0.5.2") else {}
        return compact({**self._head(), "choices": choices, "usage": self._usage(usage), **more})
