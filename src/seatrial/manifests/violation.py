"""One place where a document differs from its schema, and the words to say it in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Path = tuple[str | int, ...]
Kind = Literal["unknown field", "type", "required", "value"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One place where a document differs from its schema.

    `path` is the key to blame; for a missing field it is the map that lacks it. `known_from` names the first version
    that knows the field or value, as `Kubernetes 1.33` or `LeaderWorkerSet 0.9.0`, when the judged one does not.
    """

    path: Path
    kind: Kind
    message: str
    observed: str
    expected: str
    known_from: str | None = None


def describe(value: object) -> str:
    """A value in a message, short and in YAML's words: `the number 1`, `a list`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value:.15g}" if isinstance(value, float) or abs(value) < 10**15 else "a very large number"
    if isinstance(value, str):
        return f'the string "{value if len(value) <= 40 else value[:39] + "…"}"'
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "another value"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`, did you mean ...` with the closest known word; empty when none is close."""
    from difflib import get_close_matches  # here, since a correct document never needs it

    same_letters = [name for name in known if name.lower() == str(word).lower()]
    close = same_letters or get_close_matches(str(word)[:100], known, n=1, cutoff=0.7)
    return f", did you mean `{close[0]}`" if close else ""
