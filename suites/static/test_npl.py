"""NPL: NetworkPolicies."""

from collections.abc import Iterable, Iterator
from itertools import permutations

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.network.network_policies import (
    ALL_PORTS,
    CLUSTER_DNS,
    OUTSIDE,
    Direction,
    Peer,
    Range,
    isolating,
    opening,
    peer_of,
    unread,
)
from seatrial.requirement import Outcomes, requirement
from seatrial.storage.download import downloads
from seatrial.workload.pods import SetPod, pods
from seatrial.workload.serving import Group, groups

DNS: Range = (53, 53)
HTTPS: Range = (443, 443)


@requirement(
    "NPL-01",
    why="NCCL, Gloo and ZMQ use random ports: the ranks stop at their first collective, with time-outs in the log.",
    fix="Allow every port between pods with the label leaderworkerset.sigs.k8s.io/name of the set, both ways.",
    source=("sglang#3489", "sglang#3254"),
)
def test_pods_of_a_group_reach_each_other(group: Group) -> Outcomes:
    """NetworkPolicies of the set SHOULD let the pods of a group reach each other on all TCP ports."""
    if group.size == 1:
        raise NotApplicable("a group of one pod")
    if any(role.template.spec["hostNetwork"].boolean for role in group.roles):
        raise NotApplicable("NetworkPolicies do not bind pods on the host network")
    members = _members(group)
    others = unread(group.manifests, group.namespace)
    if not others and not any(_policies(pod, group.manifests) for pod in members):
        raise NotApplicable("no NetworkPolicy of the set selects pods of the group")
    yield from _unread(others)
    seen = set()
    for sender, receiver in permutations(members, 2) if len(members) > 1 else [(members[0], members[0])]:
        for direction, pod, peer in (("egress", sender, receiver), ("ingress", receiver, sender)):
            roles = (direction, _role(pod), _role(peer))
            if roles not in seen:
                seen.add(roles)
                yield from _reach(group.manifests, direction, pod, peer)  # type: ignore[arg-type]  # a literal


def _members(group: Group) -> list[SetPod]:
    """Sample pods of one group."""
    own = [pod for pod in pods(group.manifests) if pod.template.document is group.document]
    return [pod for pod in own if pod.expanded is None or pod.expanded.group_index == 0]


def _role(pod: SetPod) -> str:
    return pod.expanded.role if pod.expanded else "pod"


def _policies(pod: SetPod, manifests: ManifestSet) -> list[Document]:
    return [*isolating(manifests, pod, "ingress"), *isolating(manifests, pod, "egress")]


def _unread(others: Iterable[Document]) -> Iterator[CannotTell]:
    for policy in others:
        yield CannotTell(f"what {policy.title} lets through: policies of its kind are not evaluated")


def _reach(manifests: ManifestSet, direction: Direction, pod: SetPod, peer: SetPod) -> Outcomes:
    what = "to" if direction == "egress" else "from"
    yield from _judge(manifests, direction, pod, peer_of(peer), ALL_PORTS, "TCP", f"{what} the {_role(peer)}")


def _judge(
    manifests: ManifestSet, direction: Direction, pod: SetPod, peer: Peer, wanted: Range, protocol: str, whom: str
) -> Outcomes:
    """Whether the policies that select a pod open a range of ports; nothing to say when none selects it."""
    policies = isolating(manifests, pod, direction)
    if not policies:
        return
    found = opening(manifests, policies, direction, pod, peer, protocol)
    answer = found.opens(wanted)
    ports = "every port" if wanted == ALL_PORTS else f"port {wanted[0]}"
    if answer is None:
        names = ", ".join(policy.title for policy in policies)
        yield CannotTell(
            f"whether {names} opens {protocol} {whom}: it selects by addresses or by labels that are not known",
            f'seatrial.toml: [namespace.{peer.namespace or pod.namespace}] labels = {{ team = "llm" }}',
        )
    elif not answer:
        observed = f"{direction} of the {_role(pod)} {whom}: {found} of {protocol}"
        yield Finding(_rules(policies[0], direction), observed, f"{ports} of {protocol}")


def _rules(policy: Document, direction: Direction) -> Node:
    """The rules that a user has to widen."""
    rules = policy.at("spec", direction)
    return rules if rules.exists else policy.at("spec", "policyTypes")


@requirement(
    "NPL-02",
    why="Without DNS the leader's name does not resolve; without TCP 443 the download stalls.",
    fix="Add an egress rule for UDP and TCP 53 to kube-system, and for the download one for TCP 443 to 0.0.0.0/0.",
)
def test_dns_and_the_model_hub_are_reachable(deployment: ManifestSet) -> Outcomes:
    """NetworkPolicies of the set SHOULD let group pods use DNS and let the download reach TCP 443 outside."""
    fetching = {download.template.key for download in downloads(deployment)}
    documents = {id(download.document) for download in downloads(deployment)}
    serving = {id(group.document) for group in groups(deployment)}
    judged = False
    for pod in _one_of_each(deployment):
        owner = id(pod.template.document)
        if owner not in serving | documents or pod.template.spec["hostNetwork"].boolean:
            continue
        if not isolating(deployment, pod, "egress"):
            continue
        judged = True
        for protocol in ("UDP", "TCP"):
            yield from _judge(deployment, "egress", pod, CLUSTER_DNS, DNS, protocol, "to DNS")
        if pod.template.key in fetching:
            yield from _judge(deployment, "egress", pod, OUTSIDE, HTTPS, "TCP", "to the model hub")
    if not judged:
        raise NotApplicable("no NetworkPolicy of the set restricts what group or download send")


def _one_of_each(deployment: ManifestSet) -> Iterator[SetPod]:
    """One pod of each template."""
    seen = set()
    for pod in pods(deployment):
        if pod.template.key not in seen:
            seen.add(pod.template.key)
            yield pod
