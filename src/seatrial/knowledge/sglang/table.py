"""The flags of one SGLang release, and what became of a flag over the releases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from seatrial.knowledge.sglang.argv import Parsed, parse
from seatrial.knowledge.sglang.flag import HELP, Flag, Json
from seatrial.knowledge.sglang.release import UnknownVersion, data


@dataclass(frozen=True, eq=False)
class FlagTable:
    """The argument parser of one release: its program name and its flags in the order of registration."""

    version: str
    prog: str
    flags: tuple[Flag, ...]

    @cached_property
    def options(self) -> Mapping[str, Flag]:
        """Every option string, in the order of registration, with its flag."""
        return {name: flag for flag in self.flags for name in flag.names}

    @cached_property
    def by_dest(self) -> Mapping[str, Flag]:
        """The flags by the attribute that they set; the first registration counts."""
        return {flag.dest: flag for flag in reversed(self.flags)}

    def default(self, dest: str) -> Json:
        """Return the value of *dest* when no flag sets it, as argparse stores it.

        Raises:
            KeyError: the version has no such attribute.
        """
        return self.by_dest[dest].default

    def parse(self, argv: Sequence[str]) -> Parsed:
        """Read SGLang's arguments (without the program) as this release does; see :mod:`argv`."""
        return parse(self, argv)

    def closest(self, name: str) -> tuple[str, ...]:
        """Return up to three option strings that *name* may have been meant to be, best first."""
        return _closest(self.version, name)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The first and last known release that has an option string, and the first in which it is deprecated."""

    since: str
    until: str
    deprecated_since: str | None


@cache
def flag_table(version: str) -> FlagTable:
    """Return the flags of a release.

    Raises:
        UnknownVersion: the release is not in the data; the message names the closest one.
    """
    tables = _record_numbers()
    if version not in tables:
        raise UnknownVersion(version)
    prog, numbers = tables[version]
    return FlagTable(version, prog, (HELP, *map(_flag, numbers)))


def lifetime(name: str) -> Lifetime | None:
    """Return when the option string *name* (``--tp-size``) exists, None when no known release has it."""
    return _lifetimes().get(name)


@lru_cache(512)
def _closest(version: str, name: str) -> tuple[str, ...]:
    options = flag_table(version).options
    dashed = "--" + name.lstrip("-").replace("_", "-").lower()
    if dashed in options:
        return (dashed,)
    from difflib import get_close_matches  # needed for wrong flags only

    return tuple(get_close_matches(dashed, options, n=3, cutoff=0.8))


@cache
def _lifetimes() -> dict[str, Lifetime]:
    found: dict[str, Lifetime] = {}
    for version, (_, numbers) in _record_numbers().items():
        for flag in map(_flag, numbers):
            for name in flag.names:
                old = found.get(name)
                deprecated = (old.deprecated_since if old else None) or version
                found[name] = Lifetime(old.since if old else version, version, deprecated if flag.deprecated else None)
    return found


@cache
def _record_numbers() -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the program name and the record numbers of each release."""
    tables, numbers = {}, list[int]()
    for version, prog, edits in data()["versions"]:
        for start, stop, new in edits:  # from the end of the list, so that positions stay valid
            numbers[start:stop] = new
        tables[version] = prog, tuple(numbers)
    return tables


@cache
def _flag(number: int) -> Flag:
    content = data()
    record = content["records"][number]
    names = tuple(record["names"])
    choices = record.get("choices")
    return Flag(
        dest=record.get("dest") or names[0][2:].replace("-", "_"),
        names=names,
        arity=record.get("arity", "1"),
        type=record.get("type", "str"),
        choices=None if choices is None else tuple(content["choices"][choices]),
        default=record.get("default"),
        computed_default=record.get("computed", False),
        required=record.get("required", False),
        deprecated=record.get("deprecated", False),
        replacement=record.get("replacement"),
        source=content["sources"][record["source"]],
        action=record.get("action", "store"),
        const=record.get("const"),
    )
