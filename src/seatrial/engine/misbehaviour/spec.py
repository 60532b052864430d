"""A misbehaviour as it is written: ``NAME[=VALUE][@TOKEN][/EVERY]``.

``stall=1s@50`` pauses for a second after 50 tokens, ``status=503/4`` refuses every fourth request, ``reset@33%`` cuts
a third of the way through. Several are separated by semicolons.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from seatrial.engine.durations import nanoseconds
from seatrial.engine.numbers import share


def _text(text: str) -> str:
    if not text:
        raise ValueError("a value is missing")
    return text


def _status(text: str) -> int:
    if not text.isdigit() or not 400 <= int(text) <= 599:
        raise ValueError(f"{text!r} is no status of an error; write 429, 500 or 503")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 1_000_000:
        raise ValueError(f"{text!r} is no number from 1 to 1000000")
    return int(text)


def _step(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    return sign * nanoseconds(text.lstrip("+-"))


@dataclass(frozen=True, slots=True)
class Kind:
    """What a misbehaviour does, and how its value is read: None where it takes none."""

    help: str
    read: Callable[[str], object] | None = None
    default: object = None
    """The value when none is written; None where one must be."""
    at: bool = False
    """Whether it happens at a token."""
    process: bool = False
    """Whether it befalls the process, and not a request."""


KINDS: Mapping[str, Kind] = {
    "reasoning-share": Kind("part of an answer's tokens that is reasoning", share),
    "role-first": Kind("the role event leaves at once, long before the first token"),
    "tokens-per-event": Kind("tokens that one event carries", _count),
    "stall": Kind("a pause in the stream", nanoseconds, at=True),
    "silence": Kind("nothing more comes, and the connection stays open", at=True),
    "error-event": Kind("an error inside the stream, then [DONE]", at=True),
    "error-event-no-done": Kind("an error inside the stream, then the end of the body", at=True),
    "truncate": Kind("the connection is closed in the middle of the body", at=True),
    "reset": Kind("the connection is reset", at=True),
    "status": Kind("refused with this status before anything is generated", _status),
    "html": Kind("a proxy's page with status 200 instead of an answer"),
    "empty": Kind("an answer without a token"),
    "short": Kind("the answer ends after so many tokens, with finish_reason length", _count),
    "no-usage": Kind("the usage is missing"),
    "usage-twice": Kind("the usage comes twice"),
    "usage-wrong": Kind("the usage counts one token too many"),
    "no-finish": Kind("finish_reason is missing"),
    "no-done": Kind("[DONE] is missing"),
    "wrong-model": Kind("another model's name in the answer", _text, "another-model"),
    "slow-headers": Kind("the status line leaves so much later", nanoseconds),
    "gzip": Kind("a compressed body that nobody asked for"),
    "crlf": Kind("events end in CR LF"),
    "comments": Kind("a comment line before every event, as proxies send to keep a connection"),
    "one-byte": Kind("every byte in a packet of its own"),
    "hang": Kind("the scheduler answers nothing any more, the process lives", process=True),
    "rank-death": Kind("a rank of this node dies", process=True),
    "exit": Kind("the process ends at once with this code", _count, 137, process=True),
    "memory-full": Kind("no memory: the start fails; switched on later, requests wait for room", process=True),
    "stop-loading": Kind("loading stops after so many of 163 shards, and the process lives", _count, 40, process=True),
    "slow-start": Kind("loading takes so much longer", nanoseconds, process=True),
    "clock-step": Kind("the wall clock jumps", _step, process=True),
}


class InvalidSpec(ValueError):
    """A misbehaviour that cannot be; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class At:
    """A place in an answer: after so many tokens, or after a share of them."""

    number: float
    percent: bool = False

    def token(self, length: int) -> int:
        """The token (from 0) before which it happens, of an answer of `length` tokens."""
        return int(length * self.number / 100) if self.percent else int(self.number)


@dataclass(frozen=True, slots=True)
class Spec:
    """One misbehaviour. `every` n: only each n-th request, the n-th first."""

    name: str
    value: object = None
    at: At = At(0)
    every: int = 1

    @property
    def process(self) -> bool:
        return KINDS[self.name].process

    @property
    def count(self) -> int:
        """The value of one that counts or measures nanoseconds."""
        return int(self.value) if isinstance(self.value, int | float) else 0


def parse(text: str) -> tuple[Spec, ...]:
    """Reads misbehaviours separated by semicolons. Raises InvalidSpec."""
    return tuple(_one(part.strip()) for part in text.split(";") if part.strip())


def _one(text: str) -> Spec:
    rest, slash, every = text.rpartition("/")
    if not every.isdigit():
        rest, slash = text, ""  # a slash of a model's name
    rest, sign, place = rest.partition("@")
    name, equals, value = rest.partition("=")
    kind = KINDS.get(name)
    if kind is None:
        close = get_close_matches(name, KINDS, 1)
        raise InvalidSpec(f"{name!r} is no misbehaviour" + (f"; is {close[0]!r} meant?" if close else ""))
    try:
        number = _count(every) if slash else 1
        if sign and not kind.at:
            raise ValueError("it does not happen at a token: leave out the @")
        where = _place(place) if sign else At(0)
        return Spec(name, _value(kind, value, bool(equals)), where, number)
    except ValueError as error:
        raise InvalidSpec(f"{text!r}: {error}") from None


def _value(kind: Kind, text: str, given: bool) -> object:
    if kind.read is None:
        if given:
            raise ValueError("it takes no value")
        return None
    if not given:
        if kind.default is None:
            raise ValueError("write it with a value, as NAME=VALUE")
        return kind.default
    return kind.read(text)


def _place(text: str) -> At:
    digits = text.removesuffix("%")
    if not digits.isdigit() or (text.endswith("%") and int(digits) > 100):
        raise ValueError(f"{text!r} is no place in an answer; write @50 for after 50 tokens, or @33%")
    return At(int(digits), text.endswith("%"))


def written(spec: Spec) -> str:
    """A misbehaviour as it may be written again; lengths of time in nanoseconds."""
    kind = KINDS[spec.name]
    value = "" if spec.value is None else f"={spec.value}{'ns' if kind.read in (nanoseconds, _step) else ''}"
    place = f"@{spec.at.number:g}{'%' if spec.at.percent else ''}" if kind.at else ""
    return f"{spec.name}{value}{place}" + (f"/{spec.every}" if spec.every > 1 else "")
