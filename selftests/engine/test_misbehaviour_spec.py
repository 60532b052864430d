"""Misbehaviours as they are written, and which requests they befall."""

import pytest

from seatrial.engine.misbehaviour.spec import KINDS, At, InvalidSpec, Spec, parse, written
from seatrial.engine.misbehaviour.switchboard import Switchboard


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("", ()),
        ("stall=1s@50", (Spec("stall", 1_000_000_000, At(50)),)),
        ("status=503/4; gzip", (Spec("status", 503, every=4), Spec("gzip"))),
        ("reset@33%", (Spec("reset", at=At(33, percent=True)),)),
        ("exit", (Spec("exit", 137),)),
        ("clock-step=-1m", (Spec("clock-step", -60_000_000_000),)),
        ("wrong-model=Qwen/QwQ", (Spec("wrong-model", "Qwen/QwQ"),)),
    ],
)
def test_read(text: str, specs: tuple[Spec, ...]) -> None:
    assert parse(text) == specs


@pytest.mark.parametrize("text", ["stall=1s@50", "status=503/4", "reset@33%", "clock-step=-5s", "short=3", "gzip"])
def test_written_can_be_read_again(text: str) -> None:
    specs = parse(text)
    assert parse("; ".join(map(written, specs))) == specs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stahl=1s", "is 'stall' meant"),
        ("stall", "NAME=VALUE"),
        ("stall=1", "a unit"),
        ("stall=1s@x", "no place"),
        ("reset@120%", "no place"),
        ("status=200", "no status of an error"),
        ("gzip=9", "takes no value"),
        ("gzip@3", "does not happen at a token"),
        ("gzip/0", "no number"),
        ("reasoning-share=2", "no share"),
    ],
)
def test_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(InvalidSpec, match=said) as refused:
        parse(text)
    assert "\n" not in str(refused.value)


def test_every_fourth_request() -> None:
    board = Switchboard(parse("status=503/4"))
    assert [bool(board.befalling(None)) for _ in range(8)] == [False, False, False, True] * 2


def test_a_header_is_for_one_request_and_not_for_the_process() -> None:
    board = Switchboard()
    assert board.befalling(b"gzip") == (Spec("gzip"),)
    assert board.befalling(None) == ()
    with pytest.raises(InvalidSpec, match="/misbehave"):
        board.befalling(b"hang")


def test_every_kind_can_be_parsed() -> None:
    values = {"wrong-model": "x", "status": "500", "reasoning-share": "0.5"}
    for name, kind in KINDS.items():
        count = kind.read is not None and name in ("tokens-per-event", "short", "exit", "stop-loading")
        value = values.get(name, "3" if count else "1s") if kind.read is not None else None
        assert parse(name if value is None else f"{name}={value}")[0].name == name
