"""A completion on its way to the client: each event at its time, and a note of when it really left."""

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from seatrial.engine.events import Event
from seatrial.engine.http.connection import Connection
from seatrial.engine.http.messages import LAST_CHUNK
from seatrial.engine.pacer import Pacer
from seatrial.engine.truth import Record


class Schedule(Protocol):
    """When the tokens of one request are there."""

    def due_ns(self, token: int) -> int | None:
        """The absolute time of a token, counted from 0; None while a batch has not come to it."""
        ...


class Generation:
    """Sends the events of one request. Both a thing that the pacer calls and what answers a connection."""

    __slots__ = (
        "_chunked",
        "_connection",
        "_ended",
        "_event",
        "_events",
        "_head",
        "_pacer",
        "_parked",
        "_schedule",
        "_unsent",
        "record",
    )

    def __init__(
        self,
        connection: Connection,
        events: Iterator[Event],
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
        self._event = next(events, None)
        self._parked = False
        self._unsent: tuple[int, int] | None = None

    def start(self) -> None:
        """Begin: wait for the first event's time."""
        event = self._event
        if event is None:
            self._finish()
            return
        self._wait(event)

    def _wait(self, event: Event) -> None:
        due = self._due_of(event)
        if due is None:
            self._parked = True
        else:
            self._pacer.at(due, self)

    def _due_of(self, event: Event) -> int | None:
        if event.token < 0:
            return self.record.received_ns + event.after_ns
        due = self._schedule.due_ns(event.token)
        return None if due is None else due + event.after_ns

    def due(self, due_ns: int, /) -> int | None:
        """Send the event that is due. Returns when the next one is."""
        event, connection = self._event, self._connection
        if self._ended is None or event is None:
            return None
        if connection.blocked:
            self._parked = True  # until the client has read what was sent before
            return None
        payload = event.payload
        data = b"%x\r\n%b\r\n" % (len(payload), payload) if self._chunked and payload else payload
        if self._head:
            data, self._head = self._head + data, b""
        sent = connection.write(data)
        if self._ended is None:
            return None  # the write has found the client gone
        if sent:
            self.record.add(due_ns, time.monotonic_ns(), event.code)
        else:
            self._unsent = due_ns, event.code
        if event.ending:
            self._break_off(event.ending)
            return None
        event = self._event = next(self._events, None)
        if event is None:
            if sent:
                self._finish()
            return None
        following = self._due_of(event)
        if following is None:
            self._parked = True
        return following

    def more(self) -> None:
        """Go on: the batch has come further, or the client reads again."""
        if not self._parked or self._connection.blocked or self._event is None:
            return
        self._parked = False
        self._wait(self._event)

    def writable(self) -> None:
        """The client has read what was kept for it."""
        now = time.monotonic_ns()
        if self._unsent is not None:
            due, code = self._unsent
            self._unsent = None
            self.record.add(due, now, code)
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
