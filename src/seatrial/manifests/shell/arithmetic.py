"""Integer arithmetic as the shell does it: 64 bits, C's operators, names read as variables."""

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+#[0-9a-zA-Z@_]+|0[xX][0-9a-fA-F]+|\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator>\*\*|<<=|>>=|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%<>=!~&|^?:,()]))"
)
_BINARY = {
    "**": 13, "*": 12, "/": 12, "%": 12, "+": 11, "-": 11, "<<": 10, ">>": 10, "<": 9, "<=": 9, ">": 9, ">=": 9,
    "==": 8, "!=": 8, "&": 7, "^": 6, "|": 5, "&&": 4, "||": 3,
}  # fmt: skip
_ASSIGNING = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="})
_DEEPEST = 30


class ArithmeticFault(Exception):
    """The expression is no arithmetic, or divides by zero."""


def compute(text: str, read: Callable[[str], str], write: Callable[[str, int], None]) -> int:
    """The value of an expression; ``read`` gives a variable's text, ``write`` sets one.

    Raises ArithmeticFault on what bash would refuse.
    """
    return _Expression(text, read, write, 0).whole()


class _Expression:
    def __init__(self, text: str, read: Callable[[str], str], write: Callable[[str, int], None], depth: int) -> None:
        if depth > _DEEPEST:
            raise ArithmeticFault("names lead to each other")
        self.read, self.write, self.depth = read, write, depth
        self.tokens = list(_tokens(text))
        self.at = 0
        self.live = True

    def whole(self) -> int:
        if not self.tokens:
            return 0
        value = self.comma()
        if self.at < len(self.tokens):
            raise ArithmeticFault(f"unexpected {self.tokens[self.at]}")
        return value

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self.at += 1
        return True

    def comma(self) -> int:
        value = self.assignment()
        while self.take(","):
            value = self.assignment()
        return value

    def assignment(self) -> int:
        name = self.peek()
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ""
        if not _is_name(name) or following not in _ASSIGNING:
            return self.ternary()
        self.at += 2
        value = self.assignment()
        if following != "=":
            value = self.apply(following[:-1], self.variable(name), value)
        return self.store(name, value)

    def ternary(self) -> int:
        condition = self.binary(3)
        if not self.take("?"):
            return condition
        chosen = self.guarded(bool(condition), self.assignment)
        if not self.take(":"):
            raise ArithmeticFault("no : behind ?")
        other = self.guarded(not condition, self.assignment)
        return chosen if condition else other

    def guarded(self, live: bool, part: Callable[[], int]) -> int:
        """Read an operand without effects when it is not reached."""
        before = self.live
        self.live = before and live
        try:
            return part()
        finally:
            self.live = before

    def binary(self, least: int) -> int:
        left = self.unary()
        while (rank := _BINARY.get(self.peek(), 0)) >= least:
            operator = self.tokens[self.at]
            self.at += 1
            reached = not ((operator == "&&" and not left) or (operator == "||" and left))
            following = rank if operator == "**" else rank + 1
            right = self.guarded(reached, lambda following=following: self.binary(following))  # type: ignore[misc]
            left = self.apply(operator, left, right)
        return left

    def unary(self) -> int:
        if self.take("-"):
            return _wrap(-self.unary())
        if self.take("+"):
            return self.unary()
        if self.take("!"):
            return int(not self.unary())
        if self.take("~"):
            return ~self.unary()
        for step in ("++", "--"):
            if self.take(step):
                name = self.peek()
                if not _is_name(name):
                    raise ArithmeticFault(f"{step} without a name")
                self.at += 1
                return self.store(name, self.variable(name) + (1 if step == "++" else -1))
        return self.primary()

    def primary(self) -> int:
        token = self.peek()
        self.at += 1
        if token == "(":
            value = self.comma()
            if not self.take(")"):
                raise ArithmeticFault("no closing parenthesis")
            return value
        if _is_name(token):
            return self.postfix(token)
        if token[:1].isdigit():
            return _number(token)
        raise ArithmeticFault(f"operand expected, found {token or 'the end'}")

    def postfix(self, name: str) -> int:
        value = self.variable(name)
        if self.take("++"):
            self.store(name, value + 1)
        elif self.take("--"):
            self.store(name, value - 1)
        return value

    def variable(self, name: str) -> int:
        if not self.live:
            return 0
        return _Expression(self.read(name), self.read, self.write, self.depth + 1).whole()

    def store(self, name: str, value: int) -> int:
        value = _wrap(value)
        if self.live:
            self.write(name, value)
        return value

    def apply(self, operator: str, left: int, right: int) -> int:
        match operator:
            case "+":
                return _wrap(left + right)
            case "-":
                return _wrap(left - right)
            case "*":
                return _wrap(left * right)
            case "/" | "%":
                return self.divide(operator, left, right)
            case "**":
                return self.power(left, right)
            case "<<":
                return _wrap(left << (right & 63))
            case ">>":
                return left >> (right & 63)
            case "&":
                return left & right
            case "|":
                return left | right
            case "^":
                return left ^ right
            case "&&":
                return int(bool(left) and bool(right))
            case "||":
                return int(bool(left) or bool(right))
        comparisons = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
        return int(comparisons.get(operator, (left == right) == (operator == "==")))

    def divide(self, operator: str, left: int, right: int) -> int:
        if not self.live:
            return 0
        if right == 0:
            raise ArithmeticFault("division by 0")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return _wrap(quotient if operator == "/" else left - quotient * right)

    def power(self, left: int, right: int) -> int:
        if right < 0:
            raise ArithmeticFault("exponent less than 0")
        return _wrap(pow(left, right, 1 << 64))


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ArithmeticFault(f"cannot read {text[position:][:20]!r}")
        tokens.append(found[found.lastgroup or 0])
        position = found.end()
    return tokens


def _is_name(token: str) -> bool:
    return token[:1].isalpha() or token[:1] == "_"


def _number(token: str) -> int:
    try:
        if "#" in token:
            base, digits = token.split("#", 1)
            return _wrap(int(digits, int(base)))
        if token[:2] in {"0x", "0X"}:
            return _wrap(int(token, 16))
        return _wrap(int(token, 8) if token[0] == "0" else int(token))
    except ValueError as error:
        raise ArithmeticFault(f"no number: {token}") from error


def _wrap(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
