"""Names, labels and ports as the API server takes them."""

import pytest

from seatrial.manifests import names

RIGHT = [
    (names.dns_label, "a"),
    (names.dns_label, "0-a"),
    (names.dns_label, "a" * 63),
    (names.dns_subdomain, "a.b-c.d0"),
    (names.dns_subdomain, "10.0.16.11"),
    (names.dns_1035_label, "deepseek-r1"),
    (names.label_key, "app"),
    (names.label_key, "leaderworkerset.sigs.k8s.io/worker-index"),
    (names.label_key, "App_1.x"),
    (names.label_value, ""),
    (names.label_value, "v1.2_3-x"),
    (names.port_name, "http-2"),
    (names.variable_name, "LWS_WORKER_INDEX"),
    (names.variable_name, "a.b-c d"),
]


@pytest.mark.parametrize(("check", "text"), RIGHT, ids=[f"{check.__name__}-{text[:20]}" for check, text in RIGHT])
def test_takes(check, text):
    assert check(text) is None


WRONG = [
    (names.dns_label, "", "empty"),
    (names.dns_label, "a" * 64, "64 characters"),
    (names.dns_label, "a.b", "may consist"),
    (names.dns_label, "A", "lower-case"),
    (names.dns_label, "a-", "both ends"),
    (names.dns_label, "a\n", "may consist"),
    (names.dns_subdomain, "a..b", "each part"),
    (names.dns_subdomain, "a" * 254, "254"),
    (names.dns_1035_label, "0a", "starting with a letter"),
    (names.label_key, "a/b/c", "more than one"),
    (names.label_key, "/b", "prefix is empty"),
    (names.label_key, "A.b/c", "prefix may"),
    (names.label_key, "a/", "empty"),
    (names.label_key, "x" * 64, "64"),
    (names.label_value, "-x", "both ends"),
    (names.label_value, "a b", "may consist"),
    (names.port_name, "http--2", "single"),
    (names.port_name, "80", "no letter"),
    (names.port_name, "a" * 16, "16"),
    (names.variable_name, "A=B", "printable"),
    (names.variable_name, "", "printable"),
]


@pytest.mark.parametrize(
    ("check", "text", "says"),
    WRONG,
    ids=[f"{check.__name__}-{says}-{number}" for number, (check, _, says) in enumerate(WRONG)],
)
def test_refuses(check, text, says):
    assert says in (check(text) or "")


@pytest.mark.parametrize(
    ("kind", "name", "good"),
    [
        ("Pod", "a.b", True),
        ("Service", "a.b", False),
        ("Service", "0a", False),
        ("Namespace", "a.b", False),
        ("Namespace", "0a", True),
        ("ClusterRole", "system:Node_x", True),
        ("ClusterRole", "a/b", False),
        ("Job", "Download", False),
    ],
)
def test_kinds_have_their_own_form(kind, name, good):
    assert (names.object_name(kind, name) is None) == good


def test_a_prefix_may_end_in_a_dash():
    assert names.object_name("Job", "download-") is not None
    assert names.object_name("Job", "download-", prefix=True) is None


def test_ports():
    assert [names.port_number(number) is None for number in (0, 1, 65535, 65536, -1)] == [
        False,
        True,
        True,
        False,
        False,
    ]


def test_annotations_together_have_a_limit():
    assert names.annotations_size({"a": "x" * 1000, "b": 3, 4: None}) is None
    assert "262,145" in (names.annotations_size({"a": "x" * (256 * 1024)}) or "")
