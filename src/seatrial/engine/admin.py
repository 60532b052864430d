"""The engine's own paths, which no SGLang has: `/truth` tells what was sent, `/misbehave` switches what goes wrong."""

import json
import time
from collections.abc import Callable, Sequence

from seatrial.engine.http.connection import Answering, Connection
from seatrial.engine.http.messages import Reply, Request, head
from seatrial.engine.http.replies import write
from seatrial.engine.misbehaviour.spec import InvalidSpec, Spec, parse
from seatrial.engine.misbehaviour.switchboard import Switchboard
from seatrial.engine.pacer import Pacer
from seatrial.engine.truth import Truth

_JSON = ((b"content-type", b"application/json"),)


class Admin:
    """Answers the engine's own paths; they need no key, since nothing of the API is behind them."""

    def __init__(
        self, truth: Truth, switchboard: Switchboard, pacer: Pacer, befall: Callable[[Sequence[Spec]], None]
    ) -> None:
        """`befall` is told of misbehaviours of the process."""
        self._truth, self._switchboard, self._pacer, self._befall = truth, switchboard, pacer, befall

    def owns(self, path: str) -> bool:
        return path in ("/truth", "/truth/summary", "/truth/reset", "/misbehave")

    def handle(self, connection: Connection, request: Request) -> Answering | None:
        answers = {
            ("GET", "/truth/summary"): lambda _: self._truth.summary(),
            ("DELETE", "/truth"): lambda _: {"forgotten": self._truth.reset()},
            ("POST", "/truth/reset"): lambda _: {"forgotten": self._truth.reset()},
            ("GET", "/misbehave"): lambda _: {"misbehave": self._switchboard.written},
            ("PUT", "/misbehave"): self._switch,
            ("POST", "/misbehave"): self._switch,
            ("DELETE", "/misbehave"): self._switch,
        }
        if (request.method, request.path) == ("GET", "/truth"):
            download = _Download(connection, request, self._truth, self._pacer)
            download.start()
            return download
        answer = answers.get((request.method, request.path))
        try:
            status, said = (200, answer(request)) if answer else (405, {"detail": "Method Not Allowed"})
        except InvalidSpec as error:
            status, said = 400, {"detail": str(error)}
        write(connection, request, Reply(status, _JSON, json.dumps(said).encode()))
        return None

    def _switch(self, request: Request) -> dict[str, object]:
        """The body is what a flag would say: ``stall=1s@50; status=503/4``; an empty one switches everything off."""
        specs = parse(request.body.decode("utf-8", "replace")) if request.method != "DELETE" else ()
        self._switchboard.switch(specs)
        self._befall(specs)
        return {"misbehave": self._switchboard.written}


class _Download:
    """The log, line by line between the events of streams, and no faster than the client reads."""

    def __init__(self, connection: Connection, request: Request, truth: Truth, pacer: Pacer) -> None:
        self._connection, self._pacer, self._lines = connection, pacer, truth.lines()
        self._chunked = request.version != "1.0"
        self._gone = False

    def start(self) -> None:
        headers = ((b"content-type", b"application/jsonl"), (b"transfer-encoding", b"chunked"))
        self._connection.write(head(200, headers if self._chunked else headers[:1]))
        self._go_on()

    def _go_on(self) -> None:
        self._pacer.at(time.monotonic_ns(), self)

    def due(self, _due_ns: int, /) -> int | None:
        if self._gone or self._connection.blocked:
            return None
        line = next(self._lines, None)
        if line is None:
            self._connection.write(b"0\r\n\r\n" if self._chunked else b"")
            self._connection.done()
            return None
        self._connection.write(b"%x\r\n%b\r\n" % (len(line), line) if self._chunked else line)
        return time.monotonic_ns()

    def writable(self) -> None:
        self._go_on()

    def disconnected(self) -> None:
        self._gone = True
