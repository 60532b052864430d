"""What is done with each request of the API: answered at once, later, or as a generation."""

import time
from collections.abc import Callable
from typing import Protocol

from seatrial.engine import events
from seatrial.engine.generation import Generation, Schedule
from seatrial.engine.http.connection import Answering, Connection
from seatrial.engine.http.messages import Reply, Request, head
from seatrial.engine.openai.plan import Plan
from seatrial.engine.pacer import Pacer
from seatrial.engine.state import State
from seatrial.engine.truth import Record, Truth

_STREAM = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"transfer-encoding", b"chunked"),
)


class Api(Protocol):
    """What the paths of the release answer."""

    def handle(self, request: Request) -> Reply | Plan: ...


class Admission(Protocol):
    """Says when a request's tokens are there; it is told when a request has ended."""

    def admit(self, plan: Plan, request: Request) -> "Schedule | Reply": ...

    def ended(self, generation: Generation) -> None: ...


class Serving:
    """Takes requests from connections and sees to their answers."""

    def __init__(
        self, api: Api, admission: Admission, pacer: Pacer, truth: Truth, state: State, tokens_per_event: int
    ) -> None:
        self._api, self._admission, self._pacer = api, admission, pacer
        self._truth, self._state, self._per_event = truth, state, tokens_per_event

    def handle(self, connection: Connection, request: Request) -> Answering | None:
        """Begin to answer. Returns what is to hear of the connection's end."""
        if request.path == "/truth" or request.path.startswith("/truth/"):
            return self._tell_truth(connection, request)
        found = self._api.handle(request)
        return (
            self._reply(connection, request, found)
            if isinstance(found, Reply)
            else self._plan(connection, request, found)
        )

    # Answers that are known.

    def _reply(self, connection: Connection, request: Request, reply: Reply) -> Answering | None:
        if not reply.delay_ns:
            _write(connection, request, reply)
            return None
        later = _Later(connection, request, reply)
        self._pacer.at(request.received_ns + reply.delay_ns, later)
        return later

    # Generations.

    def _plan(self, connection: Connection, request: Request, plan: Plan) -> Answering | None:
        schedule = self._admission.admit(plan, request)
        if isinstance(schedule, Reply):
            return self._reply(connection, request, schedule)
        record = Record(plan.rid, request.path, request.received_ns, plan.stream, plan.prompt_tokens)
        record.asked_tokens = max((answer.length for answer in plan.answers), default=0)
        self._truth.begin(record)
        self._state.running += 1
        if plan.stream:
            chunked = request.version != "1.0"
            opening = head(200, _STREAM if chunked else _STREAM[:1])
            source = events.stream(plan, self._per_event)
        else:
            chunked = False
            event = events.whole(plan)
            length = str(len(event.payload)).encode()
            opening = head(200, ((b"content-length", length), (b"content-type", plan.content_type)))
            source = iter((event,))
        generation = Generation(connection, source, schedule, record, self._pacer, opening, chunked, self._ended)
        generation.start()
        return generation

    def _ended(self, generation: Generation, outcome: str) -> None:
        generation.record.end(outcome or "complete", time.monotonic_ns())
        self._truth.ended(generation.record)
        self._state.running -= 1
        self._state.served += 1
        self._admission.ended(generation)

    # The truth.

    def _tell_truth(self, connection: Connection, request: Request) -> Answering | None:
        import json

        if request.method == "DELETE" or (request.method == "POST" and request.path == "/truth/reset"):
            body = json.dumps({"forgotten": self._truth.reset()}).encode()
        elif request.path == "/truth/summary":
            body = json.dumps(self._truth.summary()).encode()
        elif request.path == "/truth" and request.method == "GET":
            download = _Download(connection, request, self._truth, self._pacer)
            download.start()
            return download
        else:
            body = b'{"detail":"Not Found"}'
        _write(connection, request, Reply(200, ((b"content-type", b"application/json"),), body))
        return None


def _write(connection: Connection, request: Request, reply: Reply) -> None:
    """Send a whole answer, without its body when only the head was asked for."""
    headers = reply.headers
    if reply.status not in (204, 304):
        headers = ((b"content-length", str(len(reply.body)).encode()), *headers)
    if not request.keep_alive:
        headers = (*headers, (b"connection", b"close"))
    connection.write(head(reply.status, headers) + (b"" if request.method == "HEAD" else reply.body))
    connection.done()


class _Later:
    """An answer that takes its time, such as a health check."""

    def __init__(self, connection: Connection, request: Request, reply: Reply) -> None:
        self._connection, self._request, self._reply = connection, request, reply
        self._gone = False

    def due(self, _due_ns: int, /) -> int | None:
        if not self._gone:
            _write(self._connection, self._request, self._reply)
        return None

    def writable(self) -> None: ...

    def disconnected(self) -> None:
        self._gone = True


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


Handle = Callable[[Connection, Request], Answering | None]
