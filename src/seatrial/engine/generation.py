"""A completion on its way to the client: each event at its time, and a note of when it really left."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from seatrial.engine.events import Event, Run
from seatrial.engine.http.connection import Connection
from seatrial.engine.http.messages import LAST_CHUNK
from seatrial.engine.pacer import Pacer
from seatrial.engine.truth import Record

_MOST_AT_ONCE = 64
"""Events in one write."""


Told = tuple[Sequence[int], int]
"""Due times of events of one kind, and what they are (`truth.what`)."""


class Schedule(Protocol):
    """When the tokens of one request are there."""

    def due_ns(self, token: int) -> int | None:
        """The absolute time of a token, counted from 0; None while a batch has not come to it."""
        ...

    def due_by(self, token: int, now_ns: int, most: int) -> Sequence[int]:
        """The times of a token and of those behind it, as far as they are due, so many at most."""
        ...


class Generation:
    """Sends the events of one request. Both a thing that the pacer calls and what answers a connection."""

    __slots__ = (
        "_at",
        "_chunked",
        "_connection",
        "_ended",
        "_event",
        "_events",
        "_head",
        "_pacer",
        "_parked",
        "_payloads",
        "_schedule",
        "_unsent",
        "record",
    )

    def __init__(
        self,
        connection: Connection,
        events: Iterator[Event | Run],
        schedule: Schedule,
        record: Record,
        pacer: Pacer,
        head: bytes,
        chunked: bool,
        ended: Callable[["Generation", str], None],
    ) -> None:
        """`head` is sent with the first event; `ended` is called once, with the outcome."""
        self._connection, self._events, self._schedule = connection, events, schedule
        self.record, self._pacer, self._head, self._chunked = record, pacer, head, chunked
        self._ended: Callable[[Generation, str], None] | None = ended
        self._parked = False
        self._payloads: list[bytes] = []
        self._at = 0
        """The place of the next event in a run, whose bytes are ready."""
        self._event = self._next()
        self._unsent: list[Told] = []

    @property
    def first_due_ns(self) -> int | None:
        """When the first token was there; None where it never came."""
        return self._schedule.due_ns(0)

    def start(self) -> None:
        """Begin: wait for the first event's time."""
        event = self._event
        if event is None:
            self._finish()
            return
        self._wait(event)

    def tokens_by(self, now_ns: int) -> int:
        """Tokens that are there by a time."""
        token = 0
        while token < (self.record.asked_tokens or 0):
            due = self._schedule.due_ns(token)
            if due is None or due > now_ns:
                break
            token += 1
        return token

    def go_on(self, events: Iterator[Event | Run], head: bytes) -> None:
        """End with other events instead; `head` only if none was sent."""
        self._events = events
        self._event = self._next()
        self._head = self._head and head
        self._parked = False
        if self._event is not None:
            self._wait(self._event)

    def _next(self) -> Event | Run | None:
        """The next event, or the next run of events, of which the first is next."""
        item = next(self._events, None)
        if type(item) is Run:
            self._payloads, self._at = item.payloads(self._chunked), 0
        return item

    def _wait(self, event: Event | Run) -> None:
        due = self._due_of(event)
        if due is None:
            self._parked = True
        else:
            self._pacer.at(due, self)

    def _due_of(self, event: Event | Run) -> int | None:
        if type(event) is Run:
            return self._schedule.due_ns(event.token + self._at)
        if event.token < 0:
            return self.record.received_ns + event.after_ns
        due = self._schedule.due_ns(event.token)
        return None if due is None else due + event.after_ns

    def due(self, due_ns: int, /) -> int | None:
        """Send the event that is due, and with it what else is by then. Returns when the next one is."""
        event, connection = self._event, self._connection
        if self._ended is None or event is None:
            return None
        if connection.blocked:
            self._parked = True  # until the client has read what was sent before
            return None
        if type(event) is Run:
            data, ending = self._payloads[self._at], ""
        else:
            data, ending = self._framed(event), event.ending
        if self._head:
            data, self._head = self._head + data, b""
        if ending:
            self._send_last(data, due_ns, event.code, ending)
            return None
        following = self._advance(event)
        if following is None or following > time.monotonic_ns():
            self._send(data, ((due_ns,), event.code))
        else:
            following = self._catch_up(data, ((due_ns,), event.code), following)
        return None if self._ended is None else following

    def _send(self, data: bytes, *told: Told) -> bool:
        """Write events, and the end of the body behind the last one. Returns whether they left."""
        if self._event is None and self._chunked:
            data += LAST_CHUNK
            self._chunked = False
        sent = self._connection.write(data)
        if self._ended is None:
            return False  # the write has found the client gone
        if not sent:
            self._unsent += told
            return False
        now = time.monotonic_ns()
        for dues, code in told:
            self.record.add_all(dues, now, code)
        if self._event is None:
            self._finish()
        return True

    def _send_last(self, data: bytes, due_ns: int, code: int, ending: str) -> None:
        """Send an event that nothing follows but an end that is none."""
        if self._connection.write(data):
            self.record.add(due_ns, time.monotonic_ns(), code)
        if self._ended is not None:
            self._break_off(ending)

    def _framed(self, event: Event) -> bytes:
        payload = event.payload
        return b"%x\r\n%b\r\n" % (len(payload), payload) if self._chunked and payload else payload

    def _advance(self, event: Event | Run) -> int | None:
        """Go to the event behind this one. Returns when it is due; None, and it is parked, if that is not known."""
        if type(event) is Run:
            at = self._at = self._at + 1
            if at < len(self._payloads):
                following = self._schedule.due_ns(event.token + at)
                self._parked = following is None
                return following
        found = self._event = self._next()
        if found is None:
            return None
        following = self._due_of(found)
        self._parked = following is None
        return following

    def _catch_up(self, first: bytes, first_told: Told, following: int) -> int | None:
        """Send all that is due by now in one write, as an engine does whose backlog has grown. Returns what is next."""
        now = time.monotonic_ns()
        parts, told = [first], [first_told]
        event, next_due = self._event, following
        while event is not None and next_due <= now and len(parts) < _MOST_AT_ONCE:
            if type(event) is Run:
                at = self._at
                dues = self._schedule.due_by(event.token + at, now, min(len(self._payloads) - at, _MOST_AT_ONCE))
                self._at = at + len(dues) - 1
                parts += self._payloads[at : self._at + 1]
                told.append((dues, event.code))
            elif event.ending:
                break
            else:
                parts.append(self._framed(event))
                told.append(((next_due,), event.code))
            due = self._advance(event)
            event = self._event
            if due is None:
                break
            next_due = due
        self._send(b"".join(parts), *told)
        return None if self._event is None or self._parked else next_due

    def more(self) -> None:
        """Go on: the batch has come further, or the client reads again."""
        if not self._parked or self._connection.blocked or self._event is None:
            return
        self._parked = False
        self._wait(self._event)

    def came(self) -> None:
        """Send what a step of the batch has brought, without the way over the pacer's heap."""
        event = self._event
        if not self._parked or self._connection.blocked or event is None:
            return
        due = self._due_of(event)
        if due is None:
            return
        self._parked = False
        following = self.due(due) if due <= time.monotonic_ns() else due
        if following is not None:
            self._pacer.at(following, self)

    def writable(self) -> None:
        """The client has read what was kept for it."""
        now = time.monotonic_ns()
        if self._unsent:
            for dues, code in self._unsent:
                self.record.add_all(dues, now, code)
            self._unsent.clear()
            if self._event is None:
                self._finish()
                return
        self.more()

    def _break_off(self, ending: str) -> None:
        """End as a process or a network that fails would."""
        connection = self._connection
        if ending == "silence":
            self._event, self._events = None, iter(())
            return  # the client waits until it gives up
        self._end(ending)
        if ending == "reset":
            connection.reset()
        else:
            connection.close()

    def disconnected(self) -> None:
        self._end("disconnected")

    def _finish(self) -> None:
        connection = self._connection
        self._end("")
        if self._head:
            connection.write(self._head)
        if self._chunked:
            connection.write(LAST_CHUNK)
        connection.done()

    def _end(self, outcome: str) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self, outcome)
