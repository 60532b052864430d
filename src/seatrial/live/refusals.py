"""An API server's refusal taken apart: which fields it names, and what it says of each."""

import re
from collections.abc import Iterator

from seatrial.live.api import ApiError
from seatrial.manifests.document import Node

_STRICT = re.compile(r"strict decoding error: (?P<list>.+)", re.DOTALL)
_UNKNOWN = re.compile(r'(?P<what>unknown field|duplicate field) "(?P<path>[^"]+)"')
_STEP = re.compile(r"[^.\[\]]+|\[(?:(?P<number>\d+)|\"?(?P<key>[^\]\"]+)\"?)\]")
_PATH = re.compile(
    r"(?:^|[\s\[(])\.?(?P<path>(?:spec|metadata|data|parameters|provisioner)(?:\.[A-Za-z][\w-]*|\[[^\]]+\])*)(?=:)"
)


def parts(error: ApiError) -> Iterator[tuple[str, str]]:
    """Each fault that the server lists: the path of the field, empty where it names none, and its words."""
    if error.causes:
        for cause in error.causes:
            path, _, words = cause.partition(": ")
            yield (path, words) if words else ("", cause)
        return
    strict = _STRICT.search(error.message)
    unknown = list(_UNKNOWN.finditer(strict["list"])) if strict else []
    for found in unknown:
        yield found["path"], found["what"]
    if not unknown:
        named = _PATH.search(error.message)
        yield (named["path"] if named else ""), error.message


def steps(path: str) -> list[str | int]:
    """`spec.containers[0].image` as steps; a key in brackets stays a text."""
    found: list[str | int] = []
    for match in _STEP.finditer(path):
        if match["number"] is not None:
            found.append(int(match["number"]))
        else:
            found.append(match["key"] or match[0])
    return found


def place(root: Node, path: str) -> Node:
    """The node that a path of the server means, or as much of the way there as the manifest has."""
    node = root
    for step in steps(path):
        if not node[step].exists:
            break
        node = node[step]
    return node
