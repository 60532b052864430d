"""SGLang's releases: their order, their image tags, the file that holds their flags.

The data file is made by ``tools/sglang_flags.py`` from the published packages.
"""

import json
import re
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from seatrial.knowledge.versions import parse

_TAG = re.compile(r"v?(\d+\.\d+\.\d+(?:rc\d+)?(?:\.post\d+)?)(?:[-_+].*)?", re.DOTALL)
_GZIP = 31  # window bits that make zlib expect a gzip header


class UnknownVersion(LookupError):
    """A version whose command line is not known; the message names the closest known one."""

    def __init__(self, version: str) -> None:
        self.version, self.nearest = version, nearest(version)
        known = versions()
        hint = f"; the closest known one is {self.nearest}" if self.nearest else ""
        super().__init__(f"the flags of SGLang {version} are not known ({known[0]} to {known[-1]} are){hint}")


def version_of_tag(tag: str) -> str | None:
    """Return the version that an image tag names (``v0.5.9-cu126`` gives ``0.5.9``), None when it names none.

    The version need not be one of :func:`versions`.
    """
    match = _TAG.fullmatch(tag)
    return match[1] if match else None


@cache
def versions() -> tuple[str, ...]:
    """Return the versions whose flags are known, oldest first."""
    return tuple(version for version, _, _ in data()["versions"])


def nearest(version: str) -> str | None:
    """Return the known version closest to *version*: the newest not above it, else the oldest."""
    wanted = parse(version)
    if wanted is None:
        return None
    below = [known for known in versions() if (key := parse(known)) is not None and key <= wanted]
    return below[-1] if below else versions()[0]


@cache
def covers(version: str) -> bool:
    """Return whether *version* lies between the oldest and the newest release whose flags are known."""
    wanted, oldest, newest = parse(version), parse(versions()[0]), parse(versions()[-1])
    return wanted is not None and oldest is not None and newest is not None and oldest <= wanted <= newest


@cache
def data() -> dict[str, Any]:
    """Return the parsed data file: ``records``, ``choices``, ``sources`` and ``versions``.

    ``versions`` holds ``[version, prog, edits]`` in ascending order; *edits* turn the list of record numbers
    of the version before into that of this version.
    """
    packed = Path(__file__).with_name("flags.json.gz").read_bytes()
    parsed: dict[str, Any] = json.loads(zlib.decompress(packed, _GZIP))
    return parsed
