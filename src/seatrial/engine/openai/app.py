"""What the paths of a release answer."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from seatrial.engine.answers import known, tokens
from seatrial.engine.answers.composed import Composed, Wanted
from seatrial.engine.answers.words import seed_of
from seatrial.engine.http.messages import Reply, Request
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai import health, information
from seatrial.engine.openai.auth import allowed
from seatrial.engine.openai.encoding import ChatEncoding, TextEncoding
from seatrial.engine.openai.errors import JSON, Refused, compact, crash, detail, flat, unauthorized
from seatrial.engine.openai.plan import Plan
from seatrial.engine.openai.requests import Body, Crash, arguments_for, prompt_tokens, read, text_of
from seatrial.engine.state import State

Answers = Reply | Plan
_EMPTY = (b"content-type", b"text/plain; charset=utf-8")


class Api:
    """The API of one engine. `natural` draws the tokens of an answer that nothing limits, from a seed."""

    def __init__(
        self,
        args: ServerArgs,
        state: State,
        *,
        natural: Callable[[int], int],
        reasoning_share: float,
        seed: int,
        environment: Mapping[str, str],
        metrics: Callable[[], bytes] | None = None,
    ) -> None:
        self._args, self._state = args, state
        self._natural, self._share, self._seed, self._environment = natural, reasoning_share, seed, environment
        self.wall_offset_s = 0.0
        self._routes = self._of_release(metrics)

    def _of_release(self, metrics: Callable[[], bytes] | None) -> dict[str, dict[str, Callable[[Request], Answers]]]:
        """Path → method → what answers it (sglang-server facts 3.1)."""
        args, state, since = self._args, self._state, self._args.release.since
        get: dict[str, Callable[[Request], Answers]] = {
            "/health": lambda _: health.health(args, state, self._environment),
            "/health_generate": lambda _: health.health_generate(args, state),
            "/get_model_info": lambda _: information.model_info(args),
            "/get_server_info": lambda _: information.server_info(args, state),
            "/v1/models": lambda _: information.models(args, self._now),
        }
        post: dict[str, Callable[[Request], Answers]] = {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._text,
            "/flush_cache": lambda _: information.flushed(),
        }
        if since("0.4.6"):
            get["/ping"] = lambda _: health.ping(args, state)
            get["/flush_cache"] = post["/flush_cache"]
        if since("0.4.9.post6"):
            post["/abort_request"] = lambda _: Reply(200)
        if since("0.5.7"):
            get["/model_info"], get["/server_info"] = get["/get_model_info"], get["/get_server_info"]
            word = "SGLang" if since("0.5.23") else "Ollama"
            get["/"] = lambda _: Reply(200, (JSON,), compact(f"{word} is running"))
        if since("0.5.8.post1"):
            get["/v1/loads"] = lambda _: information.loads(state)
        if since("0.5.20"):
            get["/ready"] = lambda _: health.ready(state)
        if metrics is not None and args.on("enable_metrics"):
            text = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
            get["/metrics"] = lambda _: Reply(200, (text,), metrics())
        routes: dict[str, dict[str, Callable[[Request], Answers]]] = {}
        for method, paths in (("GET", get), ("POST", post)):
            for path, answer in paths.items():
                routes.setdefault(path, {})[method] = answer
        return routes

    @property
    def _now(self) -> int:
        return int(time.time() + self.wall_offset_s)

    def handle(self, request: Request) -> Answers:
        """The answer to a request, or what has to be generated for it."""
        answer = self._answer(request)
        if isinstance(answer, Reply) and b"origin" in request.headers:
            cors = ((b"access-control-allow-origin", b"*"), (b"access-control-allow-credentials", b"true"))
            return answer._replace(headers=(*answer.headers, *cors))
        return answer

    def _answer(self, request: Request) -> Answers:
        if not allowed(request, self._args):
            return unauthorized()
        methods = self._routes.get(request.path)
        if methods is None:
            return self._unrouted(request)
        handler = methods.get("GET" if request.method == "HEAD" and request.path == "/" else request.method)
        if handler is None:
            return detail(405, "Method Not Allowed", (b"allow", ", ".join(methods).encode()))
        try:
            return handler(request)
        except Refused as refused:
            return flat(refused.status, refused.kind, refused.message)
        except Crash:
            return crash()

    def _unrouted(self, request: Request) -> Reply:
        path = request.path
        if path.endswith("/") and path.rstrip("/") in self._routes:
            query = f"?{request.query}" if request.query else ""
            host = request.headers.get(b"host", b"").decode("latin-1")
            return Reply(307, ((b"location", f"http://{host}{path.rstrip('/')}{query}".encode("latin-1", "replace")),))
        if path.startswith("/v1/models/") and self._args.release.since("0.4.9.post6"):
            return information.model(self._args, path.removeprefix("/v1/models/"), self._now)
        return detail(404, "Not Found")

    # Completions.

    def _chat(self, request: Request) -> Answers:
        body = Body(read(request, self._args), self._args)
        model, messages = self._served(body), body.messages
        body.check_sampling()
        asked = prompt_tokens(messages)
        try:
            limit = body.limit(asked, chat=True)
        except Refused as refused:
            return self._late(refused, body, model)
        tool = body.tool
        last = next((text_of(one) for one in reversed(messages) if one.get("role") == "user"), "")
        wanted = self._wanted(body, limit, known.answer(last), "chat", messages)
        if tool is not None:
            wanted = [_calling(one, tool) for one in wanted]
        named = dict.fromkeys(range(len(wanted)), tool[0]) if tool else {}
        encoder = ChatEncoding(self._args.release, self._rid(body), model, tools=named, **self._manner)
        return self._planned(body, asked, wanted, encoder, repr(messages))

    def _text(self, request: Request) -> Answers:
        body = Body(read(request, self._args), self._args)
        model, prompt = self._served(body), body.prompt
        body.check_sampling()
        asked = tokens.count(prompt)
        try:
            limit = body.limit(asked, chat=False)
        except Refused as refused:
            return self._late(refused, body, model)
        wanted = self._wanted(body, limit, known.answer(prompt), "text", prompt)
        encoder = TextEncoding(self._args.release, self._rid(body), model, **self._manner)
        return self._planned(body, asked, wanted, encoder, prompt)

    def _served(self, body: Body) -> str:
        """The model's name as it is echoed. Raises Refused where it names an adapter (facts 0.7)."""
        name = body.model
        base, colon, adapter = name.partition(":")
        if colon and adapter and self._args.release.since("0.5.0"):
            message = f"LoRA adapter '{adapter}' of {base} was requested, but LoRA is not enabled."
            raise Refused(400, "BadRequestError", f"{message} Please launch the server with --enable-lora.")
        return name

    def _late(self, refused: Refused, body: Body, model: str) -> Answers:
        """Up to 0.5.9 a stream that does not fit is told so inside the stream, after the 200 (facts 0.6)."""
        if not body.stream or self._args.release.since("0.5.10.post1"):
            raise refused
        encoder = ChatEncoding(self._args.release, self._rid(body), model, **self._manner)
        said = encoder.error(refused.status, refused.kind, refused.message) + encoder.done()
        return Reply(200, ((b"content-type", b"text/event-stream; charset=utf-8"),), said)

    @property
    def _manner(self) -> dict[str, Any]:
        return {"cache_report": self._args.on("enable_cache_report"), "wall_offset_s": self.wall_offset_s}

    def _rid(self, body: Body) -> str:
        own = body.get("rid", str) if self._args.release.since("0.5.0") else None
        return own or uuid.uuid4().hex

    def _wanted(self, body: Body, limit: int, said: str | None, api: str, asked: object) -> list[Wanted]:
        parser = self._args.reasoning_parser is not None and api == "chat"
        seed = seed_of(self._seed, api, asked, body.get("seed", int, 0), body.number("temperature", 1.0))
        found = []
        for index in range(body.choices):
            own = seed ^ (index * 0x9E3779B97F4A7C15)
            found.append(
                Wanted(
                    seed=own,
                    natural=max(self._natural(own), 2),
                    limit=limit,
                    reasoning_share=self._share,
                    said=said,
                    separate=parser and bool(body.get("separate_reasoning", bool, True)),
                    reasons=api == "chat",
                    ignore_end=bool(body.get("ignore_eos", bool, False)),
                    stops=body.stops,
                )
            )
        return found

    def _planned(self, body: Body, asked: int, wanted: list[Wanted], encoder: Any, prefix: str) -> Plan:
        include, continuous = body.usage_options
        return Plan(
            rid=encoder.rid,
            stream=body.stream,
            prompt_tokens=asked,
            answers=tuple(Composed(one) for one in wanted),
            encoder=encoder,
            include_usage=include,
            continuous_usage=continuous,
            prefix=prefix.encode("utf-8", "replace"),
        )


def _calling(wanted: Wanted, tool: tuple[str, dict[str, Any]]) -> Wanted:
    from dataclasses import replace

    return replace(wanted, tool=(tool[0], arguments_for(tool[1])))
