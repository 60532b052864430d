"""What all known releases make of one command line. Releases that know its flags alike are asked once."""

from collections.abc import Hashable, Mapping, Sequence
from functools import cache, lru_cache

from seatrial.knowledge.sglang.argv import Parsed
from seatrial.knowledge.sglang.release import versions
from seatrial.knowledge.sglang.table import FlagTable, flag_table


def parses(argv: Sequence[str]) -> Mapping[str, Parsed]:
    """Return SGLang's arguments (without the program) as each known release reads them, by version."""
    names = {word.partition("=")[0] for word in argv if word.startswith("-")}
    columns = [_programs(), *map(_readings, names)]
    answers: dict[tuple[Hashable, ...], Parsed] = {}
    found: dict[str, Parsed] = {}
    # From the newest on: of releases that agree, its hints count.
    for version, *key in zip(reversed(versions()), *map(reversed, columns), strict=True):
        if (alike := tuple(key)) not in answers:
            answers[alike] = flag_table(version).parse(argv)
        found[version] = answers[alike]
    return found


@cache
def _programs() -> tuple[Hashable, ...]:
    """For each release, what every command line depends on: the program's name and the flags it insists on."""
    tables = map(flag_table, versions())
    return tuple((table.prog, tuple(id(flag) for flag in table.flags if flag.required)) for table in tables)


@lru_cache(1024)
def _readings(name: str) -> tuple[Hashable, ...]:
    """For each release, the flags that a name or an abbreviation fits. Releases share the record of an equal flag."""
    return tuple(_fitting(flag_table(version), name) for version in versions())


def _fitting(table: FlagTable, name: str) -> Hashable:
    if name in table.options:
        return id(table.options[name])
    if not name.startswith("--"):
        return None  # one dash: -h, which every release has, or no flag at all
    return tuple((option, id(flag)) for option, flag in table.options.items() if option.startswith(name))
