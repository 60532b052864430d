"""Which events a completion consists of, and which token each of them waits for."""

import zlib

import pytest

from seatrial.engine import events
from seatrial.engine.misbehaviour import streams
from seatrial.engine.misbehaviour.answers import changed
from seatrial.engine.misbehaviour.spec import parse
from seatrial.engine.openai.plan import Plan
from seatrial.engine.truth import KINDS

from .made import Plain, Words, plan


def told(plan: Plan, per_event: int = 1, misbehave: str = "") -> list[events.Event]:
    specs = parse(misbehave)
    found = events.stream(changed(plan, specs), per_event)
    stream = streams.Stream(max(answer.length for answer in plan.answers), plan.encoder, streaming=True)
    return list(streams.apply(found, specs, stream))


def texts(found: list[events.Event]) -> list[str]:
    return [event.payload.decode().strip().removeprefix("data: ") for event in found]


def test_a_stream_of_one_choice() -> None:
    found = told(plan(Words(3, reasoning=1)))
    assert [(event.token, text) for event, text in zip(found, texts(found), strict=True)] == [
        (0, "role 0"),
        (0, "reasoning 0 w0"),
        (1, "content 0 w1"),
        (2, "content 0 w2"),
        (2, '"finish_reason":"length" 0'),
        (2, '"completion_tokens":3'),
        (2, "[DONE]"),
    ]


def test_the_end_of_sentence_is_a_token_that_shows_nothing() -> None:
    found = told(plan(Words(2, stops=True)))
    assert [event.token for event in found] == [0, 0, 1, 2, 2, 2]
    assert texts(found)[-2] == '"completion_tokens":3'


def test_continuous_usage_counts_up() -> None:
    assert texts(told(plan(Words(2), continuous=True)))[1:3] == ["content 0 w0 so far 1", "content 0 w1 so far 2"]


@pytest.mark.parametrize("per_event", [1, 2, 3, 4, 7, 8, 100])
def test_several_tokens_in_an_event(per_event: int) -> None:
    """No token is lost or told twice, and an event waits for its last token."""
    found = told(plan(Words(8, reasoning=3)), per_event)
    words = [event for event in found if KINDS[event.code % len(KINDS)] in ("reasoning", "content")]
    assert "".join(text[text.index(" w") :] for text in texts(words)) == "".join(f" w{i}" for i in range(8))
    assert sum(event.code // len(KINDS) for event in words) == 8
    seen = 0
    for event in words:
        seen += event.code // len(KINDS)
        assert event.token == min(-(-seen // per_event) * per_event, 8) - 1


def test_choices_run_side_by_side_and_each_ends_once() -> None:
    found = told(plan(Words(3), Words(1)))
    assert texts(found) == [
        "role 0",
        "content 0 w0",
        "role 1",
        "content 1 w0",
        '"finish_reason":"length" 1',
        "content 0 w1",
        "content 0 w2",
        '"finish_reason":"length" 0',
        '"completion_tokens":4',
        "[DONE]",
    ]
    assert [event.token for event in found] == [0, 0, 0, 0, 0, 1, 2, 2, 2, 2]


def test_a_stall_moves_everything_after_it() -> None:
    found = told(plan(Words(4)), misbehave="stall=1s@2")
    assert {event.token: event.after_ns for event in found} == {0: 0, 1: 0, 2: 10**9, 3: 10**9}


@pytest.mark.parametrize(
    ("misbehave", "last"),
    [
        ("error-event@50%", ["content 0 w1", "error 500", "[DONE]"]),
        ("error-event-no-done@2", ["content 0 w0", "content 0 w1", "error 500"]),
        ("no-done", ["content 0 w3", '"finish_reason":"length" 0', '"completion_tokens":4']),
        ("no-finish", ["content 0 w3", '"completion_tokens":4', "[DONE]"]),
        ("no-usage", ["content 0 w3", '"finish_reason":"length" 0', "[DONE]"]),
        ("usage-twice", ['"completion_tokens":4', '"completion_tokens":4', "[DONE]"]),
        ("usage-wrong", ['"finish_reason":"length" 0', '"completion_tokens":5', "[DONE]"]),
        ("short=2", ['"finish_reason":"length" 0', '"completion_tokens":2', "[DONE]"]),
        ("empty", ['"finish_reason":"length" 0', '"completion_tokens":4', "[DONE]"]),
    ],
)
def test_how_a_stream_ends(misbehave: str, last: list[str]) -> None:
    assert texts(told(plan(Words(4)), misbehave=misbehave))[-3:] == last


@pytest.mark.parametrize("name", ["reset", "truncate", "silence"])
def test_what_ends_the_connection_is_the_last_event(name: str) -> None:
    found = told(plan(Words(9)), misbehave=f"{name}@33%")
    assert [event.ending for event in found] == [""] * (len(found) - 1) + [name]
    assert found[-1].token == 2


def test_the_role_may_leave_before_the_first_token() -> None:
    assert [event.token for event in told(plan(Words(2)), misbehave="role-first")][:2] == [events.AT_ONCE, 0]


def test_framing() -> None:
    plain = b"".join(event.payload for event in told(plan(Words(3))))
    for misbehave, expected in (
        ("crlf", plain.replace(b"\n", b"\r\n")),
        ("comments", plain.replace(b"data:", b": keep-alive\n\ndata:")),
        ("one-byte", plain),
    ):
        assert b"".join(event.payload for event in told(plan(Words(3)), misbehave=misbehave)) == expected
    packed = b"".join(event.payload for event in told(plan(Words(3)), misbehave="gzip"))
    assert zlib.decompress(packed, wbits=31) == plain
    assert {len(event.payload) for event in told(plan(Words(3)), misbehave="one-byte")} == {1}


def test_an_answer_as_a_whole() -> None:
    event = events.whole(plan(Words(3, reasoning=1, stops=True), Words(1), stream=False))
    assert event.token == 3
    assert event.payload == b'{"model":"m","told":" w0| w1 w2|stop,| w0|length","usage":{"completion_tokens":5}}'
    stream = streams.Stream(4, Plain(), streaming=False)
    changed = streams.apply(iter((event,)), parse("wrong-model=x; usage-wrong"), stream)
    assert b'{"model":"x","told":' in (payload := next(changed).payload)
    assert b'"completion_tokens":6' in payload
    without = streams.apply(iter((event,)), parse("no-usage"), stream)
    assert next(without).payload.endswith(b'length"}')


@pytest.mark.parametrize("chunked", [False, True])
def test_a_run_has_the_bytes_of_its_events(chunked: bool) -> None:
    run = events.Run(4, b"data: <", [b"a", b"bcd", b""], b">\n\n", 1)
    plain = [b"data: <a>\n\n", b"data: <bcd>\n\n", b"data: <>\n\n"]
    assert [(event.token, event.payload) for event in run.events()] == list(enumerate(plain, 4))
    framed = [b"%x\r\n%b\r\n" % (len(one), one) for one in plain]
    assert run.payloads(chunked) == (framed if chunked else plain)


def test_a_run_ends_where_the_kind_changes_and_has_a_bound() -> None:
    found = [item for item in events.runs(plan(Words(200, reasoning=100)), 1) if isinstance(item, events.Run)]
    assert [(run.token, len(run.texts)) for run in found] == [(0, 64), (64, 36), (100, 28), (128, 64), (192, 8)]
