"""A fault says what it means, or is refused in one line that names it."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.live import faults
from seatrial.live.faults import BadFault, Change, Patch, load, path
from seatrial.live.resources import NODES, PODS

POD: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {"name": "a-0", "namespace": "n", "uid": "1", "labels": {"x/y": "1"}},
    "spec": {"containers": [{"name": "one"}, {"name": "two", "env": []}]},
}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("spec", ("spec",)),
        ("metadata.labels.'x.y/z'", ("metadata", "labels", "x.y/z")),
        ("spec.containers[0].image", ("spec", "containers", "0", "image")),
        ("status.conditions[type=Ready].status", ("status", "conditions", "type=Ready", "status")),
        ("endpoints[targetRef.name=a-0]", ("endpoints", "targetRef.name=a-0")),
    ],
)
def test_paths(text: str, steps: tuple[str, ...]) -> None:
    assert path(text) == steps


@pytest.mark.parametrize("text", ["", "a..b", "metadata.labels.x/y", "a[", "a['b", "a.'b"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(BadFault, match="is no path"):
        path(text)


def change(**values: Any) -> Change:
    return Change(
        tuple((path(key), value) for key, value in values.get("set", {}).items()),
        tuple(map(path, values.get("remove", ()))),
    )


def test_a_change_leaves_the_original_alone() -> None:
    changed = change(
        set={
            "metadata.labels.'x/y'": "2",
            "metadata.annotations.'a/b'": "new",
            "spec.containers[name=two].env[name=K].value": "v",
            "spec.containers[2]": {"name": "three"},
        },
        remove=["spec.containers[0].name", "metadata.uid"],
    ).of(POD)
    assert changed["metadata"] == {
        "name": "a-0",
        "namespace": "n",
        "labels": {"x/y": "2"},
        "annotations": {"a/b": "new"},
    }
    assert changed["spec"]["containers"] == [
        {},
        {"name": "two", "env": [{"name": "K", "value": "v"}]},
        {"name": "three"},
    ]
    assert POD["metadata"]["labels"] == {"x/y": "1"} and len(POD["spec"]["containers"]) == 2


@pytest.mark.parametrize(
    "values",
    [
        {"remove": ["spec.nodeName"]},
        {"remove": ["spec.containers[7]"]},
        {"remove": ["spec.containers[name=none]"]},
        {"set": {"spec.containers[7].name": "x"}},
        {"set": {"metadata.name.first": "x"}},
    ],
)
def test_a_change_that_does_not_fit(values: dict[str, Any]) -> None:
    with pytest.raises(BadFault):
        change(**values).of(POD)


def test_patches_meet_by_pattern_and_namespace() -> None:
    other = {**POD, "metadata": {**POD["metadata"], "name": "b-0"}}
    objects = {PODS: [POD, other], NODES: []}
    marked = Patch("Pod", "a-*", change=change(set={"spec.nodeName": "n1"})).apply(objects)
    assert [one["spec"].get("nodeName") for one in marked[PODS]] == ["n1", None]
    assert Patch("Pod", "*", delete=True).apply(objects)[PODS] == []
    assert objects[PODS] == [POD, other]
    for missing in (
        Patch("Pod", "c", delete=True),
        Patch("Pod", "a-0", "elsewhere", delete=True),
        Patch("Node", "*", delete=True),
    ):
        with pytest.raises(BadFault, match="is there"):
            missing.apply(objects)


GOOD = 'requirement = "GRP-01"\nname = "n"\n[[fault.patch]]\nkind = "Pod"\nname = "a"\ndelete = true\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('requirement = "GRP-01"\nname = "n"', "changes nothing"),
        (GOOD.replace("GRP-01", "ENV-01"), "belongs in ENV.toml"),
        (GOOD.replace("delete = true", "deleted = true"), "deleted"),
        (GOOD.replace("delete = true", ""), "a patch is"),
        (GOOD.replace('name = "a"\n', ""), "a patch is"),
        (GOOD + 'set = { "a/b" = 1 }', "is no path"),
        ('colour = "red"\n' + GOOD, "colour"),
        ('capabilities = ["magic"]\n' + GOOD, "magic"),
        (GOOD + '[[fault.answer]]\nrefused = "no"', "an answer is"),
    ],
)
def test_faults_that_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "GRP.toml").write_text(f"[[fault]]\n{text}", encoding="utf-8")
    with pytest.raises(BadFault, match=said) as refused:
        load(tmp_path)
    assert str(refused.value).startswith("GRP.toml, fault 1: ")


def test_every_fault_that_ships_can_be_read_and_names_its_set() -> None:
    found = faults.load()
    assert len({fault.title for fault in found}) == len(found) > 100
    for name in {fault.set for fault in found}:
        assert "seatrial.toml" in faults.files(name)
