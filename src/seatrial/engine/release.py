"""The SGLang release that is imitated."""

from dataclasses import dataclass
from functools import lru_cache

from seatrial.knowledge.versions import at_least


@dataclass(frozen=True, slots=True)
class Release:
    """A release by its number, such as ``0.5.9``.

    Where a behaviour is known to have changed after release a and not later than b, it counts from b on.
    """

    version: str

    def since(self, version: str) -> bool:
        """Whether this release is `version` or a newer one."""
        return _since(self.version, version)


@lru_cache(1024)
def _since(have: str, floor: str) -> bool:
    answer = at_least(have, floor)
    if answer is None:
        raise ValueError(f"{have!r} or {floor!r} is no version of SGLang")
    return answer
