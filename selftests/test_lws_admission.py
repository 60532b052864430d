"""Defaults and refusals, against what real webhooks answered."""

import copy

import pytest

from seatrial.lws.admission import default, refusals
from seatrial.lws.releases import DEFAULT, NEWEST, RELEASES, UnknownRelease, release

POLICY = ("spec", "leaderWorkerTemplate", "subGroupPolicy")
ROLLING = ("spec", "rolloutStrategy", "rollingUpdateConfiguration")
SUBGROUP_TOPOLOGY = "leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology"


def lws(name="x", annotations=None, rolling=None, size=None, policy=None, **spec):
    template = {"workerTemplate": {"spec": {"containers": [{"name": "c", "image": "x"}]}}}
    if size is not None:
        template["size"] = size
    if policy is not None:
        template["subGroupPolicy"] = policy
    if rolling is not None:
        spec["rolloutStrategy"] = {"rollingUpdateConfiguration": rolling}
    return {
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {"leaderWorkerTemplate": template, **spec},
    }


def rules(manifest, tag="0.9.0", before=None):
    return [(refusal.rule, refusal.path) for refusal in refusals(manifest, release(tag), before=before)]


def test_a_minimal_set_gets_every_default():
    spec = default(lws(), release("0.9.0"))["spec"]
    template = spec.pop("leaderWorkerTemplate")
    assert spec == {
        "replicas": 1,
        "startupPolicy": "LeaderCreated",
        "rolloutStrategy": {
            "type": "RollingUpdate",
            "rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 0, "partition": 0},
        },
        "networkConfig": {"subdomainPolicy": "Shared"},
    }
    assert (template["size"], template["restartPolicy"]) == (1, "RecreateGroupOnPodRestart")


def test_defaults_differ_by_release():
    rolling = default(lws(), release("0.6.2"))["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]
    assert "partition" not in rolling
    for tag, policy in (
        ("0.5.1", {"subGroupSize": 2}),
        ("0.6.0", {"subGroupSize": 2, "subGroupPolicyType": "LeaderWorker"}),
    ):
        admitted = default(lws(policy={"subGroupSize": 2}), release(tag))
        assert admitted["spec"]["leaderWorkerTemplate"]["subGroupPolicy"] == policy


@pytest.mark.parametrize("network", [None, {}, {"subdomainPolicy": None}, {"subdomainPolicy": "Shared"}], ids=repr)
def test_subdomain_policy_may_be_left_out_or_null(network):
    manifest = lws(networkConfig=network)
    assert default(manifest, DEFAULT)["spec"]["networkConfig"] == {"subdomainPolicy": "Shared"}
    assert rules(manifest) == []


@pytest.mark.parametrize(
    ("given", "becomes"),
    [("", "RecreateGroupOnPodRestart"), (None, "RecreateGroupOnPodRestart"), ("Default", "None"), ("None", "None")],
    ids=repr,
)
def test_restart_policies_are_rewritten(given, becomes):
    manifest = lws()
    manifest["spec"]["leaderWorkerTemplate"]["restartPolicy"] = given
    assert default(manifest, DEFAULT)["spec"]["leaderWorkerTemplate"]["restartPolicy"] == becomes


def test_null_is_absent():
    manifest = lws(replicas=None, rolling={"maxUnavailable": None, "maxSurge": "50%"})
    spec = default(manifest, DEFAULT)["spec"]
    assert spec["replicas"] == 1
    assert spec["rolloutStrategy"]["rollingUpdateConfiguration"] == {
        "maxUnavailable": 1,
        "maxSurge": "50%",
        "partition": 0,
    }


def test_ports_get_their_protocol_and_nothing_else_is_touched():
    manifest = lws()
    container = manifest["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]
    container["ports"] = [{"containerPort": 30000}, {"containerPort": 53, "protocol": "UDP"}]
    before = copy.deepcopy(manifest)
    admitted = default(manifest, DEFAULT)["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]
    assert [port["protocol"] for port in admitted["ports"]] == ["TCP", "UDP"]
    assert manifest == before
    assert default(default(manifest, DEFAULT), DEFAULT) == default(manifest, DEFAULT)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("deepseek-r1", True), ("x", True), ("a" * 63, True), ("a" * 64, False), ("1a", False), ("-a", False),
        ("a-", False),
        ("A", False), ("a.b", False), ("a_b", False), ("", False), (None, False), ("a\n", False), ("é", False),
    ],
    ids=repr,
)  # fmt: skip
def test_names(name, good):
    assert rules(lws(name=name)) == ([] if good else [("name", ("metadata", "name"))])


def test_a_generated_name_is_not_judged():
    assert rules({"metadata": {"generateName": "x-"}, "spec": {}}) == []


@pytest.mark.parametrize(
    ("manifest", "tag", "expected"),
    [
        (lws(replicas=0), "0.9.0", []),
        (lws(replicas=-1), "0.9.0", [("replicas", ("spec", "replicas"))]),
        (lws(replicas=1_000_001), "0.9.0", []),
        (lws(replicas=1_000_001), "0.10.0", [("replicas", ("spec", "replicas"))]),
        (lws(replicas=1_000_000), "0.10.0", []),
        (lws(replicas=2**31 - 1), "0.9.0", []),
        (lws(replicas=2**30, size=2), "0.9.0", [("pods", ("spec", "replicas"))]),
        (lws(size=0), "0.9.0", [("size", ("spec", "leaderWorkerTemplate", "size"))]),
        (lws(size=-3), "0.9.0", [("size", ("spec", "leaderWorkerTemplate", "size"))]),
    ],
)
def test_numbers(manifest, tag, expected):
    assert rules(manifest, tag) == expected


@pytest.mark.parametrize(
    ("value", "good"),
    [
        (0, True), (1, True), (99, True), ("0%", True), ("100%", True), ("0100%", True), (-1, False), ("101%", False),
        ("3", False), ("-1%", False), ("50 %", False), ("%", False), ("99999999999999999999%", False), ("", False),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize(("field", "other"), [("maxUnavailable", "maxSurge"), ("maxSurge", "maxUnavailable")])
def test_int_or_percent(field, other, value, good):
    rule = {"maxUnavailable": "max-unavailable", "maxSurge": "max-surge"}[field]
    assert rules(lws(replicas=2, rolling={field: value, other: 1})) == ([] if good else [(rule, (*ROLLING, field))])


@pytest.mark.parametrize(
    ("unavailable", "surge", "replicas", "refused"),
    [
        (0, 0, 2, True), ("25%", 0, 2, True), ("50%", 0, 2, False), (0, "1%", 2, False), ("0%", "0%", 2, True),
        ("99%", 0, 1, True), (0, 1, 1, False),
    ],
)  # fmt: skip
def test_budgets_that_both_come_to_zero(unavailable, surge, replicas, refused):
    manifest = lws(replicas=replicas, rolling={"maxUnavailable": unavailable, "maxSurge": surge})
    assert rules(manifest) == ([("budgets", (*ROLLING, "maxUnavailable"))] if refused else [])


def test_no_replicas_may_have_no_budget_from_0_6_0():
    manifest = lws(replicas=0, rolling={"maxUnavailable": 0, "maxSurge": 0})
    assert rules(manifest, "0.6.0") == []
    assert rules(manifest, "0.5.1") == [("budgets", (*ROLLING, "maxUnavailable"))]


def test_a_negative_partition_is_refused_from_0_8_0():
    manifest = lws(replicas=2, rolling={"partition": -1})
    assert rules(manifest, "0.7.0") == []
    assert rules(manifest, "0.8.0") == [("partition", (*ROLLING, "partition"))]
    assert rules(lws(replicas=2, rolling={"partition": 9})) == []


@pytest.mark.parametrize(
    ("size", "policy", "good"),
    [
        (4, {"subGroupSize": 2}, True),
        (5, {"subGroupSize": 2}, True),
        (5, {"subGroupSize": 2, "subGroupPolicyType": "LeaderExcluded"}, True),
        (4, {"subGroupSize": 2, "subGroupPolicyType": "LeaderExcluded"}, False),
        (4, {"subGroupSize": 4}, True),
        (3, {"subGroupSize": 1}, True),
        (6, {"subGroupSize": 4}, False),
        (2, {"subGroupSize": 3}, False),
        (1, {"subGroupSize": 2}, False),
        (2, {"subGroupSize": 0}, False),
        (2, {"subGroupSize": -1}, False),
    ],
    ids=repr,
)
def test_subgroups(size, policy, good):
    expected = [] if good else [("subgroup-size", (*POLICY, "subGroupSize"))]
    assert rules(lws(size=size, policy=policy)) == expected


def test_an_empty_subgroup_policy_makes_the_webhook_panic():
    assert rules(lws(size=2, policy={})) == [("subgroup-size", POLICY)]
    assert "panics" in refusals(lws(size=2, policy={}), DEFAULT)[0].message
    assert "panics" in refusals(lws(size=2, policy={"subGroupSize": 0}), DEFAULT)[0].message


def test_subgroup_topology_needs_a_policy():
    annotations = {SUBGROUP_TOPOLOGY: "zone"}
    refused = [("subgroup-topology", ("metadata", "annotations", SUBGROUP_TOPOLOGY))]
    assert rules(lws(annotations=annotations)) == refused
    assert rules(lws(annotations=annotations, size=2, policy={"subGroupSize": 2})) == []


def test_all_reasons_are_given_together():
    found = rules(lws(name="X", replicas=-1, size=0, rolling={"maxUnavailable": "3", "maxSurge": -1, "partition": -1}))
    assert [rule for rule, _ in found] == ["name", "replicas", "size", "max-unavailable", "max-surge", "partition"]


def test_updates():
    two, three = lws(size=2), lws(size=3)
    assert rules(three, "0.6.3", before=two) == [("immutable", ("spec", "leaderWorkerTemplate", "size"))]
    assert rules(three, "0.7.0", before=two) == []
    assert rules(lws(size=1), "0.6.3", before=lws()) == [], "1 is the default"
    with_policy = lws(size=2, policy={"subGroupSize": 2})
    assert rules(with_policy, before=two) == [("immutable", POLICY)]
    assert rules(two, before=with_policy) == [("immutable", POLICY)]
    changed = lws(size=2, policy={"subGroupSize": 1})
    assert rules(changed, before=with_policy) == [("immutable", (*POLICY, "subGroupSize"))]
    assert rules(with_policy, before=with_policy) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.9.0", "0.9.0"), ("v0.9.0", "0.9.0"), ("0.9", "0.9.0"), (" v0.10 ", "0.10.0"), ("0.6", "0.6.3")],
)
def test_releases_are_read(text, expected):
    assert str(release(text)) == expected


@pytest.mark.parametrize(
    ("text", "closest"),
    [
        ("0.9.1", "0.9.0"),
        ("0.11.0", "0.10.0"),
        ("v0.4.2", "0.5.1"),
        ("1.0.0", "0.10.0"),
        ("0.9.0-rc.1", "0.9.0"),
        ("0.8.x", "0.8.0"),
    ],
)
def test_unknown_releases_name_the_closest(text, closest):
    with pytest.raises(UnknownRelease, match=rf"closest known one is {closest}") as raised:
        release(text)
    assert raised.value.text == text


@pytest.mark.parametrize("text", ["", "latest", "main", "0", None, 0.9], ids=repr)
def test_what_is_no_release_is_unknown(text):
    with pytest.raises(UnknownRelease):
        release(text)


def test_releases_are_ordered_as_versions():
    assert list(RELEASES) == sorted(RELEASES)
    assert release("0.10.0") > release("0.9.0")
    assert release("0.10.0") == NEWEST
    assert (release("0.5.1").kubernetes, NEWEST.kubernetes) == ((1, 31), (1, 36))
    assert "RecreateGroupAfterStart" in release("0.9.0").restart_policies
    assert "RecreateGroupAfterStart" not in release("0.8.0").restart_policies
