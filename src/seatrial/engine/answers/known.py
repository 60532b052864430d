"""Prompts that are answered right, so that tests of content mean something."""

import ast
import operator
import re
from collections.abc import Callable, Mapping

_SUM = re.compile(r"(-?\d{1,18}(?:\s*[-+*/x×÷]\s*-?\d{1,18})+)")
_REPEAT = re.compile(r"(?:repeat exactly|say exactly|请重复)\s*[::]\s*(.+)", re.IGNORECASE | re.DOTALL)
_OPERATIONS: Mapping[type[ast.operator], Callable[[int, int], int | float]] = {
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
    "法国": "巴黎",
    "日本": "东京",
}
_CAPITAL = re.compile(r"capital (?:city )?of (\w+)|(\w{2})的首都", re.IGNORECASE)


def answer(prompt: str) -> str | None:
    """The right answer to a prompt; None to most."""
    if (found := _REPEAT.search(prompt)) is not None:
        return found[1].strip()
    if (found := _SUM.search(prompt)) is not None:
        return _calculated(found[1])
    if (found := _CAPITAL.search(prompt)) is not None:
        return _CAPITALS.get((found[1] or found[2]).lower())
    return None


def _calculated(text: str) -> str | None:
    expression = re.sub(r"[x×]", "*", text).replace("÷", "/")
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ZeroDivisionError, OverflowError, ValueError):
        return None
    return str(int(value)) if value == int(value) else f"{value:g}"


def _value(node: ast.expr) -> int | float:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    raise ValueError("no sum")
