"""Lengths of time as people write them: ``50ms``, ``1.5s``, ``200us``, ``2m``."""

import re

_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
_FORM = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ns|us|µs|ms|s|m)")
LONGEST_NS = 30 * 24 * 3600 * 1_000_000_000
"""Thirty days: whatever is longer is a slip."""


def nanoseconds(text: str) -> int:
    """Returns a length of time in nanoseconds; plain ``0`` needs no unit.

    Raises:
        ValueError: it has another form, or is longer than thirty days; the message is one line for the user.
    """
    if text.strip() == "0":
        return 0
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no length of time; write a number and a unit: 200us, 50ms, 1.5s, 2m")
    length = round(float(found[1]) * _UNITS[found[2]])
    if length > LONGEST_NS:
        raise ValueError(f"{text!r} is longer than thirty days")
    return length


def shown(length_ns: int) -> str:
    """A length of time as people read it."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if abs(length_ns) >= size:
            return f"{length_ns / size:g} {unit}"
    return f"{length_ns} ns"
