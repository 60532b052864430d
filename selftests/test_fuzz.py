"""Whatever stands in a manifest, of whatever type: a verdict, never a crash."""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial import catalogue, shipped
from seatrial.judge import judge
from seatrial.manifest_set import ManifestSet
from seatrial.manifests import reader
from seatrial.manifests.document import Document, documents
from seatrial.manifests.source import Source
from seatrial.target import Target, load
from seatrial.verdict import Verdict

REPLACEMENTS: tuple[Any, ...] = (
    None,
    7,
    -1,
    2**40,
    0.5,
    True,
    "",
    "x",
    "$(A)",
    [],
    ["x"],
    [None],
    {},
    {"x": 1},
    {"name": {}},
)
Steps = tuple[str | int, ...]


@cache
def _documents(name: str) -> tuple[Document, ...]:
    files = sorted((shipped.manifests() / name).glob("*.yaml"))
    sources = [Source(path.name, path.read_text(encoding="utf-8")) for path in files]
    return tuple(document for source in sources for document in documents(source, reader.parse(source)))


@cache
def _target(name: str) -> Target:
    return load(shipped.manifests() / name / "seatrial.toml")


def _paths(value: Any, below: Steps = ()) -> Iterator[Steps]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        yield (*below, step)
        yield from _paths(child, (*below, step))


@cache
def _places(name: str) -> tuple[tuple[int, Steps], ...]:
    return tuple((number, path) for number, document in enumerate(_documents(name)) for path in _paths(document.value))


def _replaced(name: str, changes: dict[tuple[int, Steps], Any]) -> ManifestSet:
    changed = []
    for number, document in enumerate(_documents(name)):
        value = document.value
        for (at, path), new in changes.items():
            if at == number:
                value = _with(value, path, new)
        changed.append(Document(document.source, document.index, document.prefix, value))
    return ManifestSet(name, changed, _target(name))


def _with(value: Any, path: Steps, new: Any) -> Any:
    """A copy with another value at `path`; unchanged where an earlier change took that place away."""
    value = copy.deepcopy(value)
    node = value
    try:
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = copy.deepcopy(new)
    except (KeyError, IndexError, TypeError):
        return value
    return value


def _check(manifests: ManifestSet, what: object) -> None:
    for requirement in catalogue.requirements("static"):
        judgement = judge(requirement, manifests)
        if judgement.verdict is Verdict.ERROR:
            raise AssertionError(f"{requirement.id}: {judgement.reason}; {what}") from judgement.error


@pytest.mark.parametrize("name", ["deepseek-r1-tke", "tke-guide-2025-02"])
def test_every_node_of_a_set_replaced_once(name: str) -> None:
    for turn, place in enumerate(_places(name)):
        new = REPLACEMENTS[turn % len(REPLACEMENTS)]
        _check(_replaced(name, {place: new}), (place, new))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_several_nodes_replaced_at_once(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["deepseek-r1-tke", "a100-80g-int8", "single-node-8xh200", "super-node"]))
    chosen = data.draw(st.lists(st.sampled_from(_places(name)), min_size=1, max_size=4, unique=True))
    changes = {place: data.draw(st.sampled_from(REPLACEMENTS)) for place in sorted(chosen, key=str)}
    _check(_replaced(name, changes), changes)


@pytest.mark.parametrize(
    "value", [None, 1, "text", [], ["a"], {}, {"kind": "LeaderWorkerSet"}, {"apiVersion": 1, "kind": []}]
)
def test_documents_that_are_no_objects(value: Any) -> None:
    source = Source("f.yaml", "a: 1\n")
    _check(ManifestSet("set", [Document(source, 0, (), value)], Target.empty()), value)
