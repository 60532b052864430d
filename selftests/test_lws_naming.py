import itertools

import pytest

from seatrial.lws import keys
from seatrial.lws.naming import ChildNames, child_names, group_key, groups_at_most, name_limit, subgroup_key
from seatrial.lws.releases import release

KINDS = ("StatefulSet", "Pod", "Service", "PersistentVolumeClaim")


def test_keys():
    assert group_key("default", "x-0") == "25f319b865b4c3e19e9fd81b6fb3fa20becb4088"
    assert subgroup_key("x-0", "1") == "e5a505296905a13d56158cdc5b27c03bf50a0f0e"


@pytest.mark.parametrize(
    ("groups", "size", "limit"),
    [(1, 2, 50), (10, 2, 50), (11, 2, 49), (0, 2, 50), (1, 1, 52), (1000, 1, 52), (101, 8, 48)],
)
def test_the_longest_name_with_which_every_pod_can_be_made(groups, size, limit):
    assert name_limit(groups, size) == limit


def lws(name="a", replicas=2, size=2, surge=None, claims=(), unique=False):
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "rolloutStrategy": {"rollingUpdateConfiguration": {"maxSurge": surge}},
            "networkConfig": {"subdomainPolicy": "UniquePerReplica" if unique else None},
            "leaderWorkerTemplate": {
                "size": size,
                "volumeClaimTemplates": [{"metadata": {"name": each}} for each in claims],
            },
        },
    }


@pytest.mark.parametrize(
    ("replicas", "surge", "most"),
    [(2, None, 2), (2, 1, 3), (2, "1%", 3), (2, 9, 4), (1, 1, 2), (0, 1, 0), (2, "x", 2), (2, -3, 2)],
)
def test_groups_of_a_surge_count(replicas, surge, most):
    assert groups_at_most(lws(replicas=replicas, surge=surge)) == most


def test_names_of_children():
    names = child_names(lws(claims=("data",)), release("0.9.0"))
    assert names.names("StatefulSet") == ("a", "a-0", "a-1")
    assert names.names("Pod") == ("a-0", "a-0-1", "a-1", "a-1-1")
    assert names.names("Service") == ("a",)
    assert names.names("PersistentVolumeClaim") == ("data-a-0", "data-a-0-1", "data-a-1", "data-a-1-1")
    assert child_names(lws(size=1), release("0.9.0")).names("StatefulSet") == ("a",)
    assert child_names(lws(unique=True), release("0.9.0")).names("Service") == ("a-0", "a-1")
    assert child_names(lws(claims=("data",)), release("0.7.0")).names("PersistentVolumeClaim") == ()
    assert len(child_names(lws(replicas=2**31 - 1), release("0.9.0")).names("Pod", 10)) == 10


def test_owns_agrees_with_names():
    for size, unique in itertools.product((1, 3), (False, True)):
        names = ChildNames("a", 12, size, unique, ("data", "data-a-0"))
        for kind in KINDS:
            listed = names.names(kind)
            assert all(names.owns(kind, name) for name in listed)
            for other in (
                "b",
                "a-12",
                "a-01",
                "a-0-0",
                "a-0-3",
                "a-",
                "a--1",
                "",
                "a-٣",
                "a-0-1-1",
                "x-a-0",
                "a-99999999999",
            ):
                assert not names.owns(kind, other) or other in listed
    assert not names.owns("ConfigMap", "a")


def test_clashes_between_two_sets():
    def clash(one, other):
        a, b = child_names(one, release("0.9.0")), child_names(other, release("0.9.0"))
        assert sorted(a.shared_with(b)) == sorted(b.shared_with(a))
        return dict(a.shared_with(b))

    assert clash(lws("a"), lws("b")) == {}
    assert clash(lws("a"), lws("a-1")) == {"StatefulSet": "a-1", "Pod": "a-1-1"}
    assert clash(lws("a"), lws("a-1", replicas=1)) == {"StatefulSet": "a-1"}
    assert clash(lws("a"), lws("a-2")) == {}
    assert clash(lws("a", surge=1), lws("a-2")) == {"StatefulSet": "a-2", "Pod": "a-2-1"}
    assert clash(lws("a", size=1), lws("a-1")) == {}
    assert clash(lws("a", unique=True, size=1), lws("a-1", size=1)) == {"Service": "a-1"}
    assert clash(lws("a"), lws("a-1-1")) == {}
    assert clash(lws("a", claims=("d",)), lws("a-1", claims=("d",)))["PersistentVolumeClaim"] == "d-a-1-1"


def test_shared_with_finds_every_clash():
    sets = [
        ChildNames(name, groups, size, unique, ("d",))
        for name in ("a", "a-0", "a-1", "a-1-1", "a-10", "b")
        for groups, size, unique in itertools.product((1, 2), (1, 2), (False, True))
    ]
    for one, other in itertools.combinations(sets, 2):
        for kind in KINDS:
            there = set(one.names(kind)) & set(other.names(kind))
            found = dict(one.shared_with(other)).get(kind)
            assert (found in there) if there else found is None, (one, other, kind)


@pytest.mark.parametrize(
    ("key", "reserved"),
    [(keys.GROUP_INDEX, True), (keys.SUBGROUP_SIZE_BEFORE_0_6, True), ("app", False), ("sigs.k8s.io/name", False)],
)
def test_reserved_keys(key, reserved):
    assert keys.is_reserved(key) is reserved
