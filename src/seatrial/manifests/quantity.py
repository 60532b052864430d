"""Kubernetes quantities, read and rounded as the API server does, kept exact.

Grammar and rounding: kubernetes/apimachinery: pkg/api/resource/quantity.go.
"""

import functools
import math
import re
from fractions import Fraction

_FORM = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?P<dot>\.?)(?P<part>[0-9]*)(?P<suffix>[A-Za-z]*)(?P<exponent>[+-]?[0-9]*)"
)
_BINARY = {f"{letter}i": Fraction(2 ** (10 * power)) for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL = {letter: Fraction(10) ** power for letter, power in zip("num kMGTPE", range(-9, 19, 3), strict=True)}
_SUFFIXES = {"": Fraction(1), **{key: value for key, value in _DECIMAL.items() if key != " "}, **_BINARY}
_NANO = 10**9
_LONGEST = 300
_EXPONENTS = 60
_LARGEST = 2**63 - 1
_GIB = Fraction(2**30)


class InvalidQuantity(ValueError):
    """A value that the API server does not take for a quantity; the message says why and shows a right one."""


def parse(value: object) -> Fraction:
    """The exact number behind a quantity: `1.5Gi` → 1610612736, `100m` → 1/10.

    Numbers of YAML are taken as the server takes them. Fractions finer than 10^-9 are rounded away from zero and
    values beyond 64 bits are cut, as there. A unit without digits, which the server reads as 0, is refused.
    Raises InvalidQuantity for anything else, booleans and null included.
    """
    if isinstance(value, str):
        return _parse(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(max(-_LARGEST, min(value, _LARGEST)))
    if isinstance(value, float) and math.isfinite(value):
        return _parse(repr(value))
    raise InvalidQuantity(f"{value!r} is not a quantity; write a number with an optional unit, such as 8 or 16Gi")


def binary(quantity: Fraction) -> str:
    """A quantity of bytes for a message, in GiB with at most one decimal: `654.2 GiB`."""
    return f"{float(quantity / _GIB):,.1f}".removesuffix(".0") + " GiB"


@functools.lru_cache(4096)
def _parse(text: str) -> Fraction:
    found = _FORM.fullmatch(text.strip())
    if found is None or len(text) > _LONGEST or not (found["whole"] or found["part"]):
        raise InvalidQuantity(
            f"{text[:_LONGEST]!r} is not a quantity; write a number with an optional unit, such as 8 or 16Gi"
        )
    digits = Fraction(int(found["whole"] + found["part"]), 10 ** len(found["part"]))
    nano = digits * _scale(text, found["suffix"], found["exponent"]) * _NANO
    return min(Fraction(math.ceil(nano), _NANO), Fraction(_LARGEST)) * (-1 if found["sign"] == "-" else 1)


def _scale(text: str, suffix: str, exponent: str) -> Fraction:
    if exponent:
        if suffix not in ("e", "E") or not exponent.strip("+-"):
            raise InvalidQuantity(f"{text!r} is not a quantity; an exponent is written 1e3 or 1E-3")
        return Fraction(10) ** max(-_EXPONENTS, min(int(exponent), _EXPONENTS))
    scale = _SUFFIXES.get(suffix)
    if scale is None:
        raise InvalidQuantity(f"{text!r} is not a quantity: there is no unit {suffix!r}{_hint(suffix)}")
    return scale


def _hint(suffix: str) -> str:
    """The unit that was probably meant: `Gib`, `GB`, `gi`, `K`."""
    stem = suffix[:-1] if suffix[-1:] in ("b", "B") and len(suffix) > 1 else suffix
    candidates = [unit for unit in _SUFFIXES if unit and unit.casefold() == stem.casefold()]
    exact = [unit for unit in candidates if unit == stem]
    return (
        f", did you mean {(exact or candidates)[0]!r}?"
        if candidates
        else f"; units are {', '.join(filter(None, _SUFFIXES))}"
    )
