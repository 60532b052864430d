"""Prompts that are answered right, so that tests of content mean something."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

_WORDED = (
    (re.compile(r"\bplus\b|加(?:上)?", re.IGNORECASE), "+"),
    (re.compile(r"\bminus\b|减(?:去)?|−", re.IGNORECASE), "-"),
    (re.compile(r"\b(?:times|multiplied by)\b|乘(?:以)?|[×·]", re.IGNORECASE), "*"),
    (re.compile(r"\bdivided by\b|除以|÷", re.IGNORECASE), "/"),
    (re.compile(r"(?<=\d)\s*[xX]\s*(?=\d)"), "*"),
    (re.compile("（"), "("),
    (re.compile("）"), ")"),
)
_LONGEST = 400
"""Characters of a question; what is longer is a text in which a sum stands by chance."""
_WORDS_OF = 4000
"""Characters of a text whose words are looked at."""
_COMMON_WORDS = (
    "what which that this with from have will would could should please tell there their they them then than your "
    "about into when where want need does make give given call tool function find known current currently"
)
_COMMON = frozenset(_COMMON_WORDS.split())
_NUMBER = r"\d{1,18}(?:\.\d{1,9})?"
_SUM = re.compile(
    rf"(?<![A-Za-z0-9_.])[-(\s]{{0,9}}{_NUMBER}[\s)]{{0,9}}(?:[-+*/][-(\s]{{0,9}}{_NUMBER}[\s)]{{0,9}}){{1,32}}(?![A-Za-z0-9_])"
)
_REPEAT = re.compile(
    r"(?:repeat exactly|repeat after me|say exactly|\becho\b|请重复)[^:：\n]{0,40}[:：]\s*(.+)",
    re.IGNORECASE | re.DOTALL,
)
_ASKS_TO_REPEAT = ("epeat exactly", "epeat after me", "ay exactly", "cho", "请重复")
"""What is looked for first, since prompts can be long."""
_OPERATIONS: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_CAPITALS = {
    "china": "Beijing",
    "france": "Paris",
    "germany": "Berlin",
    "italy": "Rome",
    "japan": "Tokyo",
    "spain": "Madrid",
    "中国": "北京",
    "德国": "柏林",
    "意大利": "罗马",
    "日本": "东京",
    "法国": "巴黎",
    "西班牙": "马德里",
}
_CAPITAL = re.compile(rf"capital (?:city )?of ({'|'.join(_CAPITALS)})|({'|'.join(_CAPITALS)})的?首都", re.IGNORECASE)


def answer(prompt: str) -> str | None:
    """The right answer to a prompt; None to most."""
    if any(word in prompt for word in _ASKS_TO_REPEAT) and (found := _REPEAT.search(prompt)) is not None:
        return found[1].strip()
    if len(prompt) > _LONGEST:
        return None
    if (found := _CAPITAL.search(prompt)) is not None:
        return _CAPITALS[(found[1] or found[2]).lower()]
    return _calculated(prompt)


def _calculated(prompt: str) -> str | None:
    """What the first sum in a prompt comes to; fractions with six places."""
    for pattern, sign in _WORDED:
        prompt = pattern.sub(sign, prompt)
    if (found := _SUM.search(prompt)) is None:
        return None
    try:
        value = _value(ast.parse(found[0].strip(), mode="eval").body)
    except (SyntaxError, ZeroDivisionError, ValueError, RecursionError, MemoryError):
        return None
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.6f}".rstrip("0")


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(str(node.value))
    raise ValueError("no sum")


def words(text: str) -> set[str]:
    """What tells the subject of a text: its words of four letters and more, and pairs of Chinese characters."""
    latin = {word.lower() for word in re.findall(r"[A-Za-z]{4,}", text[:_WORDS_OF])}
    runs = re.findall(r"[\u4e00-\u9fff]{2,}", text[:_WORDS_OF])
    return (latin - _COMMON) | {run[at : at + 2] for run in runs for at in range(len(run) - 1)}
