"""``$(NAME)`` as the kubelet expands it, in env values, command and args.

Rules of k8s.io/kubernetes third_party/forked/golang/expansion: ``$$`` is an escaped ``$``, a name runs to the next
``)``, and a reference to a name that is not set stays as it is. Expansion happens once; results are not read again.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from seatrial.manifests.shell.lexemes import REFERENCE_END, REFERENCE_START
from seatrial.manifests.shell.values import Value, joined

_SYNTAX = re.compile(r"\$\$|\$\(([^)]*)\)|[^$]+|\$", re.DOTALL)
_PLAIN = re.compile(r"[\w./:@%+,-]*\Z", re.ASCII)
_OPEN_NAME = re.compile(r"\$\w*\Z")
_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z", re.ASCII)


Read = Callable[[str], Value | None]
"""The value of a name; None when it is not set."""


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str
    value: Value


def _pieces(text: str, read: Read) -> Iterator[str | _Reference]:
    for found in _SYNTAX.finditer(text):
        name = found[1]
        value = None if name is None else read(name)
        if found[0] == "$$":
            yield "$"
        elif name is not None and value is not None:
            yield _Reference(name, value)
        else:
            yield found[0]


def expanded(text: str, read: Read) -> Value:
    """The text with every reference that ``read`` answers replaced. Raises Unsupported beyond 256 KiB."""
    if "$" not in text:
        return Value(text)
    values = [p.value if isinstance(p, _Reference) else Value(p) for p in _pieces(text, read)]
    return joined(values or [Value("")])


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
