"""What a shell variable or word holds: a text, whether it is really known, and where it came from."""

from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST = 1 << 18


class Unsupported(Exception):
    """The script goes beyond what is evaluated here; the message says how."""


@dataclass(frozen=True, slots=True)
class Value:
    """``sources`` names the environment variables and Downward API fields that flowed into the text.

    An unknown value (``known`` false) has a readable placeholder as its text.
    """

    text: str
    known: bool = True
    sources: frozenset[str] = frozenset()


EMPTY = Value("")


def unknown(what: str, sources: frozenset[str] = frozenset()) -> Value:
    """A value that cannot be known; the placeholder holds no character that the shell would read."""
    return Value("⟨" + "".join(c if c.isalnum() or c in "._/:-" else "·" for c in what[:60]) + "⟩", False, sources)


def is_placeholder(text: str) -> bool:
    """Whether a part of the text stands for something unknown."""
    return "⟨" in text


def joined(values: Iterable[Value], separator: str = "") -> Value:
    """One value out of several, as ``"$*"`` makes it. Raises Unsupported beyond 256 KiB of text."""
    values = tuple(values)
    if len(values) == 1:
        return values[0]
    text = separator.join([value.text for value in values])
    if len(text) > _LONGEST:
        raise Unsupported("a value grows beyond 256 KiB")
    return Value(text, all(value.known for value in values), frozenset().union(*(value.sources for value in values)))
