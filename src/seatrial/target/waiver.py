"""Deviations that a user has decided to live with, until a date."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase

_ID = re.compile(r"[A-Z][A-Z0-9]*-\d{2,}")
_KEYS = ("id", "object", "reason", "expires", "link")
_EXAMPLE = {
    "id": 'id = "IMG-03"',
    "object": 'object = "LeaderWorkerSet/deepseek-r1"',
    "reason": 'reason = "the registry keeps no digests"',
    "expires": "expires = 2027-06-30",
    "link": 'link = "https://tracker.example.com/42"',
}


@dataclass(frozen=True, slots=True)
class Waiver:
    """A decision to accept what requirement `id` finds in `object`; `place` is its `file:line`."""

    id: str
    object: str
    reason: str
    expires: date
    place: str
    link: str | None = None

    def expired(self, today: date) -> bool:
        """Whether the last day of the waiver has passed."""
        return today > self.expires

    def matches(self, requirement: str, object: str) -> bool:
        """Whether this waiver speaks of what `requirement` finds in `object`, `Kind/name` or `Kind/namespace/name`.

        `*` stands for any text. Where one side names no namespace, the namespace is not compared.
        """
        if requirement != self.id:
            return False
        if self.object == "*":
            return True
        wanted, given = self.object.split("/"), object.split("/")
        if len(wanted) != len(given):
            wanted, given = [wanted[0], wanted[-1]], [given[0], given[-1]]
        return all(map(fnmatchcase, given, wanted))


def read(raw: object, place: str) -> tuple[Waiver | None, list[str]]:
    """The waiver in one `[[waiver]]` table, or what is wrong with it, one sentence each."""
    if not isinstance(raw, Mapping):
        return None, ["a waiver is a table: write [[waiver]] above its keys"]
    problems = [f"waiver has no key `{key}`; its keys are {', '.join(_KEYS)}" for key in raw if key not in _KEYS]
    problems += [f"waiver: {wrong}, write {_EXAMPLE[key]}" for key, wrong in _wrong(raw)]
    if problems:
        return None, problems
    return Waiver(raw["id"], raw["object"], raw["reason"].strip(), raw["expires"], place, raw.get("link")), []


def _wrong(raw: Mapping[str, object]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    name, target, expires = raw.get("id"), raw.get("object"), raw.get("expires")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        found.append(("id", "`id` has to be the id of one requirement"))
    if not isinstance(target, str) or not _names_objects(target):
        found.append(("object", "`object` has to be Kind/name or Kind/namespace/name, * for any"))
    if not isinstance(raw.get("reason"), str) or not str(raw["reason"]).strip():
        found.append(("reason", "`reason` has to say why"))
    if not isinstance(expires, date) or isinstance(expires, datetime):
        found.append(("expires", "`expires` has to be a date without quotes"))
    if "link" in raw and (not isinstance(raw["link"], str) or not raw["link"].strip()):
        found.append(("link", "`link` has to be a non-empty string"))
    return found


def _names_objects(text: str) -> bool:
    parts = text.split("/")
    return text == "*" or (len(parts) in (2, 3) and all(part and part == part.strip() for part in parts))
