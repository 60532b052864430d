"""Plain YAML scalars as Kubernetes' tools resolve them (go-yaml v2, YAML 1.1).

Source: the resolver of sigs.k8s.io/yaml. It differs from the YAML 1.1 text: base-60 numbers are strings, dates
stay strings, `1e3` is a number, a lone `y` or `n` is a boolean.
"""

import re
from functools import lru_cache

Scalar = str | int | float | bool | None

_FIXED: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_INTEGER = re.compile(r"[-+]?(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NUMBER_START = frozenset("+-.0123456789")


@lru_cache(maxsize=65536)
def resolve(text: str) -> Scalar:
    """The value of an unquoted scalar without a tag."""
    if text in _FIXED:
        return _FIXED[text]
    if text[0] not in _NUMBER_START:
        return text
    digits = text.replace("_", "")
    if _INTEGER.match(digits):
        return _integer(digits)
    return float(digits) if _FLOAT.match(digits) else text


def _integer(digits: str) -> int | float:
    sign, body = (digits[0], digits[1:]) if digits[0] in "+-" else ("", digits)
    if body[:2].lower() in ("0b", "0o", "0x"):
        number = int(body, 0)
    elif len(body) > 1 and body[0] == "0":
        number = int(body, 8)
    elif len(body) > 20:
        return float(digits)
    else:
        number = int(body)
    number = -number if sign == "-" else number
    return number if -(2**63) <= number < 2**64 else float(number)
