"""Read SGLang's arguments as the argument parser of its release does, but report every error.

The rules are those of argparse with default settings: exact names first, then unambiguous prefixes, ``--name=value``,
the last repetition wins, a word that looks like a negative number or holds a blank is a value. Python 3.12.8 and
later differ only in when an ambiguous prefix is noticed, which decides the order of messages, not what is refused.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from seatrial.knowledge.sglang.conversion import Refused, convert
from seatrial.knowledge.sglang.flag import Flag

if TYPE_CHECKING:
    from seatrial.knowledge.sglang.table import FlagTable

ErrorKind = Literal[
    "unrecognized",
    "ambiguous",
    "invalid choice",
    "invalid value",
    "expected argument",
    "ignored explicit argument",
    "required",
    "retired",
    "help",
]
_NUMBER = re.compile(r"-\d+|-\d*\.\d+")
# When argparse notices an error: while it sorts the words, while it reads them, at the end, and at last.
_STAGES: Mapping[ErrorKind, int] = {"ambiguous": 0, "required": 2, "unrecognized": 3}


class Unknown(str):
    """A word whose text is not known, or only in part: it fits every type and every choice."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a flag. ``index`` and ``value_index`` count words of argv from 0; ``typed`` leaves out ``=value``.

    ``value`` is typed (a tuple for flags that take several values), or the raw text where ``valid`` is false.
    ``value_index`` is that of the first value word, None when the flag has none.
    """

    index: int
    typed: str
    flag: Flag
    exact: bool
    value: object
    value_index: int | None
    valid: bool = True


@dataclass(frozen=True, slots=True)
class ArgError:
    """One thing that makes the parser stop; ``message`` is what it prints after ``PROG: error: ``.

    ``index`` is the word to blame, None for a missing flag. ``candidates`` are the options that an ambiguous
    prefix fits, or those that an unrecognized one may have been meant to be.
    """

    kind: ErrorKind
    index: int | None
    typed: str
    candidates: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Parsed:
    """What SGLang makes of an argument list. ``unknown`` holds the indices of words that may be anything."""

    prog: str
    uses: tuple[Use, ...]
    errors: tuple[ArgError, ...]
    unknown: tuple[int, ...]
    extras: tuple[str, ...]

    @cached_property
    def values(self) -> Mapping[str, object]:
        """The values that flags set, by attribute; invalid values are left out, defaults too."""
        stored = (use for use in self.uses if use.valid and use.flag.action not in ("ignored", "retired", "help"))
        return {use.flag.dest: use.value for use in stored}

    def given(self, dest: str) -> Use | None:
        """Return the use that decides *dest* (the last one), None when no flag sets it."""
        return next((use for use in reversed(self.uses) if use.flag.dest == dest), None)

    @property
    def config_file(self) -> Use | None:
        """The use of ``--config FILE``, a file whose options count too, before those given here.

        SGLang looks for the bare word: with ``--config=FILE`` or an abbreviation the file is not read.
        """
        return next((use for use in self.uses if _reads_file(use)), None)

    @property
    def complete(self) -> bool:
        """Whether no word is unknown and no configuration file adds options."""
        return not self.unknown and self.config_file is None

    @property
    def first(self) -> ArgError | None:
        """The error that the parser reports, which hides all others."""
        return min(self.errors, key=lambda e: (_STAGES.get(e.kind, 1), e.index or 0), default=None)

    @property
    def message(self) -> str | None:
        """The last line on standard error, None when the arguments are accepted or only help is printed."""
        first = self.first
        if first is None or first.kind == "help":
            return None
        text = first.message
        if first.kind == "unrecognized":
            text = _unrecognized(self.extras)
        return f"{self.prog}: error: {text}"


def parse(table: "FlagTable", argv: Sequence[str]) -> Parsed:
    """Return what the release of *table* makes of *argv* (SGLang's arguments, without the program)."""
    return _Reader(table, argv).read()


class _Option(NamedTuple):
    """A word that names a flag, or looks like one: ``flag`` is None for unrecognized and ambiguous names."""

    typed: str
    flag: Flag | None = None
    name: str = ""
    explicit: str | None = None
    candidates: tuple[str, ...] = ()


_VALUE = _Option("")
_DASHES = _Option("--")


class _Reader:
    def __init__(self, table: "FlagTable", argv: Sequence[str]) -> None:
        self.table, self.argv = table, argv
        self.words = list(self._classified())
        self.uses: list[Use] = []
        self.errors: list[ArgError] = []
        self.unknown: list[int] = []
        self.extras: list[str] = []

    def read(self) -> Parsed:
        index = 0
        while index < len(self.words):
            index = self._step(index)
        self._missing()
        return Parsed(self.table.prog, tuple(self.uses), tuple(self.errors), tuple(self.unknown), tuple(self.extras))

    # -- sorting the words

    def _classified(self) -> Iterator[_Option]:
        only_values = False
        for word in self.argv:
            if only_values:
                yield _VALUE
            elif word == "--":
                only_values = True
                yield _DASHES
            else:
                yield self._option(word)

    def _option(self, word: str) -> _Option:
        options = self.table.options
        if not word.startswith("-"):
            return _VALUE
        if word in options:
            return _Option(word, options[word], word)
        if len(word) == 1:
            return _VALUE
        name, equals, text = word.partition("=")
        explicit = (Unknown(text) if isinstance(word, Unknown) else text) if equals else None
        if equals and name in options:
            return _Option(name, options[name], name, explicit)
        if not word.startswith("--"):
            return self._short(word)
        candidates = tuple(option for option in options if option.startswith(name))
        if len(candidates) == 1:
            return _Option(name, options[candidates[0]], candidates[0], explicit)
        return _Option(name, candidates=candidates) if candidates else self._unfit(word)

    def _short(self, word: str) -> _Option:
        """Read a word with one dash: ``-h`` is the only such option, and takes no value."""
        short = word[:2]
        if short in self.table.options:
            return _Option(short, self.table.options[short], short, word[2:])
        return self._unfit(word)

    def _unfit(self, word: str) -> _Option:
        return _VALUE if _NUMBER.fullmatch(word) or " " in word else _Option(word)

    # -- reading them in order

    def _step(self, index: int) -> int:
        """Read the word at *index* with what belongs to it, and return the index of the next word."""
        option = self.words[index]
        if option is _DASHES:
            return self._strays(index, len(self.words))
        stop = index + 1
        while stop < len(self.words) and self.words[stop] is _VALUE:
            stop += 1
        if option.flag is not None:
            return self._use(index, option, option.flag, stop)
        if option.candidates:
            self._ambiguous(index, option)
            return stop
        if option is _VALUE:
            return self._strays(index, index + 1)
        return self._strays(index, stop)

    def _use(self, index: int, option: _Option, flag: Flag, stop: int) -> int:
        if option.explicit is not None:
            return self._use_explicit(index, option, flag, option.explicit)
        first, most = index + 1, {"0": 0, "1": 1, "?": 1}.get(flag.arity, stop)
        last = min(stop, first + most)
        if last == first and flag.arity in ("1", "+"):
            wanted = "one argument" if flag.arity == "1" else "at least one argument"
            self._error("expected argument", index, option.typed, f"argument {flag.display}: expected {wanted}")
            return last
        self._store(index, option, flag, self.argv[first:last], first if last > first else None)
        return last

    def _use_explicit(self, index: int, option: _Option, flag: Flag, text: str) -> int:
        """Read ``--name=value``, and ``-hhh``, which is ``-h`` three times."""
        if flag.arity != "0":
            self._store(index, option, flag, [text], index)
        elif flag.action == "help" and option.typed == "-h" and text and not text.strip("h"):
            self._store(index, option, flag, [], None)
        else:
            rest = (text.lstrip("h") if flag.action == "help" else text) or text
            message = f"argument {flag.display}: ignored explicit argument {str(rest)!r}"
            self._error("ignored explicit argument", index, option.typed, message)
        return index + 1

    def _store(self, index: int, option: _Option, flag: Flag, texts: Sequence[str], at: int | None) -> None:
        value, valid = self._value(index, option, flag, texts, at)
        exact = option.typed == option.name
        self.uses.append(Use(index, option.typed, flag, exact, value, at, valid))
        if flag.action == "retired":
            hint = f"; use {flag.replacement}" if flag.replacement else ""
            self._error("retired", index, option.typed, f"{option.name} is no longer supported{hint}")
        elif flag.action == "help":
            self._error("help", index, option.typed, "prints its help and exits with code 0")

    def _value(
        self, index: int, option: _Option, flag: Flag, texts: Sequence[str], at: int | None
    ) -> tuple[object, bool]:
        values: list[object] = []
        for offset, text in enumerate(texts):
            try:
                values.append(text if isinstance(text, Unknown) else convert(flag, text))
            except Refused as refused:
                kind: ErrorKind = "invalid choice" if refused.choice else "invalid value"
                blamed = index if at is None else at + offset
                self._error(kind, blamed, option.typed, f"argument {flag.display}: {refused}")
                return text, False
        match flag.action:
            case "store_true":
                return True, True
            case "boolean":
                return not option.name.startswith("--no-"), True
            case "const":
                return flag.const, True
            case "store":
                many = flag.arity in ("*", "+")
                return (tuple(values) if many else values[0] if values else flag.const), True
        return None, True

    # -- errors

    def _error(
        self, kind: ErrorKind, index: int | None, typed: str, message: str, candidates: tuple[str, ...] = ()
    ) -> None:
        self.errors.append(ArgError(kind, index, typed, candidates, message))

    def _ambiguous(self, index: int, option: _Option) -> None:
        if isinstance(self.argv[index], Unknown) and "=" not in self.argv[index]:
            self.unknown.append(index)
            return
        message = f"ambiguous option: {self.argv[index]} could match {', '.join(option.candidates)}"
        self._error("ambiguous", index, option.typed, message, option.candidates)

    def _strays(self, start: int, stop: int) -> int:
        """Report words that no flag takes: an unrecognized flag with the values after it is one error."""
        words = self.argv[start:stop]
        if isinstance(words[0], Unknown):
            self.unknown += range(start, stop)
            return stop
        self.extras += words
        typed = words[0].partition("=")[0] if words[0].startswith("--") else words[0]
        candidates = self.table.closest(typed) if typed.startswith("-") and typed.strip("-") else ()
        self._error("unrecognized", start, typed, _unrecognized(words), candidates)
        return stop

    def _missing(self) -> None:
        if any(_reads_file(use) for use in self.uses):
            return  # the file may set what is missing
        seen = {id(use.flag) for use in self.uses}
        missing = [flag for flag in self.table.flags if flag.required and id(flag) not in seen]
        if missing and not self.unknown:
            names = ", ".join(flag.display for flag in missing)
            self._error("required", None, missing[0].names[0], f"the following arguments are required: {names}")


def _reads_file(use: Use) -> bool:
    return use.typed == "--config" and use.value_index != use.index


def _unrecognized(words: Sequence[str]) -> str:
    return f"unrecognized arguments: {' '.join(words)}"
