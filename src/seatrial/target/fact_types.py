"""Values that a fact can have: each type checks a TOML value and turns it into what rules read."""

import difflib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from seatrial.knowledge import versions

_TAINT = re.compile(r"(?P<key>[^=:\s]+)(?:=(?P<value>[^:\s]*))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")
_OBJECT = re.compile(r"(?:(?P<namespace>[a-z0-9][-a-z0-9]*)/)?(?P<name>[a-z0-9][-a-z0-9.]*)(?::(?P<port>[-a-z0-9]+))?")


class Form(NamedTuple):
    """What a fact's declaration adds to its type: an example for messages, and the words of a closed list."""

    example: str
    values: tuple[str, ...] = ()


class Taint(NamedTuple):
    """A taint of the pool's nodes, written `key=value:Effect` or `key:Effect`."""

    key: str
    value: str
    effect: str


class ExistingObject(NamedTuple):
    """An object outside the set, written `name`, `namespace/name` or, for a Service, `namespace/name:port`."""

    namespace: str | None
    name: str
    port: str | None


class WrongValue(ValueError):
    """A value that a fact cannot have; the message says what is expected."""


def _string(value: object, _form: Form) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WrongValue("a non-empty string")
    return value.strip()


def _word(value: object, form: Form) -> str:
    if isinstance(value, str) and value in form.values:
        return value
    close = difflib.get_close_matches(value, form.values, n=1) if isinstance(value, str) else []
    hint = f"; did you mean {quoted(close[0])}?" if close else ""
    raise WrongValue("one of " + ", ".join(map(quoted, form.values)) + hint)


def _version(value: object, form: Form) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise WrongValue(f"a version in quotes, {quoted(str(value))}: as a number 1.30 would be 1.3")
    if not isinstance(value, str) or versions.parse(value) is None:
        raise WrongValue(f"a version such as {form.example}")
    return value.strip()


def _release(value: object, form: Form) -> str:
    version = _version(value, form)
    if "." not in version:
        raise WrongValue(f"a version with at least two numbers, such as {form.example}")
    return version


def _number(value: object, _form: Form) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise WrongValue("a number above 0, without quotes")
    return value


def _count(value: object, _form: Form) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise WrongValue("a whole number, 0 or more, without quotes")
    return value


def _flag(value: object, _form: Form) -> bool:
    if not isinstance(value, bool):
        raise WrongValue("true or false, without quotes")
    return value


def _list(value: object, expected: str) -> list[object]:
    if not isinstance(value, list | tuple):
        raise WrongValue(expected)
    return list(value)


def _strings(value: object, form: Form) -> tuple[str, ...]:
    expected = f"a list of strings such as {form.example}"
    items = _list(value, expected)
    if not all(isinstance(item, str) and item.strip() for item in items):
        raise WrongValue(expected)
    return tuple(str(item).strip() for item in items)


def _words(value: object, form: Form) -> tuple[str, ...]:
    return tuple(_word(item, form) for item in _list(value, f"a list such as {form.example}"))


def _labels(value: object, form: Form) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise WrongValue(f"a table of strings such as {form.example}; a key with dots or slashes stands in quotes")
    return dict(value)


def _taints(value: object, form: Form) -> tuple[Taint, ...]:
    return tuple(_taint(item) for item in _list(value, f"a list such as {form.example}"))


def _taint(item: object) -> Taint:
    """A taint as kubectl writes it, or as a node's YAML does: a table of key, value and effect."""
    if isinstance(item, dict) and {"key", "effect"} <= item.keys() <= {"key", "value", "effect"}:
        item = f"{item['key']}={item.get('value', '')}:{item['effect']}"
    found = _TAINT.fullmatch(item) if isinstance(item, str) else None
    if found is None:
        raise WrongValue("taints written key=value:Effect, Effect one of NoSchedule, PreferNoSchedule, NoExecute")
    return Taint(found["key"], found["value"] or "", found["effect"])


def _objects(value: object, form: Form) -> tuple[ExistingObject, ...]:
    return tuple(_object(item, form) for item in _list(value, f"a list such as {form.example}"))


def _object(item: object, form: Form) -> ExistingObject:
    found = _OBJECT.fullmatch(item) if isinstance(item, str) else None
    if found is None:
        raise WrongValue(f"names written name or namespace/name, such as {form.example}")
    return ExistingObject(found["namespace"], found["name"], found["port"])


TYPES: Mapping[str, Callable[[object, Form], Any]] = {
    "string": _string,
    "word": _word,
    "version": _version,
    "release": _release,
    "number": _number,
    "count": _count,
    "flag": _flag,
    "strings": _strings,
    "words": _words,
    "labels": _labels,
    "taints": _taints,
    "objects": _objects,
}


def quoted(text: str) -> str:
    """`text` as a TOML string for a message, cut when long."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
