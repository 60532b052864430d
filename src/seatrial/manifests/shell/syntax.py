"""The abstract syntax of a shell script, as small records.

The parser makes them once per script text; the interpreter walks them once per pod and changes nothing.
They are not frozen and have no comparison, because defining two dozen such classes would cost 20 ms at every start.
Every record that can be reported carries ``line``, 0-based from the first line of the script.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

_EXPANDABLE = re.compile(r"[{*?\[~]")

Part: TypeAlias = "Literal | Parameter | Substitution | Arithmetic | Reference | Opaque"
Node: TypeAlias = (
    "Simple | Declaration | Pipeline | AndOr | If | While | For | CFor | Case | Function | Subshell | Group | Test"
    " | ArithmeticCommand | Redirected | Unreadable"
)


@dataclass(slots=True, eq=False, repr=False)
class Literal:
    """Text as written, escapes resolved; ``quoted`` text is neither split nor globbed."""

    text: str
    quoted: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Parameter:
    """``$name``, ``${name}`` or ``${name OPERATOR operand}``.

    ``index`` is the text between brackets; ``bare`` marks a name without braces.
    """

    name: str
    quoted: bool = False
    operator: str = ""
    operand: "tuple[Part, ...]" = ()
    replacement: "tuple[Part, ...] | None" = None
    index: "tuple[Part, ...] | None" = None
    length: bool = False
    indirect: bool = False
    bare: bool = False
    line: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Substitution:
    """``$(body)`` or the same in backquotes."""

    body: "Block"
    text: str
    quoted: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Arithmetic:
    """``$((expression))``; the expression is expanded like a quoted string before it is computed."""

    expression: "tuple[Part, ...]"
    quoted: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Reference:
    """A value the kubelet put into the script's text before the shell saw it."""

    name: str
    quoted: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Opaque:
    """Something whose value cannot be known here, such as a process substitution."""

    text: str
    quoted: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Word:
    """``fixed`` is the word itself when nothing in it can be expanded."""

    parts: "tuple[Part, ...]"
    line: int = 0
    column: int = 0
    fixed: str | None = None


@dataclass(slots=True, eq=False, repr=False)
class Assignment:
    """``name=value``, ``name+=value``, ``name[index]=value`` or ``name=(items)``."""

    name: str
    value: Word | tuple[Word, ...]
    append: bool = False
    index: "tuple[Part, ...] | None" = None
    line: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Redirect:
    """``operator`` as written, without the descriptor; a here-document or here-string has its text in ``body``."""

    operator: str
    descriptor: str = ""
    target: Word | None = None
    body: Word | None = None


@dataclass(slots=True, eq=False, repr=False)
class Simple:
    words: tuple[Word, ...]
    assignments: tuple[Assignment, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    line: int = 0

    @property
    def diverts_output(self) -> bool:
        """Whether standard output goes elsewhere than the command before it would send it."""
        return any(
            redirect.operator[:1] in {">", "&"} and redirect.descriptor in {"", "1"} for redirect in self.redirects
        )


@dataclass(slots=True, eq=False, repr=False)
class Declaration:
    """``export``, ``declare``, ``local``, ``readonly``, ``typeset`` with their operands."""

    keyword: str
    items: tuple[Assignment | Word, ...]
    line: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Pipeline:
    commands: "tuple[Node, ...]"
    negated: bool = False


@dataclass(slots=True, eq=False, repr=False)
class AndOr:
    left: "Node"
    operator: str
    right: "Node"


@dataclass(slots=True, eq=False, repr=False)
class Block:
    """Statements in order; the flag says whether a statement runs in the background."""

    statements: "tuple[tuple[Node, bool], ...]"


@dataclass(slots=True, eq=False, repr=False)
class If:
    arms: "tuple[tuple[Block, Block], ...]"
    otherwise: "Block | None" = None


@dataclass(slots=True, eq=False, repr=False)
class While:
    condition: "Block"
    body: "Block"
    until: bool = False


@dataclass(slots=True, eq=False, repr=False)
class For:
    """``words`` is None for ``for name; do``, which runs over the positional parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: "Block"


@dataclass(slots=True, eq=False, repr=False)
class CFor:
    setup: "tuple[Part, ...]"
    condition: "tuple[Part, ...]"
    step: "tuple[Part, ...]"
    body: "Block"


@dataclass(slots=True, eq=False, repr=False)
class Case:
    """Arms are (patterns, body, terminator), the terminator one of ``;;``, ``;&`` and ``;;&``."""

    subject: Word
    arms: "tuple[tuple[tuple[Word, ...], Block, str], ...]"


@dataclass(slots=True, eq=False, repr=False)
class Function:
    name: str
    body: "Node"


@dataclass(slots=True, eq=False, repr=False)
class Subshell:
    body: "Block"


@dataclass(slots=True, eq=False, repr=False)
class Group:
    body: "Block"


@dataclass(slots=True, eq=False, repr=False)
class Test:
    """The words between ``[[`` and ``]]``, operators included."""

    words: tuple[Word, ...]
    line: int = 0


@dataclass(slots=True, eq=False, repr=False)
class ArithmeticCommand:
    expression: "tuple[Part, ...]"


@dataclass(slots=True, eq=False, repr=False)
class Redirected:
    """A compound command with redirections."""

    body: "Node"
    redirects: tuple[Redirect, ...]


@dataclass(slots=True, eq=False, repr=False)
class Unreadable:
    """A stretch of the script that the parser could not read although the shell may."""

    text: str
    line: int


@dataclass(slots=True, eq=False, repr=False)
class Script:
    """``suspect`` is the first line at which the text may break the shell's grammar, or None."""

    body: "Block"
    suspect: int | None = None


def plain(parts: Sequence[Part]) -> str | None:
    """The text of parts that hold nothing to expand, else None."""
    texts = [part.text for part in parts if isinstance(part, Literal)]
    return "".join(texts) if len(texts) == len(parts) else None


def fixed(parts: Sequence[Part]) -> str | None:
    """The text of parts that no expansion can change or split: no pattern, brace or tilde outside quotes."""
    text = plain(parts)
    if text is None or any(
        _EXPANDABLE.search(part.text) for part in parts if isinstance(part, Literal) and not part.quoted
    ):
        return None
    return text
