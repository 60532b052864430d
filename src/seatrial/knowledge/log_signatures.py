"""Lines of start-up logs by which a cause is known (requirements, table T9)."""

import functools
import re
from dataclasses import dataclass
from datetime import date as Date

from seatrial.knowledge.records import records


@dataclass(frozen=True, slots=True)
class Signature:
    """A pattern of one line. `prevented` are the requirements that would have found the cause before."""

    pattern: str
    fatal: bool
    meaning: str
    prevented: tuple[str, ...]
    source: str
    date: Date
    rdma: bool = False
    """Whether it means something only where RDMA is expected."""


@functools.cache
def signatures() -> tuple[Signature, ...]:
    """All known signatures; of several that fit a line, the first one counts."""
    return records("log_signatures", "signature", Signature)


@functools.cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(one.pattern) for one in signatures())


@functools.cache
def _any() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one.pattern})" for one in signatures()))


def signature(line: str) -> Signature | None:
    """The signature that a line bears; None for most lines."""
    if _any().search(line) is None:
        return None
    return next(one for one, pattern in zip(signatures(), _patterns(), strict=True) if pattern.search(line))
