"""NetworkPolicies: who is isolated, which peers and ports a rule admits, and what is not known."""

from textwrap import indent

import pytest

from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.network import network_policies
from seatrial.network.network_policies import ALL_PORTS, CLUSTER_DNS, OUTSIDE, Peer, isolating, opening, peer_of
from seatrial.target import Target
from seatrial.workload.pods import SetPod, pods

POD = """
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
spec: {containers: [{name: c, ports: [{name: api, containerPort: 30000}]}]}
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p}
spec:
"""


def _set(spec: str, *others: str, target: Target | None = None) -> tuple[ManifestSet, SetPod]:
    texts = [POD, POLICY + indent(spec, "  "), *others]
    manifests = load_texts("set", {"all.yaml": "\n---\n".join(texts)}, target or Target.empty())
    return manifests, next(pod for pod in pods(manifests) if pod.template.document.name == "a")


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ("podSelector: {}", True, False),
        ("podSelector: null", True, False),
        ("podSelector: {matchLabels: {app: b}}", False, False),
        ("podSelector: {}\negress: [{}]", True, True),
        ("podSelector: {}\negress: []", True, False),
        ("podSelector: {}\npolicyTypes: [Egress]", False, True),
        ("podSelector: {}\npolicyTypes: [Ingress]\negress: [{}]", True, False),
    ],
)
def test_which_directions_a_policy_governs(spec: str, ingress: bool, egress: bool) -> None:
    manifests, pod = _set(spec)
    assert bool(isolating(manifests, pod, "ingress")) is ingress
    assert bool(isolating(manifests, pod, "egress")) is egress


def _opens(rule: str, peer: Peer, wanted: tuple[int, int] = ALL_PORTS, protocol: str = "TCP") -> bool | None:
    manifests, pod = _set(f"podSelector: {{}}\negress: [{rule}]")
    policies = isolating(manifests, pod, "egress")
    return opening(manifests, policies, "egress", pod, peer, protocol).opens(wanted)


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ("{}", True),
        ("{to: []}", True),
        ("{to: [{podSelector: {}}]}", True),
        ("{to: [{podSelector: {matchLabels: {app: a}}}]}", True),
        ("{to: [{podSelector: {matchLabels: {app: b}}}]}", False),
        ("{to: [{namespaceSelector: {}}]}", True),
        ("{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}}]}", True),
        ("{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}}]}", False),
        ("{to: [{namespaceSelector: {matchLabels: {team: llm}}}]}", None),
        ("{to: [{namespaceSelector: {matchLabels: {team: llm}}, podSelector: {matchLabels: {app: b}}}]}", False),
        ("{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}", True),
        ("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}", None),
        ("{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}", None),
        ("{to: [{}]}", False),
        ("{ports: [{protocol: TCP}]}", True),
        ("{ports: [{port: 1, endPort: 65535}]}", True),
        ("{ports: [{port: 1, endPort: 30000}, {port: 30001, endPort: 65535}]}", True),
        ("{ports: [{port: 1, endPort: 30000}, {port: 30002, endPort: 65535}]}", False),
        ("{ports: [{protocol: UDP}]}", False),
        ("{ports: [{port: 5000}]}", False),
    ],
)
def test_what_a_rule_opens_to_a_pod(rule: str, answer: bool | None) -> None:
    _, pod = _set("podSelector: {}")
    assert _opens(rule, peer_of(pod)) is answer


def test_a_named_port_is_the_destination_s() -> None:
    _, pod = _set("podSelector: {}")
    assert _opens("{ports: [{port: api}]}", peer_of(pod), (30000, 30000)) is True
    assert _opens("{ports: [{port: other}]}", peer_of(pod), (30000, 30000)) is False


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ("{to: [{namespaceSelector: {}}]}", False),
        ("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 169.254.169.254/32]}}]}", True),
        ("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [101.200.0.0/16]}}]}", None),
        ("{to: [{ipBlock: {cidr: 101.200.0.0/16}}]}", None),
        ("{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}", False),
        ("{to: [{ipBlock: {cidr: nonsense}}]}", False),
    ],
)
def test_what_a_rule_opens_to_the_outside(rule: str, answer: bool | None) -> None:
    assert _opens(rule, OUTSIDE, (443, 443)) is answer


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ("{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]}", True),
        ("{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]}", True),
        ("{to: [{namespaceSelector: {matchLabels: {name: kube-system}}}]}", None),
        ("{to: [{namespaceSelector: {}, podSelector: {matchLabels: {app: coredns}}}]}", None),
        ("{to: [{podSelector: {}}]}", False),
        ("{to: [{ipBlock: {cidr: 169.254.20.10/32}}]}", None),
    ],
)
def test_what_a_rule_opens_to_cluster_dns(rule: str, answer: bool | None) -> None:
    assert _opens(rule, CLUSTER_DNS, (53, 53), "UDP") is answer


@pytest.mark.parametrize(
    ("others", "facts"),
    [
        (["apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {team: llm}}\n"], {}),
        ([], {"namespace.default.labels": {"team": "llm"}}),
    ],
)
def test_labels_of_a_namespace_may_be_stated(others: list[str], facts: dict[str, object]) -> None:
    spec = "podSelector: {}\negress: [{to: [{namespaceSelector: {matchLabels: {team: llm}}}]}]"
    manifests, pod = _set(spec, *others, target=Target.empty().override(facts))
    policies = isolating(manifests, pod, "egress")
    assert opening(manifests, policies, "egress", pod, peer_of(pod)).opens(ALL_PORTS) is True


def test_policies_of_other_languages_are_named() -> None:
    other = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: x}\n"
    manifests, pod = _set("podSelector: {}", other)
    assert [policy.title for policy in network_policies.unread(manifests, pod.namespace)] == ["CiliumNetworkPolicy/x"]


@pytest.mark.parametrize("value", ["null", "1", "text", "[1, null]", "{a: 1}", "[[]]", "[{to: 1, ports: x}]"])
@pytest.mark.parametrize("field", ["podSelector", "policyTypes", "ingress", "egress"])
def test_wrong_types_never_raise(field: str, value: str) -> None:
    manifests, pod = _set(f"{field}: {value}")
    for direction in ("ingress", "egress"):
        policies = manifests.of_kind("NetworkPolicy")
        isolating(manifests, pod, direction)
        for peer in (peer_of(pod), OUTSIDE, CLUSTER_DNS):
            str(opening(manifests, policies, direction, pod, peer))
