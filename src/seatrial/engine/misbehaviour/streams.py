"""Streams that go wrong: each misbehaviour takes the events of an answer and gives others."""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from seatrial.engine.events import AT_ONCE, Event
from seatrial.engine.misbehaviour.spec import Spec
from seatrial.engine.openai.plan import Encoder
from seatrial.engine.truth import carries, what

CUTS = ("truncate", "reset", "silence")
"""What ends a body before its promised length."""
_MESSAGE = "the scheduler met an exception (on purpose)"
_FINISH_REASON = re.compile(rb'"finish_reason":\s*"[a-z_]+"')
_MODEL = re.compile(rb'("model":\s*)"(?:[^"\\]|\\.)*"')
_COMPLETION = re.compile(rb'("completion_tokens":\s*)(\d+)')
_USAGE = re.compile(rb',?\s*"usage":\s*\{(?:[^{}]|\{[^{}]*\})*\}')


@dataclass(frozen=True, slots=True)
class Stream:
    """What a misbehaviour knows of the answer that it befalls."""

    length: int
    """Tokens of it, as far as they are known."""
    encoder: Encoder
    streaming: bool


Events = Iterator[Event]
Change = Callable[[Events, Spec, Stream], Events]


def apply(events: Events, specs: tuple[Spec, ...], stream: Stream) -> Events:
    """The events as misbehaviours leave them, in the order in which they are written."""
    for spec in specs:
        change = _CHANGES.get(spec.name)
        if change is not None:
            events = change(events, spec, stream)
    return events


def _stall(events: Events, spec: Spec, stream: Stream) -> Events:
    at = spec.at.token(stream.length)
    for event in events:
        yield event._replace(after_ns=event.after_ns + spec.count) if event.token >= at else event


def _until(events: Events, spec: Spec, stream: Stream) -> Iterator[tuple[Event, bool]]:
    """The events before the place of a misbehaviour, and the first one after it, marked."""
    at = spec.at.token(stream.length)
    for event in events:
        if event.token >= at:
            yield event, True
            return
        yield event, False


def _error(events: Events, spec: Spec, stream: Stream) -> Events:
    for event, here in _until(events, spec, stream):
        if not here:
            yield event
            continue
        error = stream.encoder.error(500, "InternalServerError", _MESSAGE)
        yield Event(event.token, error, what("error"), event.after_ns)
        if spec.name == "error-event" and (end := stream.encoder.done()):
            yield Event(event.token, end, what("done"), event.after_ns)


def _cut(events: Events, spec: Spec, stream: Stream) -> Events:
    for event, here in _until(events, spec, stream):
        if not here:
            yield event
            continue
        half = event.payload[: len(event.payload) // 2] if spec.name == "truncate" else b""
        yield Event(event.token, half, what("error"), event.after_ns, spec.name)


def _silence(events: Events, spec: Spec, stream: Stream) -> Events:
    for event, here in _until(events, spec, stream):
        yield event if not here else Event(event.token, b"", what("error"), event.after_ns, "silence")


def _role_first(events: Events, _spec: Spec, _stream: Stream) -> Events:
    for event in events:
        yield event._replace(token=AT_ONCE) if carries(event.code, "role") else event


def _empty(events: Events, _spec: Spec, _stream: Stream) -> Events:
    for event in events:
        if not carries(event.code, "reasoning", "content", "tool"):
            yield event


def _without(*kinds: str) -> Change:
    def change(events: Events, _spec: Spec, _stream: Stream) -> Events:
        for event in events:
            if not carries(event.code, *kinds):
                yield event

    return change


def _rewritten(rewrite: Callable[[bytes, Spec], bytes]) -> Change:
    def change(events: Events, spec: Spec, _stream: Stream) -> Events:
        for event in events:
            yield event._replace(payload=rewrite(event.payload, spec))

    return change


def _no_finish(events: Events, _spec: Spec, _stream: Stream) -> Events:
    """Releases that say it in an event of its own lose the event, others the word."""
    for event in events:
        if not carries(event.code, "finish"):
            yield event._replace(payload=_FINISH_REASON.sub(b'"finish_reason":null', event.payload))


def _no_usage(events: Events, _spec: Spec, stream: Stream) -> Events:
    for event in events:
        if carries(event.code, "usage"):
            continue
        yield event if stream.streaming else event._replace(payload=_USAGE.sub(b"", event.payload))


def _usage_twice(events: Events, _spec: Spec, _stream: Stream) -> Events:
    for event in events:
        yield event
        if carries(event.code, "usage"):
            yield event


def _wrong_model(payload: bytes, spec: Spec) -> bytes:
    name = str(spec.value).replace("\\", "").replace('"', "").encode()
    return _MODEL.sub(lambda found: found[1] + b'"' + name + b'"', payload)


def _one_more(payload: bytes, _spec: Spec) -> bytes:
    return _COMPLETION.sub(lambda found: found[1] + str(int(found[2]) + 1).encode(), payload)


def _crlf(payload: bytes, _spec: Spec) -> bytes:
    return payload.replace(b"\n", b"\r\n") if payload.startswith(b"data:") else payload


def _comments(payload: bytes, _spec: Spec) -> bytes:
    return b": keep-alive\n\n" + payload if payload.startswith(b"data:") else payload


def _slow_headers(events: Events, spec: Spec, _stream: Stream) -> Events:
    """Whatever was due meanwhile leaves at once when the headers do."""
    yield Event(AT_ONCE, b"", what("head"), spec.count)
    yield from events


def _gzip(events: Events, _spec: Spec, _stream: Stream) -> Events:
    packer = zlib.compressobj(wbits=31)
    last = None
    for event in events:
        last = event._replace(payload=packer.compress(event.payload) + packer.flush(zlib.Z_SYNC_FLUSH))
        yield last
    if last is not None:
        yield last._replace(payload=packer.flush(), code=what("comment"))


def _one_byte(events: Events, _spec: Spec, _stream: Stream) -> Events:
    for event in events:
        for at in range(len(event.payload) - 1):
            yield event._replace(payload=event.payload[at : at + 1], code=what("comment"), ending="")
        yield event._replace(payload=event.payload[-1:])


_CHANGES: Mapping[str, Change] = {
    "stall": _stall,
    "silence": _silence,
    "error-event": _error,
    "error-event-no-done": _error,
    "truncate": _cut,
    "reset": _cut,
    "role-first": _role_first,
    "empty": _empty,
    "no-usage": _no_usage,
    "usage-twice": _usage_twice,
    "usage-wrong": _rewritten(_one_more),
    "no-finish": _no_finish,
    "no-done": _without("done"),
    "wrong-model": _rewritten(_wrong_model),
    "crlf": _rewritten(_crlf),
    "comments": _rewritten(_comments),
    "slow-headers": _slow_headers,
    "one-byte": _one_byte,
    "gzip": _gzip,
}
