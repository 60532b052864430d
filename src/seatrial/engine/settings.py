"""What the simulation is told: each setting once, with its flag, its variable and its help."""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from seatrial.engine.durations import nanoseconds
from seatrial.engine.latency.distributions import count, time_ns
from seatrial.engine.latency.presets import Chosen
from seatrial.engine.latency.presets import read as read_batch
from seatrial.engine.misbehaviour.spec import Spec, parse
from seatrial.engine.numbers import share, whole

PREFIX = "SEATRIAL_ENGINE_"
"""Of the environment variables that the rehearsal sets on pods."""
_BATCH = (
    "requests share the engine, instead of --ttft and --itl: 8xh200; prefill-rate=20000,decode=20ms; or both joined"
)
_FALSE = ("", "0", "false", "no", "off")


class InvalidSetting(ValueError):
    """A setting that cannot be; the message is one line for the user."""


def _several(text: str) -> int:
    if (number := whole(text)) < 1:
        raise ValueError(f"{text!r}: at least 1 is needed")
    return number


def _time(text: str) -> str:
    time_ns(text)
    return text


def _tokens(text: str) -> str:
    count(text)
    return text


def _switch(text: str) -> bool:
    return text.strip().lower() not in _FALSE


def setting(default: Any, read: Callable[[str], Any], help: str, metavar: str = "") -> Any:
    return field(default=default, metadata={"read": read, "help": help, "metavar": metavar})


@dataclass(frozen=True, slots=True)
class Settings:
    """How the engine behaves. Lengths of time are nanoseconds where the name says so, else a distribution's text."""

    ttft: str = setting("50ms", _time, "time to the first token: 50ms, normal(50ms,5ms), gamma(50ms,0.5), …", "TIME")
    itl: str = setting("10ms", _time, "time between two tokens, in the same forms", "TIME")
    batch: Chosen | None = setting(None, read_batch, _BATCH, "SPEC")  # noqa: RUF009 - Chosen is frozen
    slots: int | None = setting(None, _several, "requests served at a time; more wait", "COUNT")
    output: str = setting("", _tokens, "tokens of an answer that nothing limits: 200, or lognormal(200,0.5)", "COUNT")
    reasoning_share: float = setting(0.5, share, "part of an answer's tokens that is reasoning", "SHARE")
    tokens_per_event: int = setting(1, _several, "tokens that one event of a stream carries", "COUNT")
    load_time_ns: int = setting(0, nanoseconds, "time to load the weights", "TIME")
    warmup_time_ns: int = setting(0, nanoseconds, "time from the open port to readiness", "TIME")
    download_time_ns: int = setting(0, nanoseconds, "time that a download of the model takes", "TIME")
    gpus: int | None = setting(None, whole, "GPUs that this pod was promised", "COUNT")
    seed: int = setting(0, whole, "seed of everything that is drawn", "NUMBER")
    misbehave: tuple[Spec, ...] = setting((), parse, "what goes wrong on purpose: stall=1s@50; status=503/4", "SPEC")
    truth_events: int = setting(4_000_000, whole, "events that /truth remembers at most", "COUNT")
    core: int | None = setting(None, whole, "processor core to stay on, to measure against", "NUMBER")
    realtime: bool = setting(False, _switch, "ask for real-time priority, to measure against")


def names() -> tuple[str, ...]:
    return tuple(one.name for one in fields(Settings))


def metadata(name: str) -> Mapping[str, Any]:
    """What a setting is: `read`, `help`, `metavar`, and its `default`."""
    found = next(one for one in fields(Settings) if one.name == name)
    return {**found.metadata, "default": None if found.default is MISSING else found.default}


def title(name: str) -> str:
    """The name of a setting as a flag or a variable has it: without the unit of its value."""
    return name.removesuffix("_ns")


def variable(name: str) -> str:
    return PREFIX + title(name).upper()


def flag(name: str) -> str:
    return "--" + title(name).replace("_", "-")


def read(name: str, text: str, place: str) -> Any:
    """The value of a setting. Raises InvalidSetting that names the place it was given at."""
    try:
        return metadata(name)["read"](text)
    except ValueError as error:
        raise InvalidSetting(f"{place}: {error}") from None


def from_environment(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The settings that variables give. Raises InvalidSetting."""
    given = os.environ if environment is None else environment
    return {name: read(name, given[variable(name)], variable(name)) for name in names() if variable(name) in given}
