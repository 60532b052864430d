"""``test``, ``[`` and ``[[``: true, false, or None when the answer depends on what is not known here."""

import re
from collections.abc import Callable, Sequence

from seatrial.manifests.shell.expansion import Expansion, Pieces
from seatrial.manifests.shell.patterns import costly, translate
from seatrial.manifests.shell.syntax import Literal, Word
from seatrial.manifests.shell.values import Unsupported, Value

_STRING = frozenset({"=", "==", "!=", "<", ">"})
_NUMERIC: dict[str, Callable[[int, int], bool]] = {
    "-eq": int.__eq__, "-ne": int.__ne__, "-lt": int.__lt__, "-le": int.__le__, "-gt": int.__gt__, "-ge": int.__ge__,
}  # fmt: skip
_FILES = frozenset({"-nt", "-ot", "-ef"})
_BINARY = _STRING | _NUMERIC.keys() | _FILES
_UNARY = frozenset({
    "-a", "-b", "-c", "-d", "-e", "-f", "-g", "-h", "-k", "-p", "-r", "-s", "-t", "-u", "-w", "-x", "-G", "-L",
    "-N", "-O", "-S", "-n", "-z", "-v", "-o", "-R",
})  # fmt: skip
_SAFE_REGEX = re.compile(r"[\w\s.:/,@%=+*?^$\[\]|()\\-]*\Z")
_NESTED_REPEAT = re.compile(r"[*+?}]\)|\)[*+?{]")


def bracket(arguments: Sequence[Value]) -> int | None:
    """``test`` with these arguments: 0 true, 1 false, 2 an error in the test itself, None undecided."""
    try:
        answer = _Test(arguments).whole()
    except _Malformed:
        return 2 if all(value.known for value in arguments) else None
    return None if answer is None else int(not answer)


class _Malformed(Exception):
    """The arguments make no test."""


class _Test:
    """The rules of POSIX by number of arguments, and ``-a``, ``-o`` and parentheses for more."""

    def __init__(self, arguments: Sequence[Value]) -> None:
        self.arguments = list(arguments)

    def whole(self) -> bool | None:
        return self.counted(self.arguments)

    def counted(self, arguments: list[Value]) -> bool | None:
        texts = [value.text for value in arguments]
        match len(texts):
            case 0:
                return False
            case 1:
                return _nonempty(arguments[0])
            case 2:
                if texts[0] == "!":
                    return _negated(_nonempty(arguments[1]))
                return _unary(texts[0], arguments[1])
            case 3:
                return self.three(arguments, texts)
            case 4 if texts[0] == "!":
                return _negated(self.counted(arguments[1:]))
            case 4 if texts[0] == "(" and texts[3] == ")":
                return self.counted(arguments[1:-1])
        answer, rest = _either(arguments)
        if rest:
            raise _Malformed
        return answer

    def three(self, arguments: list[Value], texts: list[str]) -> bool | None:
        if texts[1] in _BINARY:
            return _binary(arguments[0], texts[1], arguments[2])
        if texts[1] in {"-a", "-o"}:
            return _combined(texts[1] == "-a", _nonempty(arguments[0]), _nonempty(arguments[2]))
        if texts[0] == "!":
            return _negated(self.counted(arguments[1:]))
        if texts[0] == "(" and texts[2] == ")":
            return _nonempty(arguments[1])
        raise _Malformed


def _either(arguments: list[Value]) -> tuple[bool | None, list[Value]]:
    answer, rest = _both(arguments)
    while rest and rest[0].text == "-o":
        right, rest = _both(rest[1:])
        answer = _combined(False, answer, right)
    return answer, rest


def _both(arguments: list[Value]) -> tuple[bool | None, list[Value]]:
    answer, rest = _term(arguments)
    while rest and rest[0].text == "-a":
        right, rest = _term(rest[1:])
        answer = _combined(True, answer, right)
    return answer, rest


def _term(arguments: list[Value]) -> tuple[bool | None, list[Value]]:
    if not arguments:
        raise _Malformed
    texts = [value.text for value in arguments[:3]]
    if texts[0] == "!":
        answer, rest = _term(arguments[1:])
        return _negated(answer), rest
    if texts[0] == "(":
        answer, rest = _either(arguments[1:])
        if not rest or rest[0].text != ")":
            raise _Malformed
        return answer, rest[1:]
    if len(texts) == 3 and texts[1] in _BINARY:
        return _binary(arguments[0], texts[1], arguments[2]), arguments[3:]
    if len(texts) > 1 and texts[0] in _UNARY:
        return _unary(texts[0], arguments[1]), arguments[2:]
    return _nonempty(arguments[0]), arguments[1:]


def _nonempty(value: Value) -> bool | None:
    return value.text != "" if value.known else None


def _negated(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _combined(both: bool, left: bool | None, right: bool | None) -> bool | None:
    if left is (not both) or right is (not both):
        return not both
    return None if left is None or right is None else both


def _unary(operator: str, value: Value) -> bool | None:
    if operator not in _UNARY:
        raise _Malformed
    if operator == "-n":
        return _nonempty(value)
    if operator == "-z":
        return _negated(_nonempty(value))
    return None  # files, terminals and options are not known here


def _binary(left: Value, operator: str, right: Value) -> bool | None:
    if operator in _FILES or not (left.known and right.known):
        return None
    if operator in {"=", "=="}:
        return left.text == right.text
    if operator == "!=":
        return left.text != right.text
    if operator in {"<", ">"}:
        return left.text < right.text if operator == "<" else left.text > right.text
    return _NUMERIC[operator](_integer(left.text), _integer(right.text))


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise _Malformed from error


class DoubleBracket:
    """``[[ ... ]]``: operators come from the script's text, operands are neither split nor globbed."""

    def __init__(self, expansion: Expansion, words: Sequence[Word]) -> None:
        self.expansion, self.words, self.at = expansion, words, 0

    def status(self) -> int | None:
        """0, 1, 2 for a malformed test, or None when undecided."""
        try:
            answer = self.either()
        except _Malformed:
            return 2
        if self.at < len(self.words):
            return None
        return None if answer is None else int(not answer)

    def peek(self) -> str:
        """The next word as an operator; empty for words with quotes or expansions, and at the end."""
        if self.at >= len(self.words):
            return ""
        parts = self.words[self.at].parts
        return parts[0].text if len(parts) == 1 and isinstance(parts[0], Literal) and not parts[0].quoted else ""

    def take(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self.at += 1
        return True

    def either(self) -> bool | None:
        answer = self.both()
        while self.take("||"):
            answer = _combined(False, answer, self.both())
        return answer

    def both(self) -> bool | None:
        answer = self.term()
        while self.take("&&"):
            answer = _combined(True, answer, self.term())
        return answer

    def term(self) -> bool | None:
        if self.take("!"):
            return _negated(self.term())
        if self.take("("):
            answer = self.either()
            if not self.take(")"):
                raise _Malformed
            return answer
        operator = self.peek()
        if operator in _UNARY and self.at + 1 < len(self.words):
            self.at += 1
            if operator == "-v":
                return self.is_set(self.operand())
            return _unary(operator, self.operand())
        left = self.operand()
        operator = self.peek()
        if operator == "=~" or operator in _BINARY:
            self.at += 1
            return self.compared(left, operator)
        return _nonempty(left)

    def operand(self) -> Value:
        if self.at >= len(self.words):
            raise _Malformed
        word = self.words[self.at]
        self.at += 1
        return self.expansion.value(word.parts)

    def is_set(self, name: Value) -> bool | None:
        if not name.known:
            return None
        if name.text in self.expansion.state.variables:
            return True
        return False if self.expansion.state.scalar(name.text) is None else None

    def compared(self, left: Value, operator: str) -> bool | None:
        if operator in _NUMERIC:
            right = self.operand()
            if not (left.known and right.known):
                return None
            return _NUMERIC[operator](self.expansion.number(left.text), self.expansion.number(right.text))
        if operator not in {"=", "==", "!=", "=~"}:
            return _binary(left, operator, self.operand())
        if self.at >= len(self.words):
            raise _Malformed
        pieces, pattern = self.expansion.pattern(self.words[self.at].parts)
        self.at += 1
        if not (left.known and pattern.known):
            return None
        if operator == "=~":
            return _regex(left.text, pieces)
        answer = matches(left.text, pieces)
        return _negated(answer) if operator == "!=" else answer


def matches(text: str, pieces: Pieces) -> bool | None:
    """Whether a shell pattern covers the whole text; None for patterns that are not supported."""
    pattern = None if costly(text, pieces) else translate(pieces)
    return None if pattern is None else pattern.fullmatch(text) is not None


def _regex(text: str, pieces: Pieces) -> bool | None:
    """``=~``, for expressions that mean the same to POSIX and to Python and cannot take long."""
    source = "".join(re.escape(piece) if quoted else piece for piece, quoted in pieces)
    loose = "".join(piece for piece, quoted in pieces if not quoted)
    if len(text) > 256 or not _SAFE_REGEX.match(loose) or _NESTED_REPEAT.search(loose) or loose.count("*") > 3:
        return None
    if "[[:" in loose or "\\" in loose:
        return None
    try:
        return re.search(source, text) is not None
    except re.error as error:
        raise Unsupported(f"the regular expression {loose[:40]!r}") from error
