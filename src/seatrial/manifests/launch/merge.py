"""What several ways through a script have in common, and what only some of them have."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from seatrial.manifests.shell.command import Command, Word
from seatrial.manifests.shell.values import Value, unknown

T = TypeVar("T")


def merge_words(variants: Sequence[tuple[Word, ...]]) -> tuple[Word, ...]:
    """One command line out of several.

    Words that some variants lack are not ``certain``. A word that differs between variants at one place of the
    manifest stays one word and is not ``known``.
    """
    merged = variants[0]
    for variant in variants[1:]:
        if variant != merged:
            merged = tuple(
                _merge(merged, variant, lambda word: (word.text, word.path, word.line, word.column), _joined)
            )
    return merged


def merge_commands(variants: Sequence[Sequence[Command]]) -> tuple[Command, ...]:
    """The commands of all variants in order; those that some variants lack are not ``certain``."""
    merged = list(variants[0])
    for variant in variants[1:]:
        merged = list(_merge(merged, variant, lambda c: (c.line, tuple(word.text for word in c.words)), _apart))
    return tuple(merged)


def merge_environments(variants: Sequence[Mapping[str, Value]]) -> dict[str, Value]:
    """All variables that any variant sets; where variants differ, the value is not known."""
    merged: dict[str, Value] = {}
    for name in dict.fromkeys(name for variant in variants for name in variant):
        held = [variant.get(name) for variant in variants]
        first = held[0]
        same = first is not None and all(value is not None and value.text == first.text for value in held)
        merged[name] = first if first is not None and same else unknown(name, frozenset({name}))
    return merged


def unsettled(variants: Sequence[Mapping[str, Value]]) -> frozenset[str]:
    """The variables that only some variants set."""
    every = [frozenset(variant) for variant in variants]
    return frozenset().union(*every) - frozenset.intersection(*every)


def _merge(
    left: Sequence[T],
    right: Sequence[T],
    key: Callable[[T], Hashable],
    differing: Callable[[Sequence[T], Sequence[T]], list[T]],
) -> list[T]:
    from difflib import SequenceMatcher  # only scripts with undecided conditions need it

    merged: list[T] = []
    matcher = SequenceMatcher(None, [key(item) for item in left], [key(item) for item in right], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        merged += left[a:b] if tag == "equal" else differing(left[a:b], right[c:d])
    return merged


def _joined(left: Sequence[Word], right: Sequence[Word]) -> list[Word]:
    if len(left) == len(right) and all(_place(a) == _place(b) for a, b in zip(left, right, strict=True)):
        return [_either(a, b) for a, b in zip(left, right, strict=True)]
    return [replace(word, certain=False) for word in (*left, *right)]


def _place(word: Word) -> tuple[object, ...]:
    return word.path, word.line, word.column


def _either(left: Word, right: Word) -> Word:
    if left.text == right.text:
        return replace(left, sources=left.sources | right.sources)
    return replace(left, text=f"{left.text}|{right.text}"[:200], known=False, sources=left.sources | right.sources)


def _apart(left: Sequence[Command], right: Sequence[Command]) -> list[Command]:
    return [replace(command, certain=False) for command in (*left, *right)]
