"""/generate, SGLang's own API (`srt/managers/io_struct.py` and `tokenizer_manager.py` @0.4.3.post2 and @0.5.9)."""

import json
import time
from typing import Any

from seatrial.engine.http.messages import Reply
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai import fields
from seatrial.engine.openai.errors import JSON, Refused, compact, flat
from seatrial.engine.openai.plan import Told, Usage
from seatrial.engine.openai.requests import BAD, Body, Crash, Prompt
from seatrial.engine.release import Release

_FIELDS = {
    "text": fields.optional(fields.either(fields.string, fields.list_of(fields.string))),
    "input_ids": fields.optional(
        fields.either(fields.list_of(fields.integer), fields.list_of(fields.list_of(fields.integer)))
    ),
    "sampling_params": fields.optional(fields.either(fields.mapping, fields.list_of(fields.mapping))),
    "stream": fields.boolean,
    "rid": fields.optional(fields.either(fields.string, fields.list_of(fields.string))),
}
_NAMES = {"max_new_tokens": "max_tokens", "min_new_tokens": "min_tokens"}
_DEFAULT_TOKENS = 128


class Native(Body):
    """A request to /generate: its sampling parameters under the names that the other APIs have."""

    def __init__(self, raw: dict[str, Any], args: ServerArgs) -> None:
        """Raises Refused, Crash."""
        super().__init__(raw, args, _FIELDS, needed=())
        given = self.get("sampling_params") or {}
        if isinstance(given, list):
            given = given[0] if given else {}
        named = {_NAMES.get(name, name): value for name, value in given.items() if value is not None}
        named.setdefault("max_tokens", _DEFAULT_TOKENS)
        try:
            self.fields |= fields.read(named, fields.SAMPLING)
        except fields.WrongType as error:
            raise Refused(400, BAD, str(error)) from None

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Raises Refused."""
        found = self.get("text", self.get("input_ids"))
        if found is None or (self.get("text") is not None and self.get("input_ids") is not None):
            raise Refused(400, BAD, "Either text, input_ids or input_embeds should be provided.")
        if isinstance(found, str) or (found and isinstance(found[0], int)):
            return (Prompt(found),)
        return tuple(map(Prompt, found)) or (Prompt([]),)

    @property
    def batched(self) -> bool:
        """Whether the answer is a list, even of one."""
        found = self.get("text", self.get("input_ids"))
        return isinstance(found, list) and bool(found) and not isinstance(found[0], int)


class NativeEncoding:
    """Each event has the whole text so far, unless the server was told to stream what is new."""

    joins = True
    cached = 0

    def __init__(self, release: Release, rid: str, *, deltas: bool, batched: bool) -> None:
        self._release, self.rid, self._deltas, self._batched = release, rid, deltas, batched
        self._began = time.monotonic()
        self._texts: dict[int, bytes] = {}
        self._counts: dict[int, Usage] = {}

    def role(self, _index: int, /) -> bytes:
        return b""

    def piece(self, index: int, _kind: str, json_text: bytes, usage: Usage | None, /) -> bytes:
        return self._event(index, json_text, usage, None)

    def around(self, _index: int, _kind: str, /) -> None:
        """Each event counts its tokens."""

    def last(
        self, index: int, _kind: str, json_text: bytes, usage: Usage | None, reason: str, matched: int | str | None
    ) -> bytes:
        return self._event(index, json_text, usage, (reason, matched))

    def _event(self, index: int, json_text: bytes, usage: Usage | None, ended: Any) -> bytes:
        if not self._deltas:
            json_text = self._texts[index] = self._texts.get(index, b"") + json_text
        if usage is None:
            usage = self._counts.get(index, Usage(0, 0))
        self._counts[index] = usage
        told = self._info(usage, ended)
        if ended is not None:
            told["e2e_latency"] = time.monotonic() - self._began
        info = compact(told)
        place = b',"index":%d' % index if self._batched or len(self._texts) > 1 or index else b""
        return b'data: {"text":"' + json_text + b'","meta_info":' + info + place + b"}\n\n"

    def _info(self, usage: Usage, ended: tuple[str, int | str | None] | None) -> dict[str, Any]:
        info: dict[str, Any] = {"id": self.rid, "finish_reason": None, "prompt_tokens": usage.prompt}
        if self._release.since("0.5.2"):
            info["weight_version"] = "default"
        info |= {"completion_tokens": usage.completion, "cached_tokens": self.cached}
        if ended is not None:
            reason, matched = ended
            more: dict[str, dict[str, Any]] = {"length": {"length": usage.completion}, "abort": {"message": "Aborted"}}
            info["finish_reason"] = {"type": reason, **more.get(reason, {"matched": matched})}
        return info

    def finish(self, index: int, reason: str, matched_stop: int | str | None) -> bytes:
        return self._event(index, b"", None, (reason, matched_stop))

    def usage(self, _usage: Usage, /) -> bytes:
        return b""

    def error(self, _status: int, _kind: str, message: str, /) -> bytes:
        return b"data: " + compact({"error": {"message": message}}) + b"\n\n"

    def done(self) -> bytes:
        return b"data: [DONE]\n\n"

    def body(self, texts: tuple[Told, ...], usage: Usage) -> bytes:
        """One object, or a list of one for each choice, with its own tokens.

        It is written before it is due, so it says nothing of `e2e_latency`.
        """
        told = [
            {
                "text": one.reasoning + one.content,
                "meta_info": self._info(
                    Usage(usage.prompt // len(texts), one.tokens),
                    (one.finish_reason, one.matched_stop),
                ),
            }
            for one in texts
        ]
        return compact(told if self._batched or len(told) > 1 else told[0])


def refusal(refused: Refused) -> Reply:
    """What /generate says of a request that cannot be served (facts 3.4)."""
    return Reply(refused.status, (JSON,), compact({"error": {"message": refused.message}}))


def unreadable(error: Refused | Crash, args: ServerArgs) -> Reply:
    """What FastAPI says of a body of other types."""
    if args.release.since("0.4.9.post6"):
        return flat(400, BAD, str(error))
    said = [{"type": "value_error", "loc": ["body"], "msg": str(error), "input": None}]
    return Reply(422, (JSON,), json.dumps({"detail": said}, separators=(",", ":")).encode())
