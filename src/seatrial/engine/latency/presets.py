"""The batch's costs as they are written: the name of measured hardware, parameters, or both."""

import functools
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date as Date
from pathlib import Path
from typing import Any

from seatrial.engine.durations import nanoseconds
from seatrial.engine.latency.costs import Costs
from seatrial.engine.numbers import whole

_EXAMPLE = "8xh200,decode=20ms"


def _several(text: str) -> int:
    if (number := whole(text)) < 1:
        raise ValueError(f"{text!r}: at least 1 is needed")
    return number


PARAMETERS: Mapping[str, tuple[str, Callable[[str], int]]] = {
    "overhead": ("overhead_ns", nanoseconds),
    "prefill": ("prefill_ns", nanoseconds),
    "prefill-rate": ("prefill_rate", _several),
    "decode": ("decode_ns", nanoseconds),
    "experts": ("experts_ns", nanoseconds),
    "request": ("request_ns", nanoseconds),
    "kv-token": ("kv_ns", nanoseconds),
    "pool": ("pool_tokens", _several),
    "chunk": ("chunk_tokens", _several),
}
"""Names, the fields of `Costs` that they set, and how they are read."""
_NEEDED = ("prefill-rate", "decode")
"""Where no hardware is named; the others are 0 then, pool and chunk those of the command line."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Measured hardware. `derived` says how its parameters follow from the source."""

    name: str
    title: str
    gpu: str
    tp: int
    fraction: float
    """`--mem-fraction-static` where neither the flag nor a constant of the release says it."""
    parameters: Mapping[str, str]
    source: str
    date: Date
    derived: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a user chose. A pool or a chunk of 0 is left to the command line and to the memory of `preset`."""

    costs: Costs
    preset: Preset | None = None


@functools.cache
def presets() -> Mapping[str, Preset]:
    """All measured hardware by name."""
    with Path(__file__).with_name("presets.toml").open("rb") as file:
        rows: list[dict[str, Any]] = tomllib.load(file)["preset"]
    return {row["name"]: _preset(row) for row in rows}


def _preset(row: Mapping[str, Any]) -> Preset:
    parameters = {name: str(value) for name, value in row.items() if name in PARAMETERS}
    return Preset(parameters=parameters, **{name: value for name, value in row.items() if name not in PARAMETERS})


def read(text: str) -> Chosen:
    """`PRESET`, `NAME=VALUE,…`, or a preset followed by parameters that replace its own.

    Raises ValueError with one line for the user.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    preset = None
    if parts and "=" not in parts[0]:
        preset = presets().get(parts[0].lower())
        if preset is None:
            raise ValueError(f"{parts[0]!r} is no preset; there are {', '.join(presets())}, or write {_EXAMPLE}")
        del parts[0]
    given: dict[str, str] = dict(preset.parameters) if preset is not None else {}
    for part in parts:
        name, equals, value = (one.strip() for one in part.partition("="))
        if not equals or name not in PARAMETERS:
            raise ValueError(f"{name!r} is no parameter; there are {', '.join(PARAMETERS)}, as in {_EXAMPLE}")
        given[name] = value
    missing = [name for name in _NEEDED if name not in given]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must be given where no preset is named")
    return Chosen(_costs(given), preset)


def _costs(given: Mapping[str, str]) -> Costs:
    values: dict[str, Any] = dict.fromkeys((field for field, _ in PARAMETERS.values()), 0)
    for name, text in given.items():
        field, reader = PARAMETERS[name]
        try:
            values[field] = reader(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if not values["decode_ns"]:
        raise ValueError("decode: a step that takes no time never ends")
    return Costs(**values)
