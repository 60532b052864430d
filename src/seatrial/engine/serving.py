"""What is done with each request of the API: answered at once, later, or as a generation."""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Protocol

from seatrial.engine import events
from seatrial.engine.answers.aborted import Aborted
from seatrial.engine.generation import Generation, Schedule
from seatrial.engine.http.connection import Answering, Connection
from seatrial.engine.http.messages import Reply, Request, head
from seatrial.engine.http.replies import Later, write
from seatrial.engine.metrics.sglang import Metrics
from seatrial.engine.misbehaviour import replies, streams
from seatrial.engine.misbehaviour.answers import changed
from seatrial.engine.misbehaviour.spec import InvalidSpec, Spec, written
from seatrial.engine.misbehaviour.switchboard import HEADER, Switchboard
from seatrial.engine.openai.plan import Plan
from seatrial.engine.pacer import Pacer
from seatrial.engine.state import State
from seatrial.engine.truth import Record, Truth, what

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

    def began(self, generation: Generation, schedule: Schedule) -> None: ...

    def ended(self, generation: Generation) -> None: ...


class Serving:
    """Takes requests from connections and sees to their answers."""

    def __init__(
        self,
        api: Api,
        admission: Admission,
        tokens: Pacer,
        replies: Pacer,
        truth: Truth,
        state: State,
        switchboard: Switchboard,
        tokens_per_event: int,
        early_head: bool,
        metrics: Metrics | None = None,
    ) -> None:
        """`early_head`: the status line leaves before the first token is there, as releases did."""
        self._api, self._admission, self._tokens, self._replies = api, admission, tokens, replies
        self._truth, self._state, self._switchboard = truth, state, switchboard
        self._per_event, self._early_head = tokens_per_event, early_head
        self._metrics = metrics
        self._running: dict[Generation, tuple[Request, Plan, tuple[Spec, ...]]] = {}

    def handle(self, connection: Connection, request: Request) -> Answering | None:
        """Begin to answer. Returns what is to hear of the connection's end."""
        found = self._api.handle(request)
        if isinstance(found, Reply):
            return self._reply(connection, request, found)
        try:
            specs = self._switchboard.befalling(request.headers.get(HEADER))
        except InvalidSpec as error:
            return self._reply(connection, request, replies.unreadable(str(error)))
        if specs and (refusal := replies.reply(specs, found.stream)) is not None:
            return self._reply(connection, request, refusal)
        return self._plan(connection, request, changed(found, specs) if specs else found, specs)

    # Answers that are known.

    def _reply(self, connection: Connection, request: Request, reply: Reply) -> Answering | None:
        if not reply.delay_ns:
            write(connection, request, reply)
            return None
        later = Later(connection, request, reply)
        self._replies.at(request.received_ns + reply.delay_ns, later)
        return later

    # Generations.

    def _plan(self, connection: Connection, request: Request, plan: Plan, specs: tuple[Spec, ...]) -> Answering | None:
        schedule = self._admission.admit(plan, request)
        if isinstance(schedule, Reply):
            return self._reply(connection, request, schedule)
        record = Record(plan.rid, request.path, request.received_ns, plan.stream, plan.prompt_tokens)
        record.asked_tokens = max((answer.length for answer in plan.answers), default=0)
        record.misbehaviour = "; ".join(map(written, specs))
        self._truth.begin(record)
        self._state.running += 1
        source, opening, chunked = self._stream(request, plan, specs) if plan.stream else self._whole(plan, specs)
        generation = Generation(connection, source, schedule, record, self._tokens, opening, chunked, self._ended)
        self._running[generation] = request, plan, specs
        self._admission.began(generation, schedule)
        generation.start()
        return generation

    def _stream(
        self, request: Request, plan: Plan, specs: tuple[Spec, ...]
    ) -> tuple[Iterator[events.Event | events.Run], bytes, bool]:
        chunked = request.version != "1.0"
        per_event = self._tokens_per_event(specs)
        head_first = [events.Event(events.AT_ONCE, b"", what("head"))] if self._early_head else []
        source: Iterator[events.Event | events.Run]
        if specs:
            stream = streams.Stream(_length(plan), plan.encoder, streaming=True)
            source = streams.apply(chain(head_first, events.stream(plan, per_event)), specs, stream)
        else:
            source = chain(head_first, events.runs(plan, per_event))
        headers = [*_STREAM] if chunked else [*_STREAM[:1]]
        return source, head(200, headers + _encoding(specs) + _closing(request)), chunked

    def _whole(self, plan: Plan, specs: tuple[Spec, ...]) -> tuple[Iterator[events.Event], bytes, bool]:
        event = events.whole(plan)
        stream = streams.Stream(event.token + 1, plan.encoder, streaming=False)
        cuts = tuple(spec for spec in specs if spec.name in streams.CUTS)
        changed = list(streams.apply(iter((event,)), tuple(spec for spec in specs if spec not in cuts), stream))
        length = str(sum(len(one.payload) for one in changed)).encode()
        headers = [(b"content-length", length), (b"content-type", plan.content_type)]
        return streams.apply(iter(changed), cuts, stream), head(200, headers + _encoding(specs)), False

    def hit(self, generation: Generation) -> None:
        """Write an answer anew that was written as a whole before it was known what the cache had of its prompt."""
        _, plan, specs = self._running[generation]
        if not plan.stream:
            generation.go_on(*self._whole(plan, specs)[:2])

    def abort(self, rid: str, every: bool) -> None:
        """Break off the completion of an id, or all of them (sglang-server facts 3.4)."""
        for generation, (request, plan, _) in list(self._running.items()):
            if every or plan.rid == rid:
                self._abort(generation, request, plan)

    def _abort(self, generation: Generation, request: Request, plan: Plan) -> None:
        now = time.monotonic_ns()
        there = generation.tokens_by(now)
        plan = replace(plan, answers=tuple(Aborted(answer, there) for answer in plan.answers))
        event = events.broken_off(plan) if plan.stream else events.whole(plan)
        opening = self._stream(request, plan, ())[1] if plan.stream else self._whole(plan, ())[1]
        generation.go_on(iter((event._replace(token=events.AT_ONCE, after_ns=now - request.received_ns),)), opening)

    def _tokens_per_event(self, specs: tuple[Spec, ...]) -> int:
        return next((spec.count for spec in specs if spec.name == "tokens-per-event"), self._per_event)

    def _ended(self, generation: Generation, outcome: str) -> None:
        generation.record.end(outcome or "complete", time.monotonic_ns())
        self._truth.ended(generation.record)
        self._running.pop(generation, None)
        self._state.running -= 1
        self._state.served += 1
        self._admission.ended(generation)
        if self._metrics is not None:
            self._metrics.finished(generation.record, generation.first_due_ns)


def _length(plan: Plan) -> int:
    return max((answer.length for answer in plan.answers), default=0)


def _encoding(specs: tuple[Spec, ...]) -> list[tuple[bytes, bytes]]:
    return [(b"content-encoding", b"gzip")] if any(spec.name == "gzip" for spec in specs) else []


def _closing(request: Request) -> list[tuple[bytes, bytes]]:
    return [] if request.keep_alive else [(b"connection", b"close")]
