"""An API server's refusal taken apart: which fields it names, and what it says of each.

Texts of k8s.io/apimachinery (field errors), structured-merge-diff (server-side apply) and of LWS' webhooks. Values that
a server quotes are left out where they are objects: they may hold secrets.
"""

import re
from collections.abc import Iterator, Mapping

from seatrial.live.api import ApiError
from seatrial.manifests.document import Node
from seatrial.printable import one_line

Step = str | int | Mapping[str, str]
"""A field, an index, or the fields by which an element of a list is told apart."""

_PREAMBLES = re.compile(
    r"failed to create typed patch object \([^)]*\): |admission webhook \S+ denied the request: "
    r"|failed to convert new object \([^)]*\) to proper version: "
)
_FIELD = r"\.?(?:spec|metadata|data|stringData|parameters|subsets|rules|webhooks|provisioner|reclaimPolicy)"
_NEXT = re.compile(rf"(?:^|,)\s*(?={_FIELD}[.\[:])|\n\s+(?=\.)")
_NAMED = re.compile(rf"(?P<path>{_FIELD}(?:[\w./$-]|\[[^\]]*\])*): (?P<words>.+)", re.DOTALL)
_STRICT = re.compile(r'(?P<what>unknown field|duplicate field) "(?P<path>[^"]+)"')
_STEP = re.compile(r"\[(?P<inside>[^\]]*)\]|(?P<field>[^.\[\]]+)")
_KEYED = re.compile(r'(\w+)="?([^",]*)"?')
_QUOTED_OBJECT = re.compile(r"Invalid value: \{.*\}(?=:|\Z)", re.DOTALL)
_RAW = re.compile(r"got &value\.valueUnstructured\{.*\}", re.DOTALL)
_DIFFERENCE = re.compile(r"\s*\n?@@ .*", re.DOTALL)
_QUOTED = ((_QUOTED_OBJECT, "Invalid value"), (_RAW, "got another type"), (_DIFFERENCE, ""))
_LONGEST = 300


def parts(error: ApiError) -> list[tuple[str, str]]:
    """Each fault that the server lists: the path of the field, empty where it names none, and its words."""
    texts = error.causes or tuple(_split(error.message))
    return list(dict.fromkeys(_part(text) for text in texts))


def _split(message: str) -> Iterator[str]:
    strict = [f"{found['path']}: {found['what']}" for found in _STRICT.finditer(message)]
    if strict:
        yield from strict
        return
    rest = _PREAMBLES.sub("", message).removeprefix("errors:")
    listed = rest[1:-1] if rest.startswith("[") and rest.endswith("]") else rest
    yield from (one for one in _NEXT.split(listed) if one.strip())


def _part(text: str) -> tuple[str, str]:
    named = _NAMED.match(text.strip()) or re.match(r"(?P<path>[\w.\[\]-]+): (?P<words>.+)", text, re.DOTALL)
    path, words = (named["path"].lstrip("."), named["words"]) if named else ("", text)
    for pattern, instead in _QUOTED:
        words = pattern.sub(instead, words)
    return path, in_short(words)


def in_short(text: str) -> str:
    """The text as one line of bounded length."""
    return one_line(text, _LONGEST)


def steps(path: str) -> Iterator[Step]:
    """`spec.containers[0].env[name="A"]` step by step."""
    for match in _STEP.finditer(path):
        inside = match["inside"]
        if inside is None:
            yield match["field"]
        elif inside.isdigit():
            yield int(inside)
        else:
            yield dict(_KEYED.findall(inside)) or inside


def place(root: Node, path: str) -> Node:
    """The node that a path of the server means, or as much of the way there as the manifest has."""
    node = root
    for step in steps(path):
        found = _below(node, step)
        if found is None:
            break
        node = found
    return node


def _below(node: Node, step: Step) -> Node | None:
    if isinstance(step, Mapping):
        return next((one for one in node if all(str(one[key].raw) == value for key, value in step.items())), None)
    found = node[step]
    return found if found.exists else None
