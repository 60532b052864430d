"""Shell text → syntax, through tree-sitter's bash grammar.

The grammar is broader than bash in places (``fi`` alone is a command to it) and narrower in others. So this module
never says that a script is wrong: it marks where the text is *suspect*, and ``verdict`` asks bash itself.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from seatrial.manifests.shell.lexemes import Lexemes
from seatrial.manifests.shell.syntax import (
    AndOr,
    ArithmeticCommand,
    Assignment,
    Block,
    Case,
    CFor,
    Declaration,
    For,
    Function,
    Group,
    If,
    Literal,
    Node,
    Part,
    Pipeline,
    Redirect,
    Redirected,
    Script,
    Simple,
    Subshell,
    Test,
    Unreadable,
    While,
    Word,
    fixed,
    plain,
)  # fmt: skip

if TYPE_CHECKING:
    from tree_sitter import Node as Tree
    from tree_sitter import Parser

_REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_RESERVED = frozenset(
    {"fi", "then", "else", "elif", "do", "done", "esac", "}", "in", "{", "if", "while", "until", "case", "for"}
)
_SEPARATORS = frozenset({";", "&", "\n", "comment", ";;", ";&", ";;&", "heredoc_body", "heredoc_end"})
_OUT_OF_PLACE = frozenset({"array", "subshell", "(", ")"})
_BRACKETS = frozenset({"(", ")"})
_DEEPEST = 150


@cache
def _parser() -> "Parser":
    # Imported on first use: sets without a shell script do not pay for it.
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


@lru_cache(maxsize=512)
def parse(text: str) -> Script:
    """The script's syntax. Never raises: what cannot be read becomes ``Unreadable``."""
    source = text.encode(errors="surrogatepass")
    reader = _Reader(source)
    try:
        body = reader.block(_parser().parse(source.translate(_ASCII)).root_node)
    except RecursionError:
        body, reader.suspects = Block(((Unreadable(text, 0), False),)), []
    return Script(body, min(reader.suspects, default=None))


# The grammar's scanner looks characters up in C tables of 256 entries and crashes beyond (tree-sitter-bash 0.25.1). It
# sees a dot for each byte of a character outside ASCII: part of a word, never of a name. Offsets stay the same.
_ASCII = bytes(byte if byte < 0x80 else ord(".") for byte in range(256))
_BLANKS = re.compile(rb"(?:[ \t]|\\\n|\\[ \t])*")
_ESCAPED_BLANK = re.compile(rb"\\[ \t]")


class _Piece(NamedTuple):
    """A stretch of the source that is a word or part of one; ``node`` is None where the tree has none."""

    start: int
    end: int
    node: "Tree | None"

    @property
    def is_bracket(self) -> bool:
        return self.node is not None and self.node.type in _BRACKETS


@dataclass(slots=True)
class _Reader:
    source: bytes
    suspects: list[int] = field(default_factory=list)
    depth: int = 0
    lexemes: Lexemes = field(init=False)

    def __post_init__(self) -> None:
        self.lexemes = Lexemes(self.source, self.block)

    def text(self, node: "Tree") -> str:
        return self.lexemes.text(node.start_byte, node.end_byte)

    def block(self, node: "Tree") -> Block:
        return self.statements(node.children)

    def statements(self, nodes: "Iterable[Tree]") -> Block:
        """Statements among ``nodes``; tokens between them only end or detach the one before."""
        found: list[tuple[Node, bool]] = []
        end = -1
        for node in nodes:
            if node.type == "&":
                if found:
                    found[-1] = (found[-1][0], True)
            elif node.type == ";;":
                self.suspects.append(node.start_point.row)
            elif node.is_named and node.type not in _SEPARATORS:
                if end >= 0 and b"\n" not in self.source[end : node.start_byte]:
                    self.suspects.append(node.start_point.row)
                found.append((self.statement(node), False))
                end = node.end_byte
                continue
            if node.type != "comment":
                end = -1
        return Block(tuple(found))

    def statement(self, node: "Tree") -> Node:
        read = _STATEMENTS.get(node.type)
        if read is None or node.is_missing or self.depth > _DEEPEST or any(_broken(child) for child in node.children):
            return self.unreadable(node)
        self.depth += 1
        try:
            return read(self, node)
        finally:
            self.depth -= 1

    def unreadable(self, node: "Tree") -> Unreadable:
        self.suspects.append(node.start_point.row)
        return Unreadable(self.text(node), node.start_point.row)

    def words(self, nodes: "Sequence[Tree]", start: int | None = None, stop: int | None = None) -> list[Word]:
        """The words that the nodes make.

        Neighbours without white space between them are one word (the tree splits some), and an escaped blank is a
        word or part of one (the tree takes it for white space).
        """
        groups: list[list[_Piece]] = []
        for piece in self._pieces(nodes, start, stop):
            before = groups[-1][-1] if groups else None
            if before is not None and self._adjacent(before, piece):
                groups[-1].append(piece)
            else:
                groups.append([piece])
        return [self._word_of(group) for group in groups]

    def _adjacent(self, left: "_Piece", right: "_Piece") -> bool:
        if left.is_bracket or right.is_bracket:
            return False
        return self.source[left.end : right.start].replace(b"\\\n", b"") == b""

    def _pieces(self, nodes: "Sequence[Tree]", start: int | None, stop: int | None) -> "Iterator[_Piece]":
        end = start if start is not None else nodes[0].start_byte if nodes else 0
        for node in nodes:
            yield from self._lost_blanks(end, node.start_byte)
            yield _Piece(node.start_byte, node.end_byte, node)
            end = node.end_byte
        if stop is None:
            tail = _BLANKS.match(self.source, end) if nodes else None
            stop = tail.end() if tail else end
        yield from self._lost_blanks(end, stop)

    def _lost_blanks(self, start: int, end: int) -> "Iterator[_Piece]":
        if end - start > 1:
            for found in _ESCAPED_BLANK.finditer(self.source, start, end):
                yield _Piece(found.start(), found.end(), None)

    def _word_of(self, group: "list[_Piece]") -> Word:
        nodes = [piece.node for piece in group if piece.node is not None]
        start, end = group[0].start, group[-1].end
        if nodes and nodes[0].start_byte == start:
            point = nodes[0].start_point
            return _word(self.lexemes.stretch(nodes, start, end), point.row, point.column)
        line = self.source.count(b"\n", 0, start)
        return _word(self.lexemes.stretch(nodes, start, end), line, start - self.source.rfind(b"\n", 0, start) - 1)

    def word(self, nodes: "Sequence[Tree]") -> Word:
        point = nodes[0].start_point
        return _word(self.lexemes.word(nodes), point.row, point.column)

    def simple(self, node: "Tree") -> Node:
        assignments, redirects, words = [], [], []
        for child in node.children:
            if child.type == "variable_assignment":
                assignments.append(self.assignment(child))
            elif child.type in _REDIRECTS:
                redirects += self.redirects(child)
            elif child.type != "comment":
                words.append(child)
                if child.type in _OUT_OF_PLACE:
                    self.suspects.append(child.start_point.row)
        found = tuple(self.words(words))
        if found and not assignments and plain(found[0].parts) in _RESERVED and self.text(words[0]) in _RESERVED:
            self.suspects.append(node.start_point.row)
        return Simple(found, tuple(assignments), tuple(redirects), node.start_point.row)

    def assignment(self, node: "Tree") -> Assignment:
        target, operator = node.children[0], node.children[1]
        index = None
        if target.type == "subscript":
            inner = target.children
            index = self.lexemes.stretch(inner[2:-1], inner[1].end_byte, inner[-1].start_byte)
            target = inner[0]
        rest, value = node.children[2:], Word((), node.start_point.row)
        items: tuple[Word, ...] | None = None
        if rest and rest[0].type == "array":
            inner = [child for child in rest[0].children[1:-1] if child.type != "comment"]
            items = tuple(self.words(inner, rest[0].start_byte + 1, rest[0].end_byte - 1))
        elif rest:
            value = self.word(rest)
        return Assignment(
            self.text(target),
            value if items is None else items,
            self.text(operator) == "+=",
            index,
            node.start_point.row,
        )

    def assignments(self, node: "Tree") -> Node:
        return Simple((), tuple(self.assignment(child) for child in node.children), (), node.start_point.row)

    def single_assignment(self, node: "Tree") -> Node:
        return Simple((), (self.assignment(node),), (), node.start_point.row)

    def declaration(self, node: "Tree") -> Node:
        items: list[Assignment | Word] = []
        for child in node.children[1:]:
            items.append(self.assignment(child) if child.type == "variable_assignment" else self.word([child]))
        return Declaration(self.text(node.children[0]), tuple(items), node.start_point.row)

    def redirects(self, node: "Tree") -> list[Redirect]:
        operator = next((self.text(child) for child in node.children if child.type.strip("<>&|-") == ""), "")
        if node.type == "heredoc_redirect":
            return [self.heredoc(node, operator)]
        descriptor = next((self.text(child) for child in node.children if child.type == "file_descriptor"), "")
        targets = [child for child in node.children if child.is_named and child.type != "file_descriptor"]
        target = self.word(targets) if targets else None
        if node.type == "herestring_redirect":
            return [Redirect("<<<", descriptor, body=target)]
        return [Redirect(operator, descriptor, target)]

    def heredoc(self, node: "Tree", operator: str) -> Redirect:
        children = {child.type: child for child in node.children}
        start = self.text(children["heredoc_start"]) if "heredoc_start" in children else ""
        body = children.get("heredoc_body")
        parts = self.lexemes.heredoc(body, literal=any(quote in start for quote in "'\"\\"))
        if operator == "<<-":
            parts = tuple(_without_tabs(parts))
        return Redirect(operator, body=Word(parts, body.start_point.row if body else node.start_point.row))

    def redirected(self, node: "Tree") -> Node:
        """A here-document holds what follows its start on the same line: a pipeline, a list, more words."""
        inner, redirects, words, tail = None, [], [], None
        for child in node.children:
            if child.type not in _REDIRECTS:
                inner = child if child.is_named and child.type != "comment" else inner
                continue
            redirects += self.redirects(child)
            if child.type == "heredoc_redirect":
                for part in child.children:
                    if part.type in {"pipeline", "list"} or part.type in {"&&", "||"}:
                        tail = tail or (part, child)
                    elif part.type in _REDIRECTS:
                        redirects += self.redirects(part)
                    elif part.is_named and part.type not in {
                        "heredoc_start",
                        "heredoc_body",
                        "heredoc_end",
                        "file_descriptor",
                    }:
                        words.append(part)
        body = self._with_redirects(inner, redirects, node)
        if tail is None:
            if words and isinstance(body, Simple):
                return Simple((*body.words, *self.words(words)), body.assignments, body.redirects, body.line)
            return body
        return self._heredoc_tail(body, *tail)

    def _with_redirects(self, inner: "Tree | None", redirects: list[Redirect], node: "Tree") -> Node:
        if inner is None:
            return Simple((), (), tuple(redirects), node.start_point.row)
        return _redirect_last(self.statement(inner), tuple(redirects))

    def _heredoc_tail(self, body: Node, part: "Tree", holder: "Tree") -> Node:
        if part.type == "pipeline":
            following = tuple(self.statement(child) for child in part.children if child.is_named)
            return Pipeline((body, *following))
        if part.type == "list":
            return self.unreadable(part)
        later = [child for child in holder.children if child.start_byte >= part.end_byte and child.type in _STATEMENTS]
        return AndOr(body, self.text(part), self.statement(later[0])) if later else self.unreadable(holder)

    def pipeline(self, node: "Tree") -> Node:
        commands = [self.statement(child) for child in node.children if child.is_named and child.type != "comment"]
        if commands and isinstance(commands[0], Pipeline) and commands[0].negated:
            return Pipeline((*commands[0].commands, *commands[1:]), True)
        return Pipeline(tuple(commands))

    def negated(self, node: "Tree") -> Node:
        inner = self.statement(node.children[-1])
        if isinstance(inner, Pipeline):
            return Pipeline(inner.commands, not inner.negated)
        return Pipeline((inner,), True)

    def list(self, node: "Tree") -> Node:
        children = [child for child in node.children if child.type != "comment"]
        return self.and_or(self.statement(children[0]), self.text(children[1]), self.statement(children[2]))

    def and_or(self, left: Node, operator: str, right: Node) -> Node:
        """Both operators bind alike and to the left."""
        if isinstance(right, AndOr):
            return AndOr(self.and_or(left, operator, right.left), right.operator, right.right)
        return AndOr(left, operator, right)

    def branch(self, nodes: "Sequence[Tree]") -> Block:
        block = self.statements(nodes)
        if not block.statements and nodes:
            self.suspects.append(nodes[0].start_point.row)
        return block

    def conditional(self, node: "Tree") -> Node:
        arms, otherwise = [], None
        own = [child for child in node.children if child.type not in {"elif_clause", "else_clause"}]
        for arm in (own, *(child.children for child in node.children if child.type == "elif_clause")):
            then = next((i for i, child in enumerate(arm) if child.type == "then"), len(arm))
            arms.append((self.branch(arm[:then]), self.branch(arm[then:])))
        for child in node.children:
            if child.type == "else_clause":
                otherwise = self.branch(child.children)
        return If(tuple(arms), otherwise)

    def separate(self, keyword: "Tree") -> None:
        """``in1`` is one word to the shell."""
        if self.source[keyword.end_byte : keyword.end_byte + 1] not in {b" ", b"\t", b"\n", b";", b"\\"}:
            self.suspects.append(keyword.start_point.row)

    def loop_body(self, node: "Tree") -> Block:
        body = node.children[-1]
        return self.branch(body.children)

    def loop(self, node: "Tree") -> Node:
        return While(self.branch(node.children[:-1]), self.loop_body(node), node.children[0].type == "until")

    def counted(self, node: "Tree") -> Node:
        if node.children[0].type == "select":
            return self.unreadable(node)
        at = next((i for i, child in enumerate(node.children) if child.type == "in"), None)
        words = None
        if at is not None:
            self.separate(node.children[at])
            items = [child for child in node.children[at + 1 : -1] if child.is_named and child.type != "comment"]
            words = tuple(self.words(items, node.children[at].end_byte))
        return For(self.text(node.children[1]), words, self.loop_body(node))

    def c_style(self, node: "Tree") -> Node:
        children = node.children
        opening = next(i for i, child in enumerate(children) if child.type == "((")
        closing = next(i for i, child in enumerate(children) if child.type == "))")
        marks = [child for child in children[opening:closing] if child.type == ";"]
        if len(marks) != 2:
            return self.unreadable(node)
        inner = children[opening + 1 : closing]
        bounds = [children[opening].end_byte, marks[0].start_byte, marks[0].end_byte, marks[1].start_byte,
                  marks[1].end_byte, children[closing].start_byte]  # fmt: skip
        parts = [self.lexemes.stretch(inner, bounds[i], bounds[i + 1]) for i in (0, 2, 4)]
        return CFor(parts[0], parts[1], parts[2], self.loop_body(node))

    def case(self, node: "Tree") -> Node:
        arms = []
        for keyword in (child for child in node.children if child.type == "in"):
            self.separate(keyword)
        for item in (child for child in node.children if child.type == "case_item"):
            children = item.children
            closing = next((i for i, child in enumerate(children) if child.type == ")"), 0)
            patterns = [self.word([child]) for child in children[:closing] if child.type not in {"|", "("}]
            tail = children[-1].type if children[-1].type in {";;", ";&", ";;&"} else ";;"
            body = [child for child in children[closing + 1 :] if child.type not in {";;", ";&", ";;&"}]
            arms.append((tuple(patterns), self.statements(body), tail))
        return Case(self.word([node.children[1]]), tuple(arms))

    def function(self, node: "Tree") -> Node:
        name = next(child for child in node.children if child.type == "word")
        body = next(child for child in reversed(node.children) if child.type in _STATEMENTS)
        return Function(self.text(name), self.statement(body))

    def compound(self, node: "Tree") -> Node:
        if node.children[0].type == "((":
            return ArithmeticCommand(self.lexemes.stretch(node.children[1:-1], node.start_byte + 2, node.end_byte - 2))
        return Group(self.branch(node.children[1:-1]))

    def subshell(self, node: "Tree") -> Node:
        return Subshell(self.branch(node.children[1:-1]))

    def test(self, node: "Tree") -> Node:
        """The grammar's precedence inside tests is not the shell's, so only the words are taken."""
        if node.children[0].type == "((":
            return self.compound(node)
        words = self.words(list(_leaves(node.children)))
        if node.children[0].type == "[[":
            return Test(tuple(words[1:-1]), node.start_point.row)
        return Simple(tuple(words), (), (), node.start_point.row)

    def unset(self, node: "Tree") -> Node:
        return Simple(tuple(self.words(node.children)), (), (), node.start_point.row)


_STATEMENTS = {
    "command": _Reader.simple,
    "variable_assignment": _Reader.single_assignment,
    "variable_assignments": _Reader.assignments,
    "declaration_command": _Reader.declaration,
    "unset_command": _Reader.unset,
    "redirected_statement": _Reader.redirected,
    "pipeline": _Reader.pipeline,
    "negated_command": _Reader.negated,
    "list": _Reader.list,
    "if_statement": _Reader.conditional,
    "while_statement": _Reader.loop,
    "for_statement": _Reader.counted,
    "c_style_for_statement": _Reader.c_style,
    "case_statement": _Reader.case,
    "function_definition": _Reader.function,
    "compound_statement": _Reader.compound,
    "subshell": _Reader.subshell,
    "test_command": _Reader.test,
}

_TEST_NODES = frozenset({"binary_expression", "unary_expression", "parenthesized_expression", "ternary_expression"})


def _word(parts: tuple[Part, ...], line: int, column: int) -> Word:
    return Word(parts, line, column, fixed(parts))


def _broken(node: "Tree") -> bool:
    """An error directly below a statement spoils it; one below a nested statement spoils only that."""
    if not node.has_error:
        return False
    if node.is_error or node.is_missing:
        return True
    if node.type in _STATEMENTS or node.type in {"do_group", "elif_clause", "else_clause", "case_item"}:
        return node.type not in _STATEMENTS and any(_broken(child) for child in node.children)
    return True


def _redirect_last(body: Node, redirects: tuple[Redirect, ...]) -> Node:
    """The tree hangs redirections over whole lists; they belong to the last command."""
    if isinstance(body, Simple):
        return replace(body, redirects=(*body.redirects, *redirects))
    if isinstance(body, AndOr):
        return replace(body, right=_redirect_last(body.right, redirects))
    if isinstance(body, Pipeline):
        return replace(body, commands=(*body.commands[:-1], _redirect_last(body.commands[-1], redirects)))
    return Redirected(body, redirects)


def _leaves(nodes: "Sequence[Tree]") -> "Iterable[Tree]":
    for node in nodes:
        if node.type in _TEST_NODES:
            yield from _leaves(node.children)
        else:
            yield node


def _without_tabs(parts: Sequence[Part]) -> Iterable[Part]:
    """``<<-`` drops the tabs that begin its lines."""
    at_start = True
    for part in parts:
        if not isinstance(part, Literal):
            at_start = False
            yield part
            continue
        lines = part.text.split("\n")
        stripped = [line.lstrip("\t") if i or at_start else line for i, line in enumerate(lines)]
        at_start = not lines[-1].strip("\t")
        yield Literal("\n".join(stripped), part.quoted)
