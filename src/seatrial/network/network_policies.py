"""What the NetworkPolicies of a set let through, with three answers: yes, no, and not known from the manifests.

Addresses of pods and labels that nobody states are not known; neither is ever guessed.
Source: Kubernetes API reference, NetworkPolicySpec.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from seatrial.lws.selectors import matches
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.workload.pods import SetPod

Direction = Literal["ingress", "egress"]
Range = tuple[int, int]

ALL_PORTS: Range = (1, 65535)
_PEERS = {"ingress": "from", "egress": "to"}
# Kinds that restrict traffic too, in languages of their own, which nobody reads here.
_OTHER_KINDS = (
    "CiliumNetworkPolicy",
    "CiliumClusterwideNetworkPolicy",
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "ClusterNetworkPolicy",
    "GlobalNetworkPolicy",
)


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels as far as they are known; `complete` when there are no others."""

    known: Mapping[str, str]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection: a pod, or with `namespace` None any host outside the cluster."""

    namespace: str | None
    labels: Labels = field(default_factory=lambda: Labels({}))
    named_ports: Mapping[str, int] = field(default_factory=dict)


OUTSIDE = Peer(None)
CLUSTER_DNS = Peer("kube-system", Labels({"k8s-app": "kube-dns"}, complete=False))


@dataclass(slots=True)
class Opening:
    """The ports that are open to a peer: those that certainly are, and those that may be."""

    certain: list[Range] = field(default_factory=list)
    possible: list[Range] = field(default_factory=list)

    def opens(self, wanted: Range) -> bool | None:
        """Whether all ports of a range are open; None when the manifests do not say."""
        if _covered(wanted, self.certain):
            return True
        return None if _covered(wanted, [*self.certain, *self.possible]) else False

    def __str__(self) -> str:
        if not self.certain:
            return "no port"
        if _covered(ALL_PORTS, self.certain):
            return "every port"
        shown = (str(low) if low == high else f"{low}-{high}" for low, high in sorted(set(self.certain)))
        return "only " + ", ".join(shown)


def peer_of(pod: SetPod) -> Peer:
    """A pod of the set as somebody else's peer."""
    return Peer(pod.namespace, Labels(pod.labels), dict(_named_ports(pod)))


def isolating(manifests: ManifestSet, pod: SetPod, direction: Direction) -> list[Document]:
    """The policies that select the pod for that direction; without any, everything is allowed."""
    return [
        policy
        for policy in manifests.of_kind("NetworkPolicy", group="networking.k8s.io")
        if manifests.namespace(policy) == pod.namespace
        and _governs(policy, direction)
        and matches(policy.at("spec", "podSelector").raw or {}, pod.labels)
    ]


def unread(manifests: ManifestSet, namespace: str) -> list[Document]:
    """Policies of other kinds that may bind pods of the namespace too."""
    found = manifests.of_kind(*_OTHER_KINDS)
    found += [other for other in manifests.of_kind("NetworkPolicy") if "projectcalico.org" in other.group]
    return [other for other in found if other.namespace is None or manifests.namespace(other) == namespace]


def opening(
    manifests: ManifestSet,
    policies: Iterable[Document],
    direction: Direction,
    pod: SetPod,
    peer: Peer,
    protocol: str = "TCP",
) -> Opening:
    """The destination ports that policies selecting `pod` open between it and `peer`."""
    named = peer.named_ports if direction == "egress" else dict(_named_ports(pod))
    found = Opening()
    for policy in policies:
        for rule in policy.at("spec", direction):
            answer = _admits(manifests, rule[_PEERS[direction]], manifests.namespace(policy), peer)
            if answer is not False:
                target = found.certain if answer else found.possible
                target.extend(_ranges(rule["ports"], protocol, named))
    return found


def _governs(policy: Document, direction: Direction) -> bool:
    """Ingress is governed unless `policyTypes` says otherwise, egress when rules for it or `policyTypes` say so."""
    types = [node.text for node in policy.at("spec", "policyTypes")]
    if types:
        return direction.capitalize() in types
    return direction == "ingress" or bool(policy.at("spec", "egress").raw)


def _admits(manifests: ManifestSet, peers: Node, namespace: str, peer: Peer) -> bool | None:
    if not peers.raw:
        return True
    return _any(_is_peer(manifests, item, namespace, peer) for item in peers)


def _is_peer(manifests: ManifestSet, item: Node, namespace: str, peer: Peer) -> bool | None:
    if item["ipBlock"].raw is not None:
        return _in_block(item["ipBlock"], outside=peer.namespace is None)
    pods, namespaces = item["podSelector"].raw, item["namespaceSelector"].raw
    if peer.namespace is None or (pods is None and namespaces is None):
        return False
    within: bool | None = peer.namespace == namespace
    if namespaces is not None:
        within = _selects(namespaces, _namespace_labels(manifests, peer.namespace))
    return _all((within, True if pods is None else _selects(pods, peer.labels)))


def _in_block(block: Node, *, outside: bool) -> bool | None:
    """Whether an address block holds the peer. Only a block of all addresses is known to hold a pod."""
    try:
        network = ipaddress.ip_network(block["cidr"].text or "", strict=False)
        exceptions = [ipaddress.ip_network(node.text or "", strict=False) for node in block["except"]]
    except ValueError:
        return False
    if not outside:
        return True if network.prefixlen == 0 and network.version == 4 and not exceptions else None
    if network.is_private and network.prefixlen:
        return False
    private = all(exception.is_private for exception in exceptions)
    return True if network.prefixlen == 0 and network.version == 4 and private else None


def _namespace_labels(manifests: ManifestSet, namespace: str) -> Labels:
    named = {"kubernetes.io/metadata.name": namespace}
    declared = next((each for each in manifests.of_kind("Namespace", group="") if each.name == namespace), None)
    try:
        stated = manifests.target.get(f"namespace.{namespace}.labels")
    except KeyError:
        stated = None
    labels = declared.at("metadata", "labels").texts if declared else {}
    return Labels({**labels, **(stated or {}), **named}, complete=declared is not None or stated is not None)


def _selects(selector: object, labels: Labels) -> bool | None:
    """A LabelSelector on labels that may be known in part."""
    if labels.complete or not isinstance(selector, dict):
        return matches(selector, labels.known)
    return _all(_selects_part(part, labels) for part in _parts(selector))


def _parts(selector: dict[str, object]) -> Iterator[tuple[object, dict[str, object]]]:
    """A selector taken apart: the key each part asks for, and a selector of that part alone."""
    for name, value in selector.items():
        if name == "matchLabels" and isinstance(value, dict):
            for key, wanted in value.items():
                yield key, {"matchLabels": {key: wanted}}
        elif name == "matchExpressions" and isinstance(value, list):
            for expression in value:
                yield (
                    expression.get("key") if isinstance(expression, dict) else None,
                    {"matchExpressions": [expression]},
                )
        elif value is not None:
            yield None, {name: value}


def _selects_part(part: tuple[object, dict[str, object]], labels: Labels) -> bool | None:
    key, selector = part
    return None if isinstance(key, str) and key not in labels.known else matches(selector, labels.known)


def _ranges(ports: Node, protocol: str, named: Mapping[str, int]) -> Iterator[Range]:
    if not ports.raw:
        yield ALL_PORTS
    for entry in ports:
        if (entry["protocol"].text or "TCP") != protocol:
            continue
        port = entry["port"]
        if port.raw is None:
            yield ALL_PORTS
        elif port.integer is not None:
            yield port.integer, entry["endPort"].integer or port.integer
        elif number := named.get(port.text or ""):
            yield number, number


def _named_ports(pod: SetPod) -> Iterator[tuple[str, int]]:
    for container in pod.template.containers:
        for port in container["ports"]:
            name, number = port["name"].text, port["containerPort"].integer
            if name and number is not None:
                yield name, number


def _covered(wanted: Range, ranges: list[Range]) -> bool:
    reached = wanted[0]
    for low, high in sorted(ranges):
        if low <= reached:
            reached = max(reached, high + 1)
    return reached > wanted[1]


def _any(answers: Iterable[bool | None]) -> bool | None:
    known = list(answers)
    return True if True in known else None if None in known else False


def _all(answers: Iterable[bool | None]) -> bool | None:
    known = list(answers)
    return False if False in known else None if None in known else True
