"""``$(NAME)`` as the kubelet expands it, in env values, command and args.

Rules of k8s.io/kubernetes third_party/forked/golang/expansion: ``$$`` is an escaped ``$``, a name runs to the next
``)``, and a reference to a name that is not set stays as it is. Expansion happens once; results are not read again.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from seatrial.manifests.shell.lexemes import REFERENCE_END, REFERENCE_START
from seatrial.manifests.shell.values import Unsupported, Value

_SYNTAX = re.compile(r"\$\$|\$\(([^)]*)\)")
_PLAIN = re.compile(r"[\w./:@%+,-]*\Z", re.ASCII)
_OPEN_NAME = re.compile(r"\$\w*\Z")
_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z", re.ASCII)


_LONGEST = 1 << 20

Read = Callable[[str], Value | None]
"""The value of a name; None when it is not set."""


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str
    value: Value


def _pieces(text: str, read: Read) -> Iterator[str | _Reference]:
    position = 0
    for found in _SYNTAX.finditer(text):
        yield text[position : found.start()]
        position = found.end()
        name = found[1]
        value = None if name is None else read(name)
        if found[0] == "$$":
            yield "$"
        elif name is not None and value is not None:
            yield _Reference(name, value)
        else:
            yield found[0]
    yield text[position:]


def expanded(text: str, read: Read) -> Value:
    """The text with every reference that ``read`` answers replaced. Raises Unsupported beyond 1 MiB."""
    if "$" not in text:
        return Value(text)
    pieces = list(_pieces(text, read))
    values = [piece.value for piece in pieces if isinstance(piece, _Reference)]
    result = "".join(piece.value.text if isinstance(piece, _Reference) else piece for piece in pieces)
    if len(result) > max(_LONGEST, len(text)):
        raise Unsupported("a value grows beyond 1 MiB")
    return Value(result, all(value.known for value in values), frozenset().union(*(value.sources for value in values)))


def marked(text: str, read: Read) -> str:
    """A shell script with its references expanded.

    Values made of plain characters are left as marks that the interpreter reads as the value, so that their sources
    are not lost and pods share one parsed script. Others become text, because the shell will read them as such.
    """
    if "$" not in text:
        return text
    out = ""
    for piece in _pieces(text, read):
        if isinstance(piece, str):
            out += piece
        elif _is_markable(piece.name, piece.value, out):
            out += REFERENCE_START + piece.name + REFERENCE_END
        else:
            out += piece.value.text
    return out


def _is_markable(name: str, value: Value, before: str) -> bool:
    """A value behind ``$A`` could lengthen that name, so it has to become text."""
    if not _NAME.match(name) or _OPEN_NAME.search(before[-80:]):
        return False
    return not value.known or _PLAIN.match(value.text) is not None
