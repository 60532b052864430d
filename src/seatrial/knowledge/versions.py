"""Version numbers as vendors write them, compared as numbers and never as strings."""

import functools
import re
from typing import NamedTuple

_FORM = re.compile(
    r"v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:\.post(\d{1,9}))?(?P<rest>[-+.]?[0-9A-Za-z][-0-9A-Za-z.+]*)?", re.ASCII
)
_PRERELEASE = re.compile(r"[-.]?(?:a|b|rc|alpha|beta|dev|pre)[-.]?\d*(?:[-+.].*)?", re.IGNORECASE)


class Version(NamedTuple):
    """An ordered version. `numbers` has four places; a vendor's suffix (`-tke.3`, `+k3s1`) does not count."""

    numbers: tuple[int, int, int, int]
    final: bool = True
    post: int = 0

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor number, for facts that belong to a minor release."""
        return self.numbers[:2]


@functools.lru_cache(1024)
def parse(text: str) -> Version | None:
    """`v1.28.3-tke.3`, `0.4.3.post2`, `0.5.0rc1`, `550.54.15`, `12.4` → Version; anything else → None."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        return None
    rest = found["rest"] or ""
    prerelease = bool(rest) and _PRERELEASE.fullmatch(rest) is not None
    if rest and not prerelease and rest[0] not in "-+":
        return None
    first, second, third, fourth = ([int(part) for part in found[1].split(".")] + [0, 0, 0])[:4]
    return Version((first, second, third, fourth), not prerelease, int(found[2] or 0))


def at_least(text: str | None, floor: str) -> bool | None:
    """Whether version `text` is `floor` or newer; None when either is not a version."""
    have, want = parse(text or ""), parse(floor)
    return None if have is None or want is None else have >= want
