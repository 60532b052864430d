"""One Kubernetes object of a set, and views of its nodes that survive any wrong type."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from seatrial.finding import Where
from seatrial.manifests import reader
from seatrial.manifests.reader import Parsed, Path, Position
from seatrial.manifests.source import Source

_ABSENT: Any = object()


class Document:
    """An object as read: its value, where it stands, and what the API server calls it.

    `value` is what the YAML says, of whatever type. Items of a `List` are documents of their own. `kind`,
    `api_version`, `group` (empty for the core group) and `name` are empty where the YAML has no such text.
    """

    __slots__ = ("api_version", "duplicates", "group", "index", "kind", "name", "prefix", "root", "source", "value")

    def __init__(self, source: Source, index: int, prefix: Path, value: Any, duplicates: tuple[Any, ...] = ()) -> None:
        self.source = source
        self.index = index
        self.prefix = prefix
        self.value = value
        self.duplicates = duplicates
        self.root = Node(self, None, None, value)
        self.kind = self.root["kind"].text or ""
        self.api_version = self.root["apiVersion"].text or ""
        self.group = self.api_version.rpartition("/")[0]
        self.name = self.root["metadata"]["name"].text or ""

    @property
    def namespace(self) -> str | None:
        """The namespace written in the manifest; None where the object takes the namespace of the run."""
        return self.root["metadata"]["namespace"].text or None

    def __getitem__(self, step: str) -> "Node":
        return self.root[step]

    def at(self, *steps: str | int) -> "Node":
        """The node below the root at `steps`, present or not."""
        return self.root.at(*steps)

    @property
    def title(self) -> str:
        """`Kind/name`, as findings and waivers name the object."""
        return f"{self.kind or 'object without kind'}/{self.name or '?'}"

    def position(self, path: Path, scalar_line: int | None = None, *, of_value: bool = False) -> Position:
        """Where `path` stands in the file; a missing node stands where its nearest ancestor does.

        `scalar_line` counts lines from 0 inside a multi-line scalar.
        """
        tree = reader.positions(self.source, self.index)
        key, value, complete = reader.find(tree, (*self.prefix, *path))
        if scalar_line is not None and complete:
            inside = scalar_line + 1 if getattr(value, "style", None) in ("|", ">") else scalar_line
            return Position(value.start_mark.line + 1 + inside, value.start_mark.column + 1)
        mark = (value if of_value else key).start_mark
        return Position(mark.line + 1, mark.column + 1)


def documents(source: Source, parsed: Iterable[Parsed]) -> Iterator[Document]:
    """The objects of one file, `List` kinds taken apart."""
    for document in parsed:
        items = _items(document.value)
        if items is None:
            yield Document(source, document.index, (), document.value, document.duplicates)
            continue
        for number, item in enumerate(items):
            prefix = ("items", number)
            inside = tuple((path[2:], at) for path, at in document.duplicates if path[:2] == prefix)
            yield Document(source, document.index, prefix, _typed(item, document.value), inside)


def _items(value: Any) -> list[Any] | None:
    if isinstance(value, dict) and isinstance(value.get("kind"), str) and value["kind"].endswith("List"):
        items = value.get("items")
        return items if isinstance(items, list) else None
    return None


def _typed(item: Any, parent: dict[str, Any]) -> Any:
    """An item of `PodList` that names no type is a Pod of the list's version, as client-go has it."""
    kind = parent["kind"].removesuffix("List")
    if not isinstance(item, dict) or not kind or (item.get("kind") and item.get("apiVersion")):
        return item
    return {**item, "kind": kind, "apiVersion": parent.get("apiVersion")}


class Node:
    """A place in a document. Missing nodes and wrong types are ordinary values here, never errors.

    `raw` is the YAML value, None when the node is null or absent; `exists` tells these two apart.
    """

    __slots__ = ("document", "exists", "parent", "raw", "step")

    def __init__(
        self, document: Document, parent: "Node | None", step: str | int | None, raw: Any, exists: bool = True
    ) -> None:
        self.document = document
        self.parent = parent
        self.step = step
        self.raw = raw
        self.exists = exists

    @property
    def path(self) -> Path:
        """The steps from the root of the document to here; asked for only when something is found."""
        steps: list[str | int] = []
        node = self
        while node.parent is not None and node.step is not None:
            steps.append(node.step)
            node = node.parent
        return tuple(reversed(steps))

    def __getitem__(self, step: str | int) -> "Node":
        raw = self.raw
        if type(raw) is dict:  # exact types: the reader makes no others, and this is the hottest line there is
            child = raw.get(step, _ABSENT)
            if child is not _ABSENT:
                return Node(self.document, self, step, child)
        elif type(raw) is list and isinstance(step, int) and -1 < step < len(raw):
            return Node(self.document, self, step, raw[step])
        return Node(self.document, self, step, None, False)

    def at(self, *steps: str | int) -> "Node":
        """The node below this one at `steps`, present or not."""
        node = self
        for step in steps:
            node = node[step]
        return node

    @property
    def text(self) -> str | None:
        return self.raw if isinstance(self.raw, str) else None

    @property
    def integer(self) -> int | None:
        """The whole number here; `1e3` and `8.0` are whole numbers to the API server."""
        if isinstance(self.raw, float) and self.raw.is_integer():
            return int(self.raw)
        return self.raw if isinstance(self.raw, int) and not isinstance(self.raw, bool) else None

    @property
    def boolean(self) -> bool | None:
        return self.raw if isinstance(self.raw, bool) else None

    @property
    def mapping(self) -> dict[str, Any]:
        """The mapping here, or an empty one."""
        return self.raw if isinstance(self.raw, dict) else {}

    @property
    def texts(self) -> dict[str, str]:
        """The entries of this mapping whose values are strings: labels, annotations, selectors."""
        return {key: value for key, value in self.mapping.items() if isinstance(value, str)}

    def __iter__(self) -> Iterator["Node"]:
        """The elements of a list; nothing for anything else."""
        if isinstance(self.raw, list):
            for number, raw in enumerate(self.raw):
                yield Node(self.document, self, number, raw)

    def items(self) -> Iterator[tuple[str, "Node"]]:
        """The entries of a mapping; nothing for anything else."""
        for key, raw in self.mapping.items():
            yield key, Node(self.document, self, key, raw)

    @property
    def dotted(self) -> str:
        """The path as people write it: `spec.containers[0].image`."""
        return dotted(self.path)

    def where(self) -> Where:
        """File, line, path and object, for a finding."""
        return self._where(None)

    def line(self, number: int) -> "ScalarLine":
        """Line `number` (from 0) inside the multi-line scalar that stands here."""
        return ScalarLine(self, number)

    def word_line(self, number: int) -> "Node | ScalarLine":
        """Where a word stands that was read from line `number` of this scalar; a one-line scalar is its own place."""
        return self.line(number) if "\n" in (self.text or "") else self

    def _where(self, scalar_line: int | None) -> Where:
        document = self.document
        position = document.position(self.path, scalar_line)
        return Where(document.source.name, position.line, self.dotted, document.title)

    def __repr__(self) -> str:
        return f"<{self.document.title} {self.dotted} {self.raw!r}>"


@dataclass(frozen=True, slots=True)
class ScalarLine:
    """One line of a multi-line scalar: a place inside a script."""

    node: Node
    number: int

    def where(self) -> Where:
        return self.node._where(self.number)


def dotted(path: Path) -> str:
    """`("spec", "containers", 0, "image")` as `spec.containers[0].image`; keys with dots are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif "." in step or "/" in step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text
