"""An API without sockets, for tests of what it answers."""

import json
from typing import Any

from seatrial.engine import events
from seatrial.engine.http.messages import Reply, Request
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai.app import Api
from seatrial.engine.openai.plan import Plan
from seatrial.engine.release import Release
from seatrial.engine.state import Phase, State

RELEASES = ("0.4.3.post2", "0.5.9", "0.5.23")
JSON = {b"content-type": b"application/json"}
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


class Served:
    """Asks an API as a client would."""

    def __init__(self, version: str, environment: dict[str, str] | None = None, natural: int = 8, **args: Any) -> None:
        self.state = State(phase=Phase.UP)
        self.aborted: list[tuple[str, bool]] = []
        given: dict[str, Any] = {"model_path": "deepseek-ai/DeepSeek-R1", "served_model_name": "R1", **args}
        if version != "0.4.3.post2":
            given = {"reasoning_parser": "deepseek-r1", "tool_call_parser": "deepseekv3", **given}
        self.api = Api(
            ServerArgs.of(Release(version), given),
            self.state,
            natural=lambda _: natural,
            reasoning_share=0.5,
            seed=0,
            environment=environment or {},
            metrics=lambda: b"# HELP\n",
            abort=lambda rid, every: self.aborted.append((rid, every)),
        )

    def ask(
        self, method: str, path: str, body: object = b"", headers: dict[bytes, bytes] | None = None
    ) -> Reply | Plan:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        path, _, query = path.partition("?")
        return self.api.handle(Request(method, path, query, headers if headers is not None else JSON, raw, 0))

    def reply(self, method: str, path: str, body: object = b"", headers: dict[bytes, bytes] | None = None) -> Reply:
        found = self.ask(method, path, body, headers)
        assert isinstance(found, Reply), found
        return found

    def whole(self, path: str, **body: Any) -> Any:
        """The body of an answer that does not stream."""
        plan = self.ask("POST", path, body)
        assert isinstance(plan, Plan), plan
        return json.loads(events.whole(plan).payload)

    def raw(self, path: str, **body: Any) -> list[bytes]:
        """The events of a stream, as they are written."""
        plan = self.ask("POST", path, {**body, "stream": True})
        if isinstance(plan, Reply):
            assert plan.status == 200, plan
            return [event + b"\n\n" for event in plan.body.split(b"\n\n")[:-1]]
        return [event.payload for event in events.stream(plan, 1)]

    def stream(self, path: str, **body: Any) -> list[Any]:
        """The events of a stream, read; the last is `[DONE]`."""
        found = self.raw(path, **body)
        assert all(
            event.startswith(b"data: ") and event.endswith(b"\n\n") and event.count(b"\n") == 2 for event in found
        )
        assert found[-1] == b"data: [DONE]\n\n"
        return [json.loads(event[6:]) for event in found[:-1]]
