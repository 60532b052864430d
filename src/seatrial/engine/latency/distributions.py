"""Times and counts as they are written: fixed, or drawn from a distribution with a seed."""

import math
import random
import re
from collections.abc import Callable

from seatrial.engine.durations import nanoseconds

Draw = Callable[[random.Random], float]
_CALL = re.compile(r"(\w+)\s*\((.*)\)")
_FORMS = {
    "uniform": "uniform(40ms,60ms)",
    "normal": "normal(50ms,5ms)",
    "lognormal": "lognormal(50ms,0.3)",
    "exponential": "exponential(50ms)",
    "gamma": "gamma(50ms,0.5)",
}


def time_ns(text: str) -> Draw:
    """A length of time in nanoseconds; drawn ones are never negative. Raises ValueError with one line."""
    return _read(text, nanoseconds, "50ms")


def count(text: str) -> Draw:
    """A number of tokens. Raises ValueError with one line."""
    return _read(text, _number, "200")


def is_fixed(text: str) -> bool:
    return _CALL.fullmatch(text.strip()) is None


def _read(text: str, unit: Callable[[str], float], example: str) -> Draw:
    found = _CALL.fullmatch(text.strip())
    if found is None:
        fixed = float(unit(text))
        return lambda _: fixed
    name, arguments = found[1], [part.strip() for part in found[2].split(",")]
    if name not in _FORMS or len(arguments) != _FORMS[name].count(",") + 1:
        shown = ", ".join(_FORMS.values())
        raise ValueError(f"{text!r} is no distribution; write {example}, or one of {shown}")
    first = float(unit(arguments[0]))
    if name == "exponential":
        return lambda draw: draw.expovariate(1 / first) if first else 0.0
    if name in ("lognormal", "gamma"):
        return _skewed(name, first, _number(arguments[1]))
    second = float(unit(arguments[1]))
    if name == "uniform":
        return lambda draw: draw.uniform(first, second)
    return lambda draw: max(draw.gauss(first, second), 0.0)


def _skewed(name: str, mean: float, spread: float) -> Draw:
    """Lognormal with a median and a sigma, or gamma with a mean and a coefficient of variation."""
    if mean <= 0 or spread <= 0:
        raise ValueError(f"{name} needs two numbers above 0")
    if name == "lognormal":
        return lambda draw: math.exp(draw.gauss(math.log(mean), spread))
    shape = 1 / spread**2
    return lambda draw: draw.gammavariate(shape, mean / shape)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not 0 <= number < 1e12:
        raise ValueError(f"{text!r} is no number that makes sense here")
    return number
