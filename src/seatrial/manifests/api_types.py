"""The table notation of API types, and the shapes that one version of an API gives them.

A table maps a struct's name to its fields, and a field to `TYPE[!] [SINCE][-UNTIL]`:

    string, bool, int32, int64, number, bytes, quantity, int-or-string, any     scalars
    core.v1.PodSpec                     another struct
    []string  {}quantity                a list, a map
    [name]core.v1.EnvVar  [=]string     a list whose items differ in `name`; a set
    string!                             required
    string 1.28  int32 -1.27            known from, known until; a field whose type changed has a list of these

A TOML table may write a field as `{ type = ..., enum = ["A", "B 0.9.0"] }`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seatrial.manifests.shapes import SCALARS, Choice, Listing, Mapped, Shape, Struct

Version = tuple[int, ...]
Table = Mapping[str, Mapping[str, Any]]


def version(text: str) -> Version:
    """`1.28` → (1, 28)."""
    return tuple(map(int, text.split(".")))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a table: a word (a type or an enum's value) and the versions that know it."""

    word: str
    required: bool
    since: str
    until: str

    @classmethod
    def parse(cls, text: str) -> "Entry":
        word, _, span = text.partition(" ")
        since, _, until = span.partition("-")
        return cls(word.removesuffix("!"), word.endswith("!"), since, until)

    def known_at(self, at: Version) -> bool:
        return not (self.since and version(self.since) > at) and not (self.until and version(self.until) < at)


@dataclass(frozen=True, slots=True)
class Layer:
    """A table and the version of the product that it is read at."""

    product: str
    at: Version
    table: Table

    def hint(self, entry: Entry) -> tuple[str, str | None]:
        """(in words, name of the first version that knows it) of an entry that this version does not know."""
        if entry.since and version(entry.since) > self.at:
            first = f"{self.product} {entry.since}"
            return f"known from {first}", first
        return f"known only until {self.product} {entry.until}", None


@dataclass(slots=True)
class Catalogue:
    """Shapes by notation, built when first asked for.

    An earlier layer hides structs of a later one. `unique_keys` is True for custom resources: only for them does the
    server refuse items of a keyed list that have the same key. Without `fractions` a quantity is not a number like
    0.5: a custom resource's schema knows integers and strings only.
    """

    layers: tuple[Layer, ...]
    unique_keys: bool = False
    fractions: bool = True
    _shapes: dict[str, Shape] = field(default_factory=dict)

    def shape(self, notation: str) -> Shape:
        """Raises KeyError for a struct that no layer has: a mistake in a table."""
        shape = self._shapes.get(notation)
        return shape if shape is not None else self._build(notation)

    def _build(self, notation: str) -> Shape:
        if notation.startswith("["):
            keys, _, item = notation[1:].partition("]")
            names = tuple(keys.split(",")) if keys and self.unique_keys else ()
            shape: Shape = Listing(self.shape(item), names)
        elif notation.startswith("{}"):
            shape = Mapped(self.shape(notation[2:]))
        elif notation == "quantity" and not self.fractions:
            shape = SCALARS["whole-quantity"]
        elif notation in SCALARS:
            shape = SCALARS[notation]
        else:
            return self._struct(notation)
        self._shapes[notation] = shape
        return shape

    def _struct(self, name: str) -> Shape:
        layer = next((layer for layer in self.layers if name in layer.table), None)
        if layer is None:
            raise KeyError(name)
        rows = [(key, spec, entry) for key, spec in layer.table[name].items() for entry in _entries(spec)]
        known = [row for row in rows if row[2].known_at(layer.at)]
        names = {key for key, _, _ in known}
        struct = Struct(
            name,
            required=tuple(key for key, _, entry in known if entry.required),
            elsewhere={key: layer.hint(entry) for key, _, entry in rows if key not in names},
        )
        self._shapes[name] = struct  # before its fields: a struct can contain itself
        for key, spec, entry in known:
            struct.fields[key] = _choice(spec["enum"], layer) if _is_enum(spec) else self.shape(entry.word)
        return struct


def _is_enum(spec: object) -> bool:
    return isinstance(spec, dict) and "enum" in spec


def _entries(spec: str | list[str] | dict[str, str]) -> Iterator[Entry]:
    if isinstance(spec, list):
        yield from map(Entry.parse, spec)
    else:
        yield Entry.parse(spec["type"] if isinstance(spec, dict) else spec)


def _choice(values: list[str], layer: Layer) -> Choice:
    entries = [Entry.parse(text) for text in values]
    known = tuple(entry.word for entry in entries if entry.known_at(layer.at))
    later = {entry.word: layer.hint(entry)[1] or "" for entry in entries if entry.word not in known}
    return Choice(known, later)
