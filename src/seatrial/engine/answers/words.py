"""Filler: words in an order that follows from the request, and each already written as JSON."""

import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import chain, cycle, islice

from seatrial.engine.answers.answer import Piece

_WORDS = """
the of and to in is that for it as with on be by this are from or an at which have not can will one
each all when so if its two more time there other some than then only over such must first new most
way may these any well long made group node rank leader worker model token weight layer expert cache
batch step key value graph memory network port address service pod set label cluster zone region
disk image driver kernel probe request answer stream event queue load store read write send wait
join start stop ready serve scale roll drain lose find keep hold run plan test prove trial sea
harbour anchor vessel chart course watch signal beacon tide wind
"""
_MULTIPLIER, _INCREMENT, _MASK = 6364136223846793005, 1442695040888963407, (1 << 64) - 1


@cache
def pieces(kind: str) -> tuple[Piece, ...]:
    """Every word as a piece of a kind."""
    return tuple(Piece(kind, f" {word}", f" {word}".encode()) for word in _WORDS.split())


def seed_of(*parts: object) -> int:
    """A number that follows from these parts."""
    digest = hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest)


_LENGTH = 4096
"""Words of the sequence that fillers are cut out of."""


@cache
def _sequence(kind: str) -> tuple[Piece, ...]:
    words = pieces(kind)
    count, state, found = len(words), 1, []
    for _ in range(_LENGTH):
        state = (state * _MULTIPLIER + _INCREMENT) & _MASK
        found.append(words[(state >> 33) % count])
    return tuple(found)


def filler(kind: str, tokens: int, seed: int) -> Iterator[Piece]:
    """So many tokens of filler."""
    sequence = _sequence(kind)
    return islice(chain(sequence[seed % _LENGTH :], cycle(sequence)), tokens)
