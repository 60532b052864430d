"""Events and bodies of completions in the words of each release (sglang-server facts 4)."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from seatrial.engine.openai.errors import compact, said
from seatrial.engine.openai.plan import Told, Usage
from seatrial.engine.release import Release

_MARK = "@@"
_CALL = "call_"


def usage_of(release: Release, usage: Usage, *, cache_report: bool, chat: bool) -> dict[str, Any]:
    """The `usage` object. 0.5.9 declares reasoning tokens but always says 0 (facts 4.2)."""
    found: dict[str, Any] = {
        "prompt_tokens": usage.prompt,
        "total_tokens": usage.prompt + usage.completion,
        "completion_tokens": usage.completion,
    }
    if not release.since("0.4.6"):
        return found
    counted = release.since("0.5.23") and chat
    report = cache_report and (usage.cached or release.since("0.5.23"))
    found["prompt_tokens_details"] = {"cached_tokens": usage.cached} if report else None
    if release.since("0.5.2"):
        found["reasoning_tokens"] = usage.reasoning if counted else 0
    if release.since("0.5.23"):
        told = counted and usage.reasoning
        found["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning} if told else None
    return found


class _Encoding:
    """What all APIs share: identity, times, errors, the end."""

    object = ""

    def __init__(self, release: Release, rid: str, model: str, *, cache_report: bool, wall_offset_s: float) -> None:
        self._release, self.rid, self._model, self._cache_report = release, rid, model, cache_report
        self._offset = wall_offset_s
        self._created = int(time.time() + wall_offset_s)
        self._parts: dict[tuple[int, str], tuple[bytes, bytes]] = {}

    def error(self, status: int, kind: str, message: str) -> bytes:
        """With blanks after the separators, unlike all other events (facts 4.4)."""
        import json

        return b"data: " + json.dumps({"error": said(status, kind, message)}).encode() + b"\n\n"

    def done(self) -> bytes:
        return b"data: [DONE]\n\n"

    def _event(self, choices: list[dict[str, Any]], more: Mapping[str, Any]) -> bytes:
        head = {"id": self.rid, "object": self.object, "created": self._created, "model": self._model}
        return b"data: " + compact({**head, "choices": choices, **more}) + b"\n\n"

    def _usage(self, usage: Usage, chat: bool) -> dict[str, Any]:
        return usage_of(self._release, usage, cache_report=self._cache_report, chat=chat)

    def _cut(self, index: int, kind: str, template: bytes) -> tuple[bytes, bytes]:
        """What stands before and behind the text in events of a choice and kind; made once."""
        before, _, after = template.partition(_MARK.encode())
        self._parts[index, kind] = before, after
        return before, after


class ChatEncoding(_Encoding):
    """/v1/chat/completions."""

    object = "chat.completion.chunk"

    def __init__(self, *args: Any, tools: Mapping[int, str] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self._tools = dict(tools or {})
        self._called: set[int] = set()
        self._nulls = {} if self._lean or not self._release.since("0.4.9.post6") else {"usage": None}

    @property
    def _lean(self) -> bool:
        return self._release.since("0.5.13.post1")

    def _delta(self, **given: Any) -> dict[str, Any]:
        if self._lean:
            return {"reasoning_content": None, **given}
        if not self._release.since("0.4.6"):
            return {"role": None, "content": None, "tool_calls": None, **given}
        return {"role": None, "content": None, "reasoning_content": None, "tool_calls": None, **given}

    def _choice(self, index: int, delta: dict[str, Any], reason: str | None, matched: Any = None) -> dict[str, Any]:
        if reason is None and not self._release.since("0.4.6"):
            reason = ""
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**choice, "matched_stop": matched}

    def role(self, index: int) -> bytes:
        return self._event([self._choice(index, self._delta(role="assistant", content=""), None)], self._nulls)

    def piece(self, index: int, kind: str, json_text: bytes, usage: Usage | None) -> bytes:
        if kind == "tool":
            return self._tool(index, json_text, usage)
        before, after = self._parts.get((index, kind)) or self._cut(index, kind, self._template(index, kind))
        if usage is None:
            return before + json_text + after
        counts = compact(self._usage(usage, chat=True))
        if b',"usage":null}' in after:
            return before + json_text + after.replace(b'"usage":null', b'"usage":' + counts)
        return before + json_text + after.replace(b"}\n\n", b',"usage":' + counts + b"}\n\n")

    def _template(self, index: int, kind: str) -> bytes:
        field = "reasoning_content" if kind == "reasoning" else "content"
        return self._event([self._choice(index, self._delta(**{field: _MARK}), None)], self._nulls)

    def _tool(self, index: int, json_text: bytes, usage: Usage | None) -> bytes:
        first = index not in self._called
        self._called.add(index)
        name = self._tools.get(index) if first else None
        rid = f"{_CALL}{uuid.uuid4().hex[:24]}" if first else None
        call = {"id": rid, "index": 0, "type": "function", "function": {"name": name, "arguments": _MARK}}
        template = self._event([self._choice(index, self._delta(tool_calls=[call]), None)], self._nulls)
        found = template.replace(_MARK.encode(), json_text)
        if usage is None:
            return found
        return found[:-3] + b',"usage":' + compact(self._usage(usage, chat=True)) + b"}\n\n"

    def finish(self, index: int, reason: str, matched_stop: int | str | None) -> bytes:
        """0.4.3.post2 has no event of its own for it, but its last content event says it: here both in one."""
        if not self._release.since("0.4.6"):
            reason = "tool_call" if reason == "tool_calls" else reason
            return self._event([self._choice(index, self._delta(content=""), reason, matched_stop)], self._nulls)
        return self._event([self._choice(index, self._delta(), reason, matched_stop)], self._nulls)

    def usage(self, usage: Usage) -> bytes:
        told = self._usage(usage, chat=True)
        if not self._release.since("0.4.6"):
            bare = {"id": uuid.uuid4().hex, "model": self._model, "choices": [], "usage": told}
            return b"data: " + compact(bare) + b"\n\n"
        return self._event([], {"usage": told})

    def body(self, texts: tuple[Told, ...], usage: Usage) -> bytes:
        body = {
            "id": self.rid,
            "object": "chat.completion",
            "created": self._created,
            "model": self._model,
            "choices": [self._told(index, told) for index, told in enumerate(texts)],
            "usage": self._usage(usage, chat=True),
        }
        if self._release.since("0.5.2"):
            body["metadata"] = {"weight_version": "default"}
        return compact(body)

    def _told(self, index: int, told: Told) -> dict[str, Any]:
        release = self._release
        calls = [
            {"id": f"{_CALL}{uuid.uuid4().hex[:24]}", "index": number, "type": "function",
             "function": {"name": name, "arguments": arguments}}
            for number, (name, arguments) in enumerate(told.tool_calls)
        ]  # fmt: skip
        message: dict[str, Any] = {"role": "assistant", "content": told.content or ("" if self._lean else None)}
        if release.since("0.4.6"):
            message["reasoning_content"] = told.reasoning or None
        if calls or not release.since("0.5.23"):
            message["tool_calls"] = calls or None
        choice = {"index": index, "message": message, "logprobs": None, "finish_reason": told.finish_reason}
        return {**choice, "matched_stop": told.matched_stop}


class TextEncoding(_Encoding):
    """/v1/completions: no role, and the last text event says how it ended."""

    object = "text_completion"

    def role(self, _index: int) -> bytes:
        return b""

    def _choice(self, index: int, text: str, reason: str | None, matched: Any = None) -> dict[str, Any]:
        if reason is None and not self._release.since("0.4.6"):
            reason = ""
        return {"index": index, "text": text, "logprobs": None, "finish_reason": reason, "matched_stop": matched}

    def piece(self, index: int, _kind: str, json_text: bytes, usage: Usage | None) -> bytes:
        before, after = self._parts.get((index, "text")) or self._cut(
            index, "text", self._event([self._choice(index, _MARK, None)], {})
        )
        if usage is None:
            return before + json_text + after
        return before + json_text + after[:-3] + b',"usage":' + compact(self._usage(usage, chat=False)) + b"}\n\n"

    def finish(self, index: int, reason: str, matched_stop: int | str | None) -> bytes:
        return self._event([self._choice(index, "", reason, matched_stop)], {})

    def usage(self, usage: Usage) -> bytes:
        told = {name: value for name, value in self._usage(usage, chat=False).items() if value is not None}
        return self._event([], {"usage": told})

    def body(self, texts: tuple[Told, ...], usage: Usage) -> bytes:
        choices = [
            self._choice(index, told.reasoning + told.content, told.finish_reason, told.matched_stop)
            for index, told in enumerate(texts)
        ]
        body = {"id": self.rid, "object": self.object, "created": self._created, "model": self._model}
        more = {"metadata": {"weight_version": "default"}} if self._release.since("0.5.2") else {}
        return compact({**body, "choices": choices, "usage": self._usage(usage, chat=False), **more})
