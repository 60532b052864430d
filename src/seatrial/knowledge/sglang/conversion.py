"""Turn the text of a value into what SGLang's parser makes of it, or say why it refuses."""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from seatrial.knowledge.sglang.flag import Flag

_SUFFIXED = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)")
_FACTORS = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class Refused(ValueError):
    """A value that the parser refuses; the message is what follows ``argument NAME: ``."""

    def __init__(self, message: str, choice: bool = False) -> None:
        super().__init__(message)
        self.choice = choice


def convert(flag: Flag, text: str) -> object:
    """Return the typed value of *text*.

    Raises:
        Refused: the text is no value of the flag's type, or not one of its choices.
    """
    make, name = _CONVERTERS[flag.type]
    try:
        value = make(text)
    except Refused:
        raise
    except (ValueError, RecursionError):
        raise Refused(f"invalid {name} value: {str(text)!r}") from None
    if flag.choices is not None and value not in flag.choices:
        allowed = ", ".join(map(repr, flag.choices))
        shown = str(value) if isinstance(value, str) else value
        raise Refused(f"invalid choice: {shown!r} (choose from {allowed})", choice=True)
    return value


def human_int(text: str) -> int:
    """Read ``64k``, ``1.5M`` or ``2Ki``; SI suffixes may follow a decimal number, IEC suffixes may not."""
    match = _SUFFIXED.fullmatch(text.strip())
    try:
        if match is None:
            return int(text)
        number, suffix = match.groups()
        return int(number) * _FACTORS[suffix] if suffix.endswith("i") else int(Decimal(number) * _FACTORS[suffix])
    except ValueError:
        raise Refused(f"Invalid integer value: {str(text)!r}") from None


def _json_list(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise Refused(f"Invalid JSON list: {text}") from None


def _text(text: str) -> str:
    return text


# What argparse calls the type in its messages is the name of SGLang's function.
_CONVERTERS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "str": (_text, "str"),
    "int": (int, "int"),
    "float": (float, "float"),
    "bool": (bool, "bool"),
    "human-int": (human_int, "human_readable_int"),
    "json": (json.loads, "loads"),
    "json-list": (_json_list, "json_list_type"),
    "nullable-str": (lambda text: None if text in ("", "None") else text, "nullable_str"),
}
