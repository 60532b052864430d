"""How one value of a document is judged: the shapes that values can have, and what does not fit.

A shape reads a value as the API server decodes it. Null is absence; a number is not a string, a string is not a
number; YAML's `8.0` is the integer 8, because that is how it travels as JSON.
"""

import math
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from seatrial.manifests.violation import Kind, Path, Violation, describe, did_you_mean

DEEPEST = 200
"""Only a schema inside a CustomResourceDefinition nests without limit; an anchor that contains itself ends here."""

KEY_DEFAULTS = {"protocol": "TCP"}
"""What the server fills in before it compares the keys of list items."""


class Shape(Protocol):
    """What a value must look like."""

    @property
    def wording(self) -> str:
        """The shape in a sentence: `a string`."""

    def check(self, value: object, path: Path, found: list[Violation]) -> None:
        """Adds to `found` whatever in `value` does not fit."""


def mismatch(kind: Kind, shape: Shape, value: object, path: Path) -> Violation:
    where = f"`{path[-1]}`" if path and isinstance(path[-1], str) else "the item" if path else "the document"
    observed = describe(value)
    return Violation(path, kind, f"{where} must be {shape.wording}, not {observed}", observed, shape.wording)


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A value without parts. `fits` answers None, or in which way the value is wrong."""

    wording: str
    fits: Callable[[object], Literal["type", "value"] | None]

    def check(self, value: object, path: Path, found: list[Violation]) -> None:
        kind = self.fits(value)
        if kind is not None:
            found.append(mismatch(kind, self, value, path))


class Anything:
    """A value that the schema leaves open."""

    wording = "any value"

    def check(self, value: object, path: Path, found: list[Violation]) -> None:
        """Nothing to judge."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A string out of a closed set; `later` says which version brings a value that is not in it yet."""

    allowed: tuple[str, ...]
    later: Mapping[str, str] = field(default_factory=dict)

    @property
    def wording(self) -> str:
        return "one of " + ", ".join(filter(None, self.allowed))

    def check(self, value: object, path: Path, found: list[Violation]) -> None:
        if not isinstance(value, str):
            found.append(mismatch("type", self, value, path))
        elif value not in self.allowed:
            hint = f", known from {self.later[value]}" if value in self.later else did_you_mean(value, self.allowed)
            message = f'`{path[-1] if path else ""}` must be {self.wording}, not "{value}"{hint}'
            found.append(Violation(path, "value", message, describe(value), self.wording, self.later.get(value)))


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A list. `keys` are the fields that must tell its items apart (`=`: the items themselves).

    A null item is decoded to the zero value of its type: an empty struct, an empty string.
    """

    item: Shape
    keys: tuple[str, ...] = ()
    wording: str = "a list"

    def check(self, value: object, path: Path, found: list[Violation]) -> None:
        if not isinstance(value, list):
            found.append(mismatch("type", self, value, path))
            return
        for index, item in enumerate(value):
            if item is not None:
                self.item.check(item, (*path, index), found)
            elif isinstance(self.item, Struct):
                self.item.check({}, (*path, index), found)
        if self.keys and len(value) > 1:
            found.extend(self._duplicates(value, path))

    def _duplicates(self, items: list[Any], path: Path) -> Iterable[Violation]:
        seen: set[Any] = set()
        for index, item in enumerate(items):
            identity = self._identity(item)
            if identity in seen:
                shown = ", ".join(f"{k} {v}" for k, v in zip(self.keys, identity, strict=True)).removeprefix("= ")
                message = f"duplicate value: an earlier item of `{path[-1]}` has {shown}"
                yield Violation((*path, index), "value", message, shown, "items that differ in " + _keys(self.keys))
            elif identity:
                seen.add(identity)

    def _identity(self, item: object) -> tuple[Any, ...]:
        """The item's key values; empty when it cannot be told, because one is missing or has a wrong type."""
        if self.keys == ("=",):
            values = [item]
        elif isinstance(item, dict):
            values = [item.get(key, KEY_DEFAULTS.get(key)) for key in self.keys]
        else:
            return ()
        return tuple(values) if all(type(v) in (str, int) for v in values) else ()


def _keys(keys: tuple[str, ...]) -> str:
    return "value" if keys == ("=",) else " and ".join(f"`{key}`" for key in keys)


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """A map with free keys."""

    values: Shape
    wording: str = "a map"

    def check(self, value: object, path: Path, found: list[Violation]) -> None:
        if not isinstance(value, dict):
            found.append(mismatch("type", self, value, path))
            return
        for key, inner in value.items():
            if inner is not None:
                self.values.check(inner, (*path, key), found)


@dataclass(frozen=True, slots=True, eq=False)
class Struct:
    """A map with declared fields. `elsewhere` says where a field that is not declared exists: `known from ...`.

    `fields` is filled after construction, so that a struct can contain itself. An `open` struct keeps what it does
    not know.
    """

    name: str
    fields: dict[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    elsewhere: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    open: bool = False
    wording: str = "a map"

    def check(self, value: object, path: Path, found: list[Violation]) -> None:
        if not isinstance(value, dict):
            found.append(mismatch("type", self, value, path))
            return
        if len(path) > DEEPEST:
            return
        known = self.fields.get
        for key, inner in value.items():
            shape = known(key)
            if shape is None:
                if not self.open:
                    found.append(self._unknown(key, path))
            elif inner is not None:
                shape.check(inner, (*path, key), found)
        for name in self.required:
            if value.get(name) is None:
                observed = "null" if name in value else "absent"
                wanted = f"`{name}`: {self.fields[name].wording}"
                message = f"required field `{name}` is {observed.replace('absent', 'missing')}"
                found.append(Violation(path, "required", message, observed, wanted))

    def _unknown(self, key: str | int, path: Path) -> Violation:
        hint, known_from = self.elsewhere.get(str(key), ("", None))
        hint = f", {hint}" if hint else did_you_mean(key, self.fields)
        name = self.name.rpartition(".")[2]
        message = f"unknown field `{key}`{hint}"
        return Violation((*path, key), "unknown field", message, f"`{key}`", f"a field of {name}", known_from)


def _string(value: object) -> Literal["type"] | None:
    # A YAML timestamp is a string in JSON, and lists, maps, numbers and booleans are all that is not.
    return "type" if isinstance(value, int | float | list | dict) else None


def _whole(bits: int) -> Callable[[object], Literal["type", "value"] | None]:
    limit = 1 << (bits - 1)

    def fits(value: object) -> Literal["type", "value"] | None:
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
            return "type"
        return None if -limit <= value < limit else "value"

    return fits


def _number(value: object) -> Literal["type"] | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return None if right else "type"


def _bytes(value: object) -> Literal["type", "value"] | None:
    if not isinstance(value, str):
        return "value" if isinstance(value, bytes) else _string(value)
    try:
        b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        return "value"
    return None


_INT32, _INT64 = _whole(32), _whole(64)

SCALARS: Mapping[str, Shape] = {
    "any": Anything(),
    "string": Scalar("a string", _string),
    "bytes": Scalar("base64 text", _bytes),
    "bool": Scalar("a boolean", lambda value: None if isinstance(value, bool) else "type"),
    "int32": Scalar("a 32-bit integer", _INT32),
    "int64": Scalar("a 64-bit integer", _INT64),
    "number": Scalar("a number", _number),
    "double": Scalar("a number", _number),
    "int-or-string": Scalar("an integer or a string", lambda v: None if isinstance(v, str) else _INT32(v)),
    "quantity": Scalar("a quantity", lambda v: None if isinstance(v, str) else _number(v)),
    "whole-quantity": Scalar("a quantity: a string or an integer", lambda v: None if isinstance(v, str) else _INT64(v)),
}
