"""Word expansion in the shell's order: braces, parameters and substitutions, arithmetic, splitting, quote removal."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from seatrial.manifests.shell import patterns
from seatrial.manifests.shell.arithmetic import ArithmeticFault, compute
from seatrial.manifests.shell.state import State
from seatrial.manifests.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    Reference,
    Substitution,
    Word,
    plain,
)  # fmt: skip
from seatrial.manifests.shell.values import EMPTY, Unsupported, Value, is_placeholder, joined, unknown

_NAME_TAIL = re.compile(r"\w+", re.ASCII)
_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_HELD, _HELD_END = "\ue010", "\ue011"
_GLOB = re.compile(r"[*?]|\[.+\]")


class Fragment(NamedTuple):
    """A piece of an expanded word. ``split`` marks the result of an unquoted expansion."""

    value: Value
    quoted: bool
    split: bool = False


Pieces = tuple[tuple[str, bool], ...]
Report = Callable[[str, str, str, int], None]
"""kind, variable, message, line"""


class Expansion:
    """Expands words against one shell's state.

    ``capture`` runs a command substitution, ``nonempty`` decides whether an unknown value is empty,
    ``report`` receives what is wrong with the script.
    """

    def __init__(
        self,
        state: State,
        references: Callable[[str], Value | None],
        capture: Callable[[Substitution], Value],
        nonempty: Callable[[Value], bool],
        report: Report,
        braces: bool = True,
    ) -> None:
        self.state, self.references, self.capture, self.nonempty = state, references, capture, nonempty
        self.report, self.braces = report, braces
        self.tolerated: frozenset[str] | None = frozenset()
        """Names that may be unset without a report; None tolerates all."""

    # words ---------------------------------------------------------------------------------------------------------

    def fields(self, word: Word) -> list[Value]:
        """The words that one word of the script becomes."""
        if word.fixed is not None:
            return [Value(word.fixed)]
        parts = word.parts
        result: list[Value] = []
        for alternative in _brace_words(parts) if self.braces and _has_brace(parts) else (parts,):
            result += self._split(self._fragments(alternative, leading=True))
        return result

    def split(self, value: Value) -> list[Value]:
        """A value cut at IFS, as an unquoted expansion is."""
        return self._split([Fragment(value, False, True)])

    def value(self, parts: Sequence[Part]) -> Value:
        """The parts as one value, without splitting, as on the right of an assignment."""
        if len(parts) == 1 and isinstance(parts[0], Literal) and (parts[0].quoted or not parts[0].text.startswith("~")):
            return Value(parts[0].text)
        return joined([_BLANK if f is None else f.value for f in self._fragments(parts, leading=True)] or [EMPTY])

    def pattern(self, parts: Sequence[Part]) -> tuple[Pieces, Value]:
        """The parts as a pattern, and as a value that says whether the pattern is known."""
        fragments = [f for f in self._fragments(parts) if f is not None]
        return tuple((f.value.text, f.quoted) for f in fragments), joined([f.value for f in fragments] or [EMPTY])

    def _fragments(
        self, parts: Sequence[Part], leading: bool = False, operand: bool = False
    ) -> Iterator[Fragment | None]:
        """Fragments of the parts; None between them ends a field (``"$@"``)."""
        for at, part in enumerate(parts):
            if isinstance(part, Literal):
                if leading and at == 0 and not part.quoted and part.text.startswith("~"):
                    yield from self._tilde(part.text)
                else:
                    yield Fragment(Value(part.text), part.quoted, operand and not part.quoted)
            elif isinstance(part, Parameter):
                yield from self._parameter(part)
            elif isinstance(part, Reference):
                yield Fragment(self.references(part.name) or EMPTY, part.quoted)
            elif isinstance(part, Substitution):
                yield Fragment(self.capture(part), part.quoted, not part.quoted)
            elif isinstance(part, Arithmetic):
                yield Fragment(self.arithmetic(part.expression), part.quoted, not part.quoted)
            else:
                yield Fragment(unknown(part.text), part.quoted)

    def _tilde(self, text: str) -> Iterator[Fragment]:
        head, slash, tail = text.partition("/")
        home = self.state.scalar("HOME") if head == "~" else None
        yield Fragment(home or unknown(head), True)
        yield Fragment(Value(slash + tail), False)

    def _split(self, fragments: "Iterable[Fragment | None]") -> list[Value]:
        ifs = self.state.variables.get("IFS", _DEFAULT_IFS)
        delimiter = _delimiter(ifs.text if isinstance(ifs, Value) else " \t\n")
        fields: list[list[Fragment]] = []
        current: list[Fragment] | None = None
        for fragment in fragments:
            if fragment is None:
                if current is not None:
                    fields.append(current)
                current = None
            elif not fragment.split or delimiter is None or not _can_be_cut(fragment.value, delimiter):
                if fragment.quoted or fragment.value.text:
                    current = [*(current or ()), fragment]
            else:
                current = _cut(fragment, delimiter, fields, current)
        if current is not None:
            fields.append(current)
        return [self._globbed(field) for field in fields]

    def _globbed(self, field: "list[Fragment]") -> Value:
        """Files are not known here, so a word that may match some is not known either."""
        value = joined([fragment.value for fragment in field])
        loose = "".join(fragment.value.text for fragment in field if not fragment.quoted)
        if not _GLOB.search(loose) or "f" in self.state.options:
            return value
        if "*" in loose or "?" in loose or "/" in value.text:
            return Value(value.text, False, value.sources)
        return value

    # parameters ----------------------------------------------------------------------------------------------------

    def _parameter(self, part: Parameter) -> "Iterator[Fragment | None]":
        many = self._list(part)
        if many is not None:
            yield from _list_fragments(many, part, self._separator())
            return
        value = self._indirect(part) if part.indirect else self._read(part)
        if part.length:
            value = self._known_or(value, part, lambda held: str(len(held.text)))
        elif part.operator[:1] in {":", "-", "=", "+", "?"} and part.operator not in {":"}:
            yield from self._default(part, value)
            return
        elif value is None:
            value = self._unset(part)
        elif part.operator:
            value = self._transform(part, value)
        yield Fragment(value, part.quoted, not part.quoted)

    def _read(self, part: Parameter) -> Value | None:
        if part.index is not None:
            return self._element(part)
        name = part.name
        if name[0].isalpha() or name[0] == "_":
            return self.state.scalar(name)
        return self.state.special(name)

    def _element(self, part: Parameter) -> Value | None:
        held = self.state.variables.get(part.name)
        if not isinstance(held, dict):
            held = None if held is None else {0: held}
        at = self.arithmetic(part.index or ())
        if held is None or not at.known:
            return self.state.scalar(part.name) if held is None else unknown(part.name)
        index = int(at.text)
        return held.get(index if index >= 0 else max(held, default=-1) + 1 + index)

    def _indirect(self, part: Parameter) -> Value | None:
        pointer = self._read(part)
        if pointer is None or not pointer.known:
            return pointer
        if not _NAME.match(pointer.text):
            raise Unsupported(f"${{!{part.name}}} leads to {pointer.text[:40]!r}, which is no name")
        return self.state.scalar(pointer.text)

    def _list(self, part: Parameter) -> "list[Value] | None":
        """Elements of ``$@``, ``$*`` and ``${name[@]}``, sliced; None for a single value."""
        index = plain(part.index) if part.index is not None else None
        if part.name in {"@", "*"} and not part.length:
            elements = list(self.state.positional)
        elif index in {"@", "*"}:
            held = self.state.variables.get(part.name)
            if part.indirect:
                elements = [Value(str(key)) for key in sorted(held)] if isinstance(held, dict) else []
            else:
                elements = self.state.elements(part.name)
            if held is None and not elements and not part.operator:
                self._unset(part)
            if part.length:
                return [Value(str(len(elements)))]
        else:
            return None
        if part.operator == ":":
            return self._slice(part, elements)
        if part.operator:
            if part.operator.lstrip(":")[:1] in {"-", "=", "+", "?"}:
                return self._list_default(part, elements)
            return [self._transform(part, element) for element in elements]
        return elements

    def _list_default(self, part: Parameter, elements: "list[Value]") -> "list[Value]":
        kind = part.operator[-1]
        if kind == "+":
            return [self.value(part.operand)] if elements and part.operand else []
        return elements or [self.value(part.operand)]

    def _slice(self, part: Parameter, elements: "list[Value]") -> "list[Value]":
        offset, length = self._bounds(part)
        if part.name in {"@", "*"}:
            elements = [self.state.zero, *elements]
        start = offset if offset >= 0 else max(0, len(elements) + offset)
        return elements[start:] if length is None else elements[start : start + max(0, length)]

    def _bounds(self, part: Parameter) -> "tuple[int, int | None]":
        text = self.value(part.operand)
        if not text.known:
            raise Unsupported(f"the bounds of ${{{part.name}:...}} are not known")
        first, _, rest = text.text.partition(":")
        return self.number(first), self.number(rest) if rest.strip() else (0 if ":" in text.text else None)

    def _unset(self, part: Parameter) -> Value:
        name = part.name
        if self.tolerated is not None and name not in self.tolerated and _NAME.match(name):
            self.report("undefined", name, f"the variable {name} is set nowhere", part.line)
        return EMPTY

    def _default(self, part: Parameter, value: Value | None) -> "Iterator[Fragment | None]":
        kind, colon = part.operator[-1], part.operator[0] == ":"
        self._check_default(part, kind)
        present = value is not None and (not colon or self._nonempty(value, fork=kind == "+"))
        if kind == "+":
            if present:
                yield from self._operand(part)
            else:
                yield Fragment(EMPTY, part.quoted, not part.quoted)
        elif present and value is not None:
            yield Fragment(value, part.quoted, not part.quoted)
        elif kind == "=":
            assigned = self.value(part.operand)
            self.state.assign(part.name, assigned)
            yield Fragment(assigned, part.quoted, not part.quoted)
        elif kind == "-":
            yield from self._operand(part)
        else:
            self.report(
                "undefined", part.name, f"{part.name} is required by ${{{part.name}:?}} and set nowhere", part.line
            )
            yield Fragment(EMPTY, part.quoted, not part.quoted)

    def _operand(self, part: Parameter) -> "Iterator[Fragment | None]":
        if part.quoted:
            yield Fragment(self.value(part.operand), True)
        else:
            yield from self._fragments(part.operand, operand=True)

    def _nonempty(self, value: Value, fork: bool) -> bool:
        if value.known:
            return value.text != ""
        return self.nonempty(value) if fork else True

    def _check_default(self, part: Parameter, kind: str) -> None:
        text = plain(part.operand)
        if kind in "-=" and text and text != part.name and _NAME.match(text) and text in self.state.variables:
            message = f"the default of {part.name} is the word {text}, not the value of the variable of that name"
            self.report("default is a name", text, message, part.line)

    def _known_or(self, value: Value | None, part: Parameter, make: Callable[[Value], str]) -> Value:
        held = self._unset(part) if value is None else value
        return Value(make(held), True, held.sources) if held.known else unknown(f"#{part.name}", held.sources)

    def _transform(self, part: Parameter, value: Value) -> Value:
        """Substring, pattern and case operators on a value that is set."""
        if not value.known:
            return unknown("$" + part.name, value.sources)
        operator = part.operator
        if operator == ":":
            return Value(self._substring(part, value.text), True, value.sources)
        if operator == "@":
            return unknown("$" + part.name, value.sources)
        pieces, pattern = self.pattern(part.operand)
        replacement = EMPTY if part.replacement is None else self.value(part.replacement)
        sources = value.sources | pattern.sources | replacement.sources
        if not (pattern.known and replacement.known):
            return unknown("$" + part.name, sources)
        if operator[0] in "^,":
            text = _cased(value.text, operator) if not pieces else None
        elif operator[0] == "/":
            text = patterns.substitute(value.text, operator, pieces, replacement.text)
        else:
            text = patterns.trim(value.text, operator, pieces)
        return unknown("$" + part.name, sources) if text is None else Value(text, True, sources)

    def _substring(self, part: Parameter, text: str) -> str:
        offset, length = self._bounds(part)
        start = offset if offset >= 0 else len(text) + offset
        if start < 0 or start > len(text):
            return ""
        end = len(text) if length is None else (start + length if length >= 0 else len(text) + length)
        if end < start:
            raise Unsupported(f"the substring of {part.name} has a negative length")
        return text[start:end]

    def _separator(self) -> str:
        ifs = self.state.variables.get("IFS")
        return ifs.text[:1] if isinstance(ifs, Value) else " "

    # arithmetic ----------------------------------------------------------------------------------------------------

    def arithmetic(self, expression: Sequence[Part]) -> Value:
        """The value of an arithmetic expression; unknown as soon as one operand is."""
        text = self.value(expression)
        sources = set(text.sources)
        known = text.known

        def read(name: str) -> str:
            nonlocal known
            value = self.state.scalar(name)
            if value is None:
                if self.tolerated is not None and name not in self.tolerated:
                    self.report("undefined", name, f"the variable {name} is set nowhere", 0)
                return ""
            sources.update(value.sources)
            known = known and value.known
            return value.text if value.known else "1"

        def write(name: str, number: int) -> None:
            result = Value(str(number), True, frozenset(sources))
            self.state.assign(name, result if known else unknown("$" + name, frozenset(sources)))

        if not known:
            return unknown("$((" + text.text + "))", text.sources)
        try:
            number = compute(text.text, read, write)
        except (ArithmeticFault, RecursionError) as fault:
            raise Unsupported(f"arithmetic {text.text[:60]!r}: {fault}") from fault
        return Value(str(number), True, frozenset(sources)) if known else unknown(text.text, frozenset(sources))

    def number(self, text: str) -> int:
        value = self.arithmetic((Literal(text, True),))
        if not value.known:
            raise Unsupported(f"{text[:40]!r} is not known")
        return int(value.text)


_DEFAULT_IFS = Value(" \t\n")
_BLANK = Value(" ")


def _has_brace(parts: Sequence[Part]) -> bool:
    return any(isinstance(part, Literal) and not part.quoted and "{" in part.text for part in parts)


def _brace_words(parts: tuple[Part, ...]) -> tuple[tuple[Part, ...], ...]:
    """Brace expansion happens before everything else, so other parts travel through it as sealed pieces."""
    pieces = tuple(
        (part.text, part.quoted) if isinstance(part, Literal) else (f"{_HELD}{i}{_HELD_END}", True)
        for i, part in enumerate(parts)
    )

    def unsealed(text: str, quoted: bool) -> Part:
        if text.startswith(_HELD) and text.endswith(_HELD_END):
            return parts[int(text[1:-1])]
        return Literal(text, quoted)

    return tuple(_renamed([unsealed(text, quoted) for text, quoted in word]) for word in patterns.braces(pieces))


def _ends_open(part: Parameter) -> bool:
    return part.bare and not part.quoted


def _renamed(parts: list[Part]) -> tuple[Part, ...]:
    """Braces are expanded in the text, so ``$A{b,c}`` is ``$Ab $Ac``."""
    out: list[Part] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, Literal) and not part.quoted and isinstance(last, Parameter) and _ends_open(last):
            tail = _NAME_TAIL.match(part.text) if _NAME.match(last.name) else None
            if tail:
                out[-1] = replace(last, name=last.name + tail[0])
                part = Literal(part.text[tail.end() :])
            if not part.text:
                continue
        out.append(part)
    return tuple(out)


@lru_cache(maxsize=16)
def _delimiter(ifs: str) -> "re.Pattern[str] | None":
    blank = "".join(re.escape(c) for c in ifs if c in " \t\n")
    other = "".join(re.escape(c) for c in ifs if c not in " \t\n")
    if not ifs:
        return None
    if not other:
        return re.compile(f"[{blank}]+")
    around = f"[{blank}]*" if blank else ""
    return re.compile(f"{around}(?P<mark>[{other}]){around}" + (f"|[{blank}]+" if blank else ""))


def _can_be_cut(value: Value, delimiter: "re.Pattern[str]") -> bool:
    """A placeholder holds no blank, so `--flag ⟨unknown⟩` is two words; other delimiters may stand inside of it."""
    return value.known or ("mark" not in delimiter.groupindex and is_placeholder(value.text))


def _cut(
    fragment: Fragment, delimiter: "re.Pattern[str]", fields: "list[list[Fragment]]", current: "list[Fragment] | None"
) -> "list[Fragment] | None":
    """Split one fragment into ``fields``; gives what is left open at its end."""
    value, position = fragment.value, 0

    def piece(text: str) -> Fragment:
        return Fragment(Value(text, value.known or not is_placeholder(text), value.sources), False)

    for found in delimiter.finditer(value.text):
        text = value.text[position : found.start()]
        if text or current is not None or found.groupdict().get("mark"):
            fields.append([*(current or ()), piece(text)])
        current, position = None, found.end()
    rest = value.text[position:]
    if not rest:
        return current
    return [*(current or ()), piece(rest)]


def _list_fragments(many: "list[Value]", part: Parameter, separator: str) -> "Iterator[Fragment | None]":
    star = part.name == "*" or (part.index is not None and plain(part.index) == "*")
    if star and (part.quoted or separator.strip()):
        # Unquoted, other separators than blanks keep empty elements.
        yield Fragment(joined(many or [EMPTY], separator), part.quoted, not part.quoted)
        return
    for at, value in enumerate(many):
        if at:
            yield None
        yield Fragment(value, part.quoted, not part.quoted)


def _cased(text: str, operator: str) -> str:
    change = str.upper if operator[0] == "^" else str.lower
    return change(text) if len(operator) == 2 else change(text[:1]) + text[1:]
