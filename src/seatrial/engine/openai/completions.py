"""From a request for a completion to the plan of its answer."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from seatrial.engine.answers import known
from seatrial.engine.answers.composed import Composed, Wanted
from seatrial.engine.answers.words import seed_of
from seatrial.engine.http.messages import Reply, Request
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai import native
from seatrial.engine.openai.encoding import STREAMED, ChatEncoding, TextEncoding
from seatrial.engine.openai.errors import Refused
from seatrial.engine.openai.native import Native, NativeEncoding
from seatrial.engine.openai.plan import Plan
from seatrial.engine.openai.requests import MOST_CHOICES, WRONG, Body, Chat, Crash, Prompt, Text, read

_GOLDEN = 0x9E3779B97F4A7C15


class Completions:
    """Plans answers. `natural` draws the tokens of an answer that nothing limits, from a seed."""

    def __init__(self, args: ServerArgs, natural: Callable[[int], int], reasoning_share: float, seed: int) -> None:
        self._args, self._natural, self._share, self._seed = args, natural, reasoning_share, seed
        self.wall_offset_s = 0.0

    def chat(self, request: Request) -> Reply | Plan:
        """POST /v1/chat/completions. Raises Refused, Crash."""
        body = Chat(read(request, self._args), self._args)
        body.check()
        model, count, call = body.model, body.choices, body.call
        tools = dict.fromkeys(range(count), call[0]) if call else {}
        encoder = ChatEncoding(self._args.release, _rid(body), model, tools=tools, **self._manner)
        prompt = body.prompt_tokens
        try:
            limit = self._limit(body, prompt)
        except Refused as refused:
            return self._late(refused, body, encoder)
        parser = self._args.reasoning_parser is not None
        wanted = self._wanted(
            body,
            count,
            limit,
            key=repr(body.messages),
            said=body.answer,
            tool=call,
            reasons=True,
            separate=parser and bool(body.get("separate_reasoning", True)),
            stream_reasoning=bool(body.get("stream_reasoning", True)) or not body.stream,
        )
        return self._plan(body, prompt, wanted, encoder, repr(body.messages), encoder.last if encoder.joins else None)

    def text(self, request: Request) -> Reply | Plan:
        """POST /v1/completions. Raises Refused, Crash."""
        body = Text(read(request, self._args), self._args)
        body.check()
        encoder = TextEncoding(self._args.release, _rid(body), body.model, **self._manner)
        return self._texts(body, body.prompts, encoder)

    def native(self, request: Request) -> Reply | Plan:
        """POST /generate."""
        try:
            body = Native(read(request, self._args, any_type=True), self._args)
        except (Refused, Crash) as error:
            return native.unreadable(error, self._args)
        try:
            encoder = NativeEncoding(
                self._args.release,
                _rid(body),
                deltas=self._args.on("stream_output") or self._args.on("incremental_streaming_output"),
                batched=body.batched,
            )
            return self._texts(body, body.prompts, encoder)
        except Refused as refused:
            return native.refusal(refused)

    def _texts(self, body: Body, prompts: Sequence[Prompt], encoder: TextEncoding | NativeEncoding) -> Reply | Plan:
        """A plan with `n` choices for each prompt, in the order of the prompts."""
        if len(prompts) * body.choices > MOST_CHOICES:
            raise Refused(400, WRONG, f"at most {MOST_CHOICES} choices can be asked for at a time.")
        wanted: list[Wanted] = []
        try:
            for prompt in prompts:
                limit = self._limit(body, prompt.tokens)
                said = body.formatted(known.answer(prompt.text))
                wanted += self._wanted(body, body.choices, limit, key=prompt.key, said=said, reasons=False)
        except Refused as refused:
            return self._late(refused, body, encoder)
        asked = sum(prompt.tokens for prompt in prompts)
        return self._plan(body, asked, wanted, encoder, "".join(prompt.key for prompt in prompts), encoder.last)

    def _limit(self, body: Body, prompt_tokens: int) -> int:
        limit = body.limit(prompt_tokens)
        body.check_sampling()
        return limit

    def _late(self, refused: Refused, body: Body, encoder: ChatEncoding | TextEncoding | NativeEncoding) -> Reply:
        """Up to 0.5.9 a stream that does not fit is told so inside the stream, after the 200 (facts 0.6)."""
        if not body.stream or (self._args.release.since("0.5.10.post1") and not isinstance(encoder, NativeEncoding)):
            raise refused
        said = encoder.error(refused.status, refused.kind, refused.message) + encoder.done()
        return Reply(200, (STREAMED,), said)

    @property
    def _manner(self) -> dict[str, Any]:
        return {"cache_report": self._args.on("enable_cache_report"), "wall_offset_s": self.wall_offset_s}

    def _wanted(self, body: Body, count: int, limit: int, *, key: str, **more: Any) -> list[Wanted]:
        """What each of `n` choices has to be; with temperature 0 they are all the same."""
        greedy = body.get("temperature", 1.0) == 0
        seed = seed_of(self._seed, key, 0 if greedy else (body.get("seed", 0), body.get("temperature", 1.0)))
        return [self._one(body, limit, seed if greedy else seed ^ (index * _GOLDEN), more) for index in range(count)]

    def _one(self, body: Body, limit: int, seed: int, more: dict[str, Any]) -> Wanted:
        return Wanted(
            seed=seed,
            natural=max(self._natural(seed), 2),
            limit=limit,
            reasoning_share=self._share,
            ignore_end=bool(body.get("ignore_eos", False)),
            least=body.least,
            stops=body.stops,
            keeps_stop=bool(body.get("no_stop_trim", False)),
            **more,
        )

    def _plan(self, body: Body, asked: int, wanted: list[Wanted], encoder: Any, prefix: str, last: Any) -> Plan:
        include, continuous = body.usage_options
        return Plan(
            rid=encoder.rid,
            stream=body.stream,
            prompt_tokens=asked,
            answers=tuple(Composed(one) for one in wanted),
            encoder=encoder,
            include_usage=include and not isinstance(encoder, NativeEncoding),
            continuous_usage=continuous or isinstance(encoder, NativeEncoding),
            prefix=prefix.encode("utf-8", "replace"),
            limit=max((one.limit for one in wanted), default=0),
            last=last,
        )


def _rid(body: Body) -> str:
    return body.own_rid or uuid.uuid4().hex
