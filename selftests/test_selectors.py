import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.lws.selectors import matches, service_matches

LEADER = {"leaderworkerset.sigs.k8s.io/name": "x", "leaderworkerset.sigs.k8s.io/worker-index": "0", "role": "leader"}


def expression(key, operator, *values, **more):
    return {
        "matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {}), **more}]
    }


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {}}, True),
        ({"matchLabels": None, "matchExpressions": None}, True),
        ({"matchLabels": {"role": "leader"}}, True),
        ({"matchLabels": {"role": "worker"}}, False),
        ({"matchLabels": {"role": "leader", "app": "x"}}, False),
        (expression("role", "In", "worker", "leader"), True),
        (expression("role", "In", "worker"), False),
        (expression("absent", "In", "leader"), False),
        (expression("role", "NotIn", "worker"), True),
        (expression("role", "NotIn", "leader"), False),
        (expression("absent", "NotIn", "leader"), True),
        (expression("role", "Exists"), True),
        (expression("absent", "Exists"), False),
        (expression("role", "DoesNotExist"), False),
        (expression("absent", "DoesNotExist"), True),
        (expression("role", "Exists", values=[]), True),
        ({"matchLabels": {"role": "leader"}, **expression("role", "NotIn", "leader")}, False),
        ({"matchExpressions": []}, True),
        # What the API server refuses selects nothing.
        (expression("role", "Exists", "leader"), False),
        (expression("role", "In"), False),
        (expression("absent", "NotIn"), False),
        (expression("role", "in", "leader"), False),
        (expression("role", "In", 0), False),
        ({"matchLabels": {"leaderworkerset.sigs.k8s.io/worker-index": 0}}, False),
        ({"matchLabels": "role=leader"}, False),
        ({"matchExpressions": {"role": "leader"}}, False),
        ({"matchExpressions": ["role"]}, False),
        ({"role": "leader"}, False),
        ("role=leader", False),
        ([], False),
    ],
    ids=repr,
)
def test_label_selectors(selector, expected):
    assert matches(selector, LEADER) is expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, False),
        ({}, False),
        ({"role": "leader"}, True),
        ({"leaderworkerset.sigs.k8s.io/name": "x", "leaderworkerset.sigs.k8s.io/worker-index": "0"}, True),
        ({"role": "leader", "absent": ""}, False),
        ({"leaderworkerset.sigs.k8s.io/worker-index": 0}, False),
        ({"matchLabels": {"role": "leader"}}, False),
        ("role=leader", False),
        (["role"], False),
        (7, False),
    ],
    ids=repr,
)
def test_service_selectors(selector, expected):
    assert service_matches(selector, LEADER) is expected


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["key", "operator", "values", "a"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(junk, junk, junk)
def test_wrong_types_never_raise(a, b, c):
    candidates = (a, {"matchLabels": b}, {"matchExpressions": c}, {"matchExpressions": [a, b]}, expression(a, b, c))
    for selector in candidates:
        assert matches(selector, LEADER) in (True, False)
        assert service_matches(selector, LEADER) in (True, False)
