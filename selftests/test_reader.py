"""YAML as Kubernetes' tools read it, with places, and bad input in one line."""

import math
import tracemalloc

import pytest

from seatrial.manifests.document import documents
from seatrial.manifests.reader import parse
from seatrial.manifests.scalars import resolve
from seatrial.manifests.source import LARGEST_FILE, Source, UnreadableManifest, decode


def value(text: str) -> object:
    return parse(Source("f.yaml", text))[0].value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True), ("y", True), ("off", False), ("True", True), ("~", None), ("null", None),
        ("12", 12), ("0x1f", 31), ("0o17", 15), ("017", 15), ("0b11", 3), ("1_000", 1000), ("+7", 7), ("-3", -3),
        ("1e3", 1000.0), ("1.5", 1.5), (".5", 0.5), ("190:20:30", "190:20:30"), ("2001-12-14", "2001-12-14"),
        ("1.2.3", "1.2.3"), ("8Gi", "8Gi"), ("0x", "0x"), ("089", 89.0), ("-", "-"), ("18446744073709551615", 2**64 - 1),
        ("36893488147419103232", float(2**65)), ("tRue", "tRue"),
    ],
)  # fmt: skip
def test_plain_scalars(text: str, expected: object) -> None:
    assert resolve(text) == expected
    assert type(resolve(text)) is type(expected)


def test_not_a_number() -> None:
    assert math.isnan(resolve(".nan"))  # type: ignore[arg-type]


def test_quoted_scalars_are_strings() -> None:
    assert value("a: '1'\nb: \"yes\"\nc: !!str 5\nd: !!int '7'") == {"a": "1", "b": "yes", "c": "5", "d": 7}


def test_keys_are_strings() -> None:
    assert value("on: 1\n2: b\n~: c") == {"true": 1, "2": "b", "null": "c"}


def test_merge_keys_give_way_to_own_ones() -> None:
    assert value("a: &a {p: 1, q: 2}\nb: {<<: *a, q: 3}")["b"] == {"p": 1, "q": 3}  # type: ignore[index]


def test_duplicate_keys_are_kept_with_their_places() -> None:
    [parsed] = parse(Source("f.yaml", "a:\n  b: 1\n  c: 2\n  b: 3\n"))
    assert parsed.value == {"a": {"b": 3, "c": 2}}
    [(path, position)] = parsed.duplicates
    assert (path, position.line, position.column) == (("a", "b"), 4, 3)


SCRIPT = """\
kind: Pod
spec:
  containers:
  - name: a
    args:
    - |
      one
      two
    - three
---
kind: List
items:
- kind: Service
  metadata:
    name: s
"""


def test_places() -> None:
    source = Source("f.yaml", SCRIPT)
    pod, service = documents(source, parse(source))
    container = pod.at("spec", "containers", 0)
    assert container["name"].where().line == 4
    assert container["args"][0].line(1).where().line == 8
    assert container["args"][1].where().line == 9
    assert container["image"].where().line == 4, "a missing key stands at its nearest ancestor"
    assert service["metadata"]["name"].where().line == 15
    assert service.title == "Service/s"
    assert container["args"][0].where().path == "spec.containers[0].args[0]"


def test_nodes_survive_every_type() -> None:
    source = Source("f.yaml", "a: [1, {b: null}]\nc: x")
    root = next(documents(source, parse(source))).root
    assert not root["a"]["b"]["c"][0].exists
    assert root["a"][1]["b"].exists
    assert root["a"][1]["b"].raw is None
    assert root["c"]["d"].text is None
    assert list(root["c"]) == []
    assert list(root["c"].items()) == []
    assert root["a"][5].where().line == 1


BAD = {
    "a: [1": "not YAML",
    "a: 'x": "not YAML",
    "a:\n\tb: 1": "tab",
    "a: &x [*x]": "contains itself",
    "a: &x {b: *x}": "contains itself",
    "a: *nowhere": "not YAML",
    "image: {{ .Values.image }}": "not rendered",
    "{{- if .Values.x }}\na: 1\n{{- end }}": "not rendered",
    "x: !foo 1": "unknown YAML tag",
    "? [a]\n: 1": "not a scalar",
    "[" * 5000: "nest",
    '["a",' * 5000: "nested deeper",
    "- " * 5000: "nested deeper",
    "{a: " * 5000: "nested deeper",
    "a:\n" + "".join(" " * i + "a:\n" for i in range(1, 1500)): "nested deeper",
    "<<: 1\na: {<<: [1, 2]}": "merges something",
}


@pytest.mark.parametrize("text", BAD, ids=[text[:12].strip() + str(n) for n, text in enumerate(BAD)])
def test_bad_yaml_is_one_line_with_its_place(text: str) -> None:
    with pytest.raises(UnreadableManifest) as caught:
        parse(Source("f.yaml", text))
    message = str(caught.value)
    assert message.startswith("f.yaml:")
    assert BAD[text] in message
    assert "\n" not in message


def test_alias_bomb_ends_early_and_small() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    tracemalloc.start()
    with pytest.raises(UnreadableManifest, match="aliases unfold"):
        parse(Source("f.yaml", "\n".join(lines)))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xfea\x00", "UTF-16"),
        (b"a: \x00b", "NUL"),
        (b"a: 1\nb: \xff\xfe\xfd", "f.yaml:2: not UTF-8"),
        (b"x" * (LARGEST_FILE + 1), "larger than"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, expected: str) -> None:
    with pytest.raises(UnreadableManifest, match=expected):
        decode(data, "f.yaml")


def test_byte_order_mark_is_accepted() -> None:
    assert decode(b"\xef\xbb\xbfa: 1", "f.yaml") == "a: 1"
