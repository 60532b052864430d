"""What the paths of a release answer (sglang-server facts 3.1)."""

import time
from collections.abc import Callable, Mapping

from seatrial.engine.http.messages import Reply, Request
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai import cors, health, information
from seatrial.engine.openai.auth import allowed
from seatrial.engine.openai.completions import Completions
from seatrial.engine.openai.errors import Refused, crash, detail, flat, unauthorized
from seatrial.engine.openai.plan import Plan
from seatrial.engine.openai.requests import Crash, read
from seatrial.engine.state import State

Answers = Reply | Plan
Handler = Callable[[Request], Answers]
Abort = Callable[[str, bool], None]


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
        abort: Abort | None = None,
    ) -> None:
        """`abort` ends the request of an id, or all of them."""
        self._args, self._state, self._environment = args, state, environment
        self._completions = Completions(args, natural, reasoning_share, seed)
        self._metrics, self._abort = metrics, abort
        self._wall_offset_s = 0.0
        self._routes = self._of_release()

    @property
    def wall_offset_s(self) -> float:
        """How far the wall clock that clients are told is from the real one."""
        return self._wall_offset_s

    @wall_offset_s.setter
    def wall_offset_s(self, seconds: float) -> None:
        self._wall_offset_s = self._completions.wall_offset_s = seconds

    def _of_release(self) -> dict[str, dict[str, Handler]]:
        """Path → method → what answers it."""
        since = self._args.release.since
        routes: dict[str, dict[str, Handler]] = {}
        for first, methods, paths, answer in self._table():
            if since(first):
                for path in paths.split():
                    routes.setdefault(path, {}).update(dict.fromkeys(methods.split(), answer))
        return routes

    def _table(self) -> tuple[tuple[str, str, str, Handler], ...]:
        """First release, methods, paths, answer."""
        args, state = self._args, self._state
        always, completions = "0", self._completions
        return (
            (always, "GET", "/health", lambda _: health.health(args, state, self._environment)),
            (always, "GET", "/health_generate", lambda _: health.health_generate(args, state, self._environment)),
            (always, "GET", "/get_model_info", lambda _: information.model_info(args)),
            ("0.5.7", "GET", "/model_info", lambda _: information.model_info(args)),
            (always, "GET", "/get_server_info", lambda _: information.server_info(args, state)),
            ("0.5.7", "GET", "/server_info", lambda _: information.server_info(args, state)),
            (always, "GET", "/v1/models", lambda _: information.models(args, self._now)),
            (always, "POST", "/v1/chat/completions", completions.chat),
            (always, "POST", "/v1/completions", completions.text),
            (always, "POST PUT", "/generate", completions.native),
            (always, "POST", "/flush_cache", lambda _: information.flushed(args, state)),
            ("0.4.6", "GET", "/flush_cache", lambda _: information.flushed(args, state)),
            ("0.4.6", "GET", "/ping", lambda _: health.ping(args, state)),
            ("0.4.9.post6", "POST", "/abort_request", self._aborted),
            ("0.5.7", "GET HEAD", "/", lambda _: information.root(args)),
            ("0.5.8.post1", "GET", "/v1/loads", lambda _: information.loads(args, state)),
            ("0.5.20", "GET", "/ready", lambda _: health.ready(state)),
            (always, "GET", "/openapi.json", lambda _: information.openapi(args, self._routes, self._environment)),
            (always, "GET", "/docs", lambda _: information.docs(args, self._environment)),
        )

    @property
    def _now(self) -> int:
        return int(time.time() + self._wall_offset_s)

    def handle(self, request: Request) -> Answers:
        """The answer to a request, or what has to be generated for it."""
        preflight = cors.preflight(request)
        if preflight is not None:
            return preflight
        answer = self._answer(request)
        return (
            answer._replace(headers=(*answer.headers, *cors.headers(request))) if isinstance(answer, Reply) else answer
        )

    def _answer(self, request: Request) -> Answers:
        if not allowed(request, self._args):
            return unauthorized()
        methods = self._routes.get(request.path)
        if methods is None:
            return self._unrouted(request)
        handler = methods.get(request.method)
        if handler is None:
            return detail(405, "Method Not Allowed", (b"allow", ", ".join(methods).encode()))
        try:
            return handler(request)
        except Refused as refused:
            return flat(refused.status, refused.kind, refused.message)
        except Crash:
            return crash()

    def _unrouted(self, request: Request) -> Reply:
        path, bare = request.path, request.path.rstrip("/")
        if path == "/metrics" or path.startswith("/metrics/"):
            return self._measured(request)
        if path != bare and bare in self._routes:
            return _redirect(request, bare)
        if path.startswith("/v1/models/") and self._args.release.since("0.4.9.post6"):
            if request.method != "GET":
                return detail(405, "Method Not Allowed", (b"allow", b"GET"))
            return information.model(self._args, path.removeprefix("/v1/models/"), self._now)
        return detail(404, "Not Found")

    def _measured(self, request: Request) -> Reply:
        """A mounted application: it has the path and all below it, and looks at no method."""
        if self._metrics is None or not self._args.on("enable_metrics"):
            return detail(404, "Not Found")
        if request.path == "/metrics" and not self._args.release.since("0.4.6"):
            return _redirect(request, "/metrics/")
        return Reply(200, ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),), self._metrics())

    def _aborted(self, request: Request) -> Reply:
        """Raises Refused, Crash."""
        body = read(request, self._args)
        rid, every = body.get("rid") or "", body.get("abort_all") is True
        if self._abort is not None and (every or (isinstance(rid, str) and rid)):
            self._abort(str(rid), every)
        return Reply(200)


def _redirect(request: Request, path: str) -> Reply:
    query = f"?{request.query}" if request.query else ""
    host = request.headers.get(b"host", b"").decode("latin-1")
    return Reply(307, ((b"location", f"http://{host}{_quoted(path)}{query}".encode("latin-1", "replace")),))


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)
