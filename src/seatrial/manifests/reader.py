"""YAML text to plain values, read as Kubernetes' tools read it, with the place of every node on demand.

Values are built in one pass without positions; only a document in which something is found is composed a
second time to learn its lines. Correct manifests, the usual case, never pay for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # libyaml's parser, which the stubs do not list
from yaml.events import CollectionEndEvent, CollectionStartEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from seatrial.manifests.scalars import resolve
from seatrial.manifests.source import Source, UnreadableManifest

Path = tuple[str | int, ...]

# A set that one person writes has hundreds of nodes; aliases that unfold to more than this are a bomb.
MOST_NODES = 2_000_000
DEEPEST = 200
NOT_RENDERED = (
    "a template that is not rendered yet; render it first, as in helm template CHART | pytest -m static --manifests -"
)
_TEMPLATE = re.compile(r"\{\{-?\s*[.$\w(/\"]|\{%")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """One YAML document: its value and the paths of keys that occur twice (the later value wins)."""

    index: int
    value: Any
    duplicates: tuple[tuple[Path, Position], ...]


class _Composer(CParser):
    """libyaml's composer without PyYAML's tag resolution, which is neither fast nor Kubernetes' own."""

    def __init__(self, text: str) -> None:
        super().__init__(text)

    def resolve(self, *_: Any) -> str:  # libyaml's composer calls it by position
        return ""

    def descend_resolver(self, parent: Node | None, index: object) -> None: ...

    def ascend_resolver(self) -> None: ...


def parse(source: Source) -> tuple[Parsed, ...]:
    """The documents of a file; empty ones are left out.

    Sets of one fleet share files, so equal texts are read once, and their values are shared: nobody may change them.
    Raises UnreadableManifest when the text is not YAML that a cluster's tools would read.
    """
    if source.text not in _read:
        nodes = enumerate(_compose(source))
        found = tuple(_Builder(source, index).build(node) for index, node in nodes if not _is_empty(node))
        if len(_read) >= _MOST_KEPT:
            _read.clear()
        _read[source.text] = found
    return _read[source.text]


_MOST_KEPT = 256
_read: dict[str, tuple[Parsed, ...]] = {}


def positions(source: Source, index: int) -> Node:
    """The composed tree of document `index` of a file that `parse` has read."""
    return _trees(source)[index]


@lru_cache(maxsize=4)
def _trees(source: Source) -> tuple[Node, ...]:
    return tuple(_compose(source))


def _compose(source: Source) -> Iterator[Node]:
    _check_depth(source)
    parser = _Composer(source.text)
    try:
        while parser.check_node():
            node = parser.get_node()
            assert node is not None
            yield node
    except yaml.YAMLError as error:
        raise UnreadableManifest(_explain(source, error)) from None
    finally:
        parser.dispose()


def _check_depth(source: Source) -> None:
    """Libyaml composes recursively in C, so absurd nesting has to be found before it overflows the stack."""
    if not any(_may_nest_deeply(line) for line in source.text.splitlines()):
        return
    parser = _Composer(source.text)
    depth = 0
    try:
        while parser.check_event():
            event = parser.get_event()
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > DEEPEST:
                line = event.start_mark.line + 1  # type: ignore[union-attr]  # events of libyaml have marks
                raise UnreadableManifest(f"{source.name}:{line}: nested deeper than {DEEPEST} levels; not a manifest")
    except yaml.YAMLError as error:
        raise UnreadableManifest(_explain(source, error)) from None
    finally:
        parser.dispose()


def _may_nest_deeply(line: str) -> bool:
    if len(line) <= DEEPEST:
        return False
    return line.count("[") + line.count("{") + line.count("- ") > DEEPEST or line[:DEEPEST].isspace()


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and not node.style and node.value == ""


def _explain(source: Source, error: yaml.YAMLError) -> str:
    if isinstance(error, ReaderError):
        line = source.text.encode().count(b"\n", 0, error.position) + 1
        return f"{source.name}:{line}: not YAML: control character U+{error.character:04X}; remove it"
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    problem = str(getattr(error, "problem", None) or error).replace("\n", " ")
    text = source.text.split("\n")[line - 1] if line <= source.text.count("\n") + 1 else ""
    if _TEMPLATE.search(text) or _TEMPLATE.search(source.text):
        shown = next((number for number, row in enumerate(source.text.split("\n"), 1) if _TEMPLATE.search(row)), line)
        return f"{source.name}:{shown}: {NOT_RENDERED}"
    if "\t" in text[: len(text) - len(text.lstrip())]:
        return f"{source.name}:{line}: not YAML: indented with a tab; use spaces"
    started = getattr(error, "context_mark", None)
    task = getattr(error, "context", None)
    context = f" ({task} in line {started.line + 1})" if started and task else ""
    return f"{source.name}:{line}: not YAML: {problem}{context}; mend the syntax at this place"


class _Builder:
    """Builds the value of one document from its composed nodes."""

    def __init__(self, source: Source, index: int) -> None:
        self._source = source
        self._index = index
        self._duplicates: list[tuple[Path, Position]] = []
        self._built: dict[Node, Any] = {}
        self._weight: dict[Node, int] = {}
        self._open: set[Node] = set()
        self._path: list[str | int] = []

    def build(self, node: Node) -> Parsed:
        return Parsed(self._index, self._value(node), tuple(self._duplicates))

    def _fail(self, node: Node, problem: str) -> UnreadableManifest:
        return UnreadableManifest(f"{self._source.name}:{node.start_mark.line + 1}: {problem}")

    def _value(self, node: Node) -> Any:
        if isinstance(node, ScalarNode):
            return resolve(node.value) if not node.style and not node.tag else self._tagged(node)
        if node in self._built:
            return self._built[node]
        if node in self._open:
            raise self._fail(node, "an anchor that contains itself; write the value out instead of its alias")
        if len(self._path) > DEEPEST:
            raise self._fail(node, f"nested deeper than {DEEPEST} levels; not a manifest")
        self._open.add(node)
        assert isinstance(node, (SequenceNode, MappingNode))
        value = self._sequence(node) if isinstance(node, SequenceNode) else self._mapping(node)
        self._open.discard(node)
        self._built[node] = value
        self._weigh(node)
        return value

    def _weigh(self, node: Node) -> None:
        children = [child for pair in node.value for child in pair] if isinstance(node, MappingNode) else node.value
        weight = 1 + sum(self._weight.get(child, 1) for child in children)
        if weight > MOST_NODES:
            raise self._fail(node, f"aliases unfold to more than {MOST_NODES:,} values; not a manifest")
        self._weight[node] = weight

    def _tagged(self, node: ScalarNode) -> Any:
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if tag in ("", "!", "str", "binary"):
            return node.value
        if tag in ("int", "float", "bool", "null"):
            return resolve(node.value)
        raise self._fail(node, f"unknown YAML tag `{node.tag}`; Kubernetes' tools know none of their own, remove it")

    def _sequence(self, node: SequenceNode) -> list[Any]:
        items = []
        for number, child in enumerate(node.value):
            self._path.append(number)
            items.append(self._value(child))
            self._path.pop()
        return items

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.value == "<<" and not key_node.style and not isinstance(value_node, ScalarNode):
                merged.update(self._merge(value_node))
                continue
            key = self._key(key_node)
            self._path.append(key)
            if key in mapping:
                mark = key_node.start_mark
                self._duplicates.append((tuple(self._path), Position(mark.line + 1, mark.column + 1)))
            mapping[key] = self._value(value_node)
            self._path.pop()
        return {**merged, **mapping} if merged else mapping

    def _merge(self, node: Node) -> dict[str, Any]:
        value = self._value(node)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise self._fail(node, "`<<` merges something that is not a mapping; give it a mapping or a list of them")
        return {key: part[key] for part in reversed(parts) for key in part}

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            flow = isinstance(node, MappingNode) and node.flow_style
            raise self._fail(node, NOT_RENDERED if flow else "a key that is not a scalar; objects have names as keys")
        if node.style:
            return str(node.value)
        return _plain_key(node.value)


def find(tree: Node, path: Path) -> tuple[Node, Node, bool]:
    """The key node and value node nearest to `path`, and whether the whole path was there."""
    key = value = tree
    for step in path:
        child = _child(value, step)
        if child is None:
            return key, value, False
        key, value = child
    return key, value, True


def _child(node: Node, step: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    if isinstance(node, MappingNode):
        merges = [value for key, value in node.value if key.value == "<<" and not key.style]
        for key, value in reversed(node.value):
            if isinstance(key, ScalarNode) and _spelled(key, step):
                return key, value
        return next((found for merge in merges for found in [_child(merge, step)] if found), None)
    return None


def _spelled(key: ScalarNode, step: str | int) -> bool:
    return bool(key.value == step) or (not key.style and _plain_key(key.value) == step)


def _plain_key(text: str) -> str:
    value = resolve(text)
    if isinstance(value, str):
        return value
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
