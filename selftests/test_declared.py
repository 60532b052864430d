"""Declared fields against what a server gave back."""

from typing import Any

import pytest

from seatrial.live.declared import departures


def found(declared: dict[str, Any], there: dict[str, Any], kind: str = "Deployment") -> list[tuple[str, str, str]]:
    return [(".".join(map(str, one.path)), one.declared, one.found) for one in departures(kind, declared, there)]


SAME = [
    ({"a": None}, {}),
    ({"a": ""}, {}),
    ({"a": 0, "b": False, "c": [], "d": {}}, {}),
    ({"a": {"b": {"c": 0}}}, {}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 8.0}, {"a": 8}),
    ({"limits": {"cpu": "1000m", "memory": "1024Mi"}}, {"limits": {"cpu": "1", "memory": "1Gi"}}),
    ({"limits": {"nvidia.com/gpu": 8}}, {"limits": {"nvidia.com/gpu": "8"}}),
    ({"sizeLimit": "65536Mi"}, {"sizeLimit": "64Gi"}),
    ({"type": ""}, {"type": "ClusterIP"}),
    ({"leaderWorkerTemplate": {"restartPolicy": "Default"}}, {"leaderWorkerTemplate": {"restartPolicy": "None"}}),
    ({"containers": [{"name": "b"}]}, {"containers": [{"name": "proxy"}, {"name": "b", "image": "x"}]}),
    (
        {"tolerations": [{"key": "a"}, {"key": "b"}]},
        {"tolerations": [{"key": "b"}, {"key": "x"}, {"key": "a", "effect": "y"}]},
    ),
    ({"clientConfig": {"caBundle": "Cg=="}}, {"clientConfig": {"caBundle": "LS0t"}}),
]


@pytest.mark.parametrize(("declared", "there"), SAME)
def test_no_departure(declared: dict[str, Any], there: dict[str, Any]) -> None:
    assert found({"spec": declared}, {"spec": there}) == []


DIFFERENT = [
    ({"a": 1}, {"a": 2}, [("spec.a", "1", "2")]),
    ({"a": 1}, {}, [("spec.a", "1", "")]),
    ({"a": True}, {"a": 1}, [("spec.a", "true", "1")]),
    ({"a": True}, {}, [("spec.a", "true", "")]),
    ({"a": "1000m"}, {"a": "1"}, [("spec.a", '"1000m"', '"1"')]),
    ({"limits": {"cpu": "2"}}, {"limits": {"cpu": "1"}}, [("spec.limits.cpu", '"2"', '"1"')]),
    ({"storageClassName": ""}, {"storageClassName": "cbs"}, [("spec.storageClassName", '""', '"cbs"')]),
    ({"args": ["a", "b", "c"]}, {"args": ["a", "x", "c"]}, [("spec.args", '["b"]', '["x"]')]),
    ({"args": ["a", "b"]}, {"args": ["a"]}, [("spec.args", '["b"]', "none of them")]),
    ({"args": ["a", "b"]}, {"args": ["b", "a"]}, [("spec.args", '["a", "b"]', '["b", "a"]')]),
    ({"containers": [{"name": "b", "image": "x"}]}, {"containers": [{"name": "a"}, {"name": "b", "image": "y"}]}, [("spec.containers.0.image", '"x"', '"y"')]),
    ({"containers": [{"name": "b"}]}, {"containers": [{"name": "a"}]}, [("spec.containers.0", '{"name": "b"}', "")]),
    ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}, {"key": "c"}]}, [("spec.tolerations.0", "a value that may hold a secret (12 characters)", "")]),
    ({"a": {"b": 1}}, {"a": "text"}, [("spec.a", '{"b": 1}', '"text"')]),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "there", "expected"), DIFFERENT)
def test_departures(declared: dict[str, Any], there: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert found({"spec": declared}, {"spec": there}) == expected


def test_only_labels_and_annotations_of_the_metadata_count() -> None:
    declared = {
        "metadata": {
            "uid": "1",
            "resourceVersion": "7",
            "finalizers": ["x"],
            "labels": {"a": "b"},
            "annotations": {
                "c": "d",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "deployment.kubernetes.io/revision": "2",
            },
        },
        "status": {"x": 1},
    }
    assert found(declared, {"metadata": {"uid": "2", "labels": {"a": "c"}}}) == [
        ("metadata.labels.a", '"b"', '"c"'),
        ("metadata.annotations.c", '"d"', ""),
    ]


def test_a_secret_is_compared_by_its_values_and_shows_none() -> None:
    declared = {"stringData": {"a": "plain", "gone": "x"}, "data": {"b": "b2xk\n", "a": "b2xk", "c": "b2xk"}}
    there = {"data": {"a": "cGxhaW4=", "b": "b2xk", "c": "bmV3"}}
    assert sorted(found(declared, there, "Secret")) == [
        ("data.c", "a value", "another value"),
        ("stringData.gone", "a value", ""),
    ]


@pytest.mark.parametrize(
    ("declared", "there"),
    [
        ({"env": [{"name": "API_KEY", "value": "sk-1234"}]}, {"env": [{"name": "API_KEY", "value": "sk-5678"}]}),
        ({"args": ["--api-key=sk-1234"]}, {"args": ["--api-key=sk-5678"]}),
        ({"args": ["--api-key", "sk-1234"]}, {"args": ["--api-key", "sk-5678"]}),
        ({"command": ["bash", "-c", "export HF_TOKEN=sk-1234"]}, {"command": ["bash", "-c", "export HF_TOKEN=sk-5678"]}),
    ],
)  # fmt: skip
def test_no_secret_is_shown(declared: dict[str, Any], there: dict[str, Any]) -> None:
    (departure,) = found({"spec": declared}, {"spec": there})
    assert "sk-" not in "".join(departure)
