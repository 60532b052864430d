"""From a stretch of the parse tree to the parts of a word.

The tree leaves gaps: white space inside strings, text of here-documents, escapes. So every stretch is read by bytes,
and only nodes that have a structure of their own (strings, expansions, substitutions) are taken from the tree.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seatrial.manifests.shell.syntax import Arithmetic, Block, Literal, Opaque, Parameter, Part, Reference, Substitution

if TYPE_CHECKING:
    from tree_sitter import Node as Tree

REFERENCE_START, REFERENCE_END = "\ue000", "\ue001"
"""Private-use characters around the name of a variable whose value the kubelet put into the text."""

_STRUCTURED = frozenset(
    {
        "string", "raw_string", "ansi_c_string", "translated_string", "simple_expansion", "expansion",
        "command_substitution", "arithmetic_expansion", "process_substitution",
    }
)  # fmt: skip
_COMMON = (
    r"|\ue000(?P<reference>[^\ue001]*)\ue001"
    r"|\$(?P<name>[A-Za-z_]\w*|[\d@*#?$!-])|\$\{(?P<braced>\w+)\}|(?P<opaque>`|\$[({])"
)
_UNQUOTED = re.compile(r"\\\n|\\(?P<escaped>.)" + _COMMON, re.DOTALL)
_QUOTED = re.compile(r"\\\n|\\(?P<escaped>[$`\"\\])" + _COMMON)
_HEREDOC = re.compile(r"\\\n|\\(?P<escaped>[$`\\])" + _COMMON)
REFERENCE = re.compile(r"\ue000(?P<reference>[^\ue001]*)\ue001")
_OPERATOR = re.compile(r":?[-+=?]|##?|%%?|//?[#%]?|\^\^?|,,?|@|:")
_PATTERN_OPERATORS = frozenset({"#", "##", "%", "%%", "/", "//", "/#", "/%", "^", "^^", ",", ",,"})
_ANSI = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|c(.)|(.))", re.DOTALL
)
_ANSI_NAMED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}


@dataclass(frozen=True, slots=True)
class Lexemes:
    """Reads words out of ``source``; ``block`` reads the statements of a command substitution."""

    source: bytes
    block: "Callable[[Tree], Block]"

    def text(self, start: int, end: int) -> str:
        return self.source[start:end].decode(errors="replace")

    def stretch(
        self, nodes: "Sequence[Tree]", start: int, end: int, raw: re.Pattern[str] = _UNQUOTED
    ) -> tuple[Part, ...]:
        """The parts between two byte offsets, of which ``nodes`` are the tree's view."""
        quoted = raw is not _UNQUOTED
        parts: list[Part] = []
        position = start
        for node in _structured(nodes):
            if node.start_byte < position or node.end_byte > end:
                continue
            if quoted and node.type in {"raw_string", "ansi_c_string"}:
                continue
            parts += _raw_parts(self.text(position, node.start_byte), raw, node.start_point.row)
            parts += self.node(node, quoted)
            position = node.end_byte
        parts += _raw_parts(self.text(position, end), raw, 0)
        return tuple(parts)

    def word(self, nodes: "Sequence[Tree]") -> tuple[Part, ...]:
        return self.stretch(nodes, nodes[0].start_byte, nodes[-1].end_byte)

    def heredoc(self, body: "Tree | None", literal: bool) -> tuple[Part, ...]:
        if body is None:
            return ()
        if literal:
            return tuple(_raw_parts(self.text(body.start_byte, body.end_byte), REFERENCE, 0))
        return self.stretch(body.children, body.start_byte, body.end_byte, _HEREDOC)

    def node(self, node: "Tree", quoted: bool) -> Sequence[Part]:
        """The parts of one structured node."""
        start, end = node.start_byte, node.end_byte
        match node.type:
            case "string":
                return self.stretch(node.children, start + 1, end - 1, _QUOTED) or (Literal("", True),)
            case "translated_string":
                return self.stretch(node.children, start + 2, end - 1, _QUOTED) or (Literal("", True),)
            case "raw_string":
                return _raw_parts(self.text(start + 1, end - 1), REFERENCE, 0) or (Literal("", True),)
            case "ansi_c_string":
                return (Literal(_ANSI.sub(_ansi, self.text(start + 2, end - 1)), True),)
            case "simple_expansion":
                return _raw_parts(self.text(start, end), _QUOTED if quoted else _UNQUOTED, node.start_point.row)
            case "expansion":
                return (self.expansion(node, quoted),)
            case "command_substitution":
                return (Substitution(self.block(node), self.text(start, end), quoted),)
            case "arithmetic_expansion":
                opening, closing = (2, 1) if self.source[start : start + 2] == b"$[" else (3, 2)
                return (Arithmetic(self.stretch(node.children, start + opening, end - closing, _QUOTED), quoted),)
        return (Opaque(self.text(start, end), quoted),)

    def expansion(self, node: "Tree", quoted: bool) -> Part:
        """``${...}``, read by bytes behind its name because the tree mixes operators and operands."""
        children = node.children
        at = next((i for i, child in enumerate(children) if child.type in _NAMES), None)
        if at is None:
            return Opaque(self.text(node.start_byte, node.end_byte), quoted)
        name, index, prefix = children[at], None, self.text(node.start_byte + 2, children[at].start_byte)
        if name.type == "subscript":
            inner = name.children
            index = self.stretch(inner[2:-1], inner[1].end_byte, inner[-1].start_byte, _QUOTED)
            head = self.text(inner[0].start_byte, inner[0].end_byte)
        else:
            head = self.text(name.start_byte, name.end_byte)
        parameter = Parameter(
            head, quoted, index=index, length=prefix == "#", indirect=prefix == "!", line=node.start_point.row
        )
        return self._operand(parameter, children[at + 1 :], name.end_byte, node.end_byte - 1)

    def _operand(self, parameter: Parameter, nodes: "Sequence[Tree]", start: int, end: int) -> Part:
        rest = self.text(start, end)
        if not rest:
            return parameter
        found = _OPERATOR.match(rest)
        if found is None:
            return Opaque("${" + parameter.name + rest + "}", parameter.quoted)
        operator = found.group()
        is_pattern = operator in _PATTERN_OPERATORS
        raw = _QUOTED if (parameter.quoted and not is_pattern) or operator == ":" else _UNQUOTED
        operand = self.stretch(nodes, start + len(operator.encode()), end, raw)
        replacement = None
        if operator[0] == "/":
            operand, replacement = _split_at_slash(operand)
        return replace(parameter, operator=operator, operand=operand, replacement=replacement)


_NAMES = frozenset({"variable_name", "special_variable_name", "subscript"})


def _structured(nodes: "Sequence[Tree]") -> "Iterator[Tree]":
    """Nodes with a structure of their own, outermost first, in the order of the text."""
    for node in nodes:
        if node.type in _STRUCTURED:
            yield node
        elif node.child_count:
            yield from _structured(node.children)


def _raw_parts(text: str, raw: re.Pattern[str], line: int) -> list[Part]:
    """Text between the nodes: escapes resolved, references and plain expansions recognised."""
    parts: list[Part] = []
    quoted, position = raw is not _UNQUOTED, 0
    for found in raw.finditer(text):
        if found.start() > position:
            parts.append(Literal(text[position : found.start()], quoted))
        position = found.end()
        groups = found.groupdict()
        name = groups.get("name") or groups.get("braced")
        if groups.get("reference") is not None:
            parts.append(Reference(groups["reference"], quoted))
        elif groups.get("escaped") is not None:
            parts.append(Literal(groups["escaped"], True))
        elif name:
            parts.append(Parameter(name, quoted, line=line, bare=groups.get("braced") is None))
        elif groups.get("opaque"):
            parts.append(Opaque(text[found.start() :], quoted))
            return parts
    if position < len(text):
        parts.append(Literal(text[position:], quoted))
    return parts


def _split_at_slash(parts: Sequence[Part]) -> tuple[tuple[Part, ...], tuple[Part, ...] | None]:
    """Pattern and replacement of ``${name/pattern/replacement}``."""
    for i, part in enumerate(parts):
        if isinstance(part, Literal) and not part.quoted and "/" in part.text:
            before, after = part.text.split("/", 1)
            return (*parts[:i], Literal(before)), (Literal(after, True), *parts[i + 1 :])
    return tuple(parts), None


def _ansi(found: re.Match[str]) -> str:
    hexadecimal = found[1] or found[2] or found[3]
    if hexadecimal:
        code = int(hexadecimal, 16)
        return chr(code) if code <= 0x10FFFF else ""
    if found[4]:
        return chr(int(found[4], 8) & 0xFF)
    if found[5]:
        return chr(ord(found[5]) & 0x1F)
    return _ANSI_NAMED.get(found[6], found[6] if found[6] in "\\'\"?" else "\\" + found[6])
