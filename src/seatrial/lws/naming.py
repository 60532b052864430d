"""Names and keys of the objects of a LeaderWorkerSet, their limits, and which of them two sets would share."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1
from itertools import chain, islice
from typing import Final, Literal

from seatrial.lws.reading import at, integer, items, mapping, text
from seatrial.lws.releases import Fact, Release
from seatrial.lws.rollout import resolve

Kind = Literal["StatefulSet", "Pod", "Service", "PersistentVolumeClaim"]

_LABEL_LIMIT: Final = 63
_REVISION_SUFFIX: Final = 11
"""`-` and a hash of up to ten characters: what Kubernetes appends to a StatefulSet's name in a pod label."""


def group_key(namespace: str, leader: str) -> str:
    """Value of the label group-key: equal in a group, different between groups of the whole cluster."""
    return _sha1(f"{namespace}/{leader}")


def subgroup_key(leader: str, index: str) -> str:
    """Value of the label subgroup-key. The namespace is not part of it: equal names elsewhere share keys."""
    return _sha1(f"{leader}/{index}")


def _sha1(value: str) -> str:
    return sha1(value.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def sample_groups(replicas: int) -> tuple[int, ...]:
    """Groups that show every difference between groups: the first two and the last.

    A set with fewer than two groups is sampled as if it had two, so that what breaks on scaling out is seen.
    """
    return tuple(sorted({0, 1, max(2, replicas) - 1}))


def sample_workers(size: int) -> tuple[int, ...]:
    """Worker indices that show every difference within a group: the leader (0), the first worker and the last one."""
    return tuple(sorted({0, min(1, max(size, 1) - 1), max(size, 1) - 1}))


def name_limit(groups: int, size: int) -> int:
    """Longest name, in characters, with which every pod can be made.

    Pods carry `STATEFULSET-HASH` as a label, at most 63 characters (lws#410). `groups` includes surge groups.
    """
    leader_limit = _LABEL_LIMIT - _REVISION_SUFFIX
    return leader_limit if size < 2 else leader_limit - 1 - len(str(max(groups, 1) - 1))


@dataclass(frozen=True, slots=True)
class ChildNames:
    """Every name that the children of one set can take, surge groups included; never listed in full."""

    name: str
    groups: int
    size: int
    per_group_service: bool
    claims: tuple[str, ...] = ()

    def owns(self, kind: str, name: str) -> bool:
        """Whether a child of that kind has that name."""
        if kind == "StatefulSet":
            return name == self.name or (self.size > 1 and self._is_leader(name))
        if kind == "Pod":
            return self._is_pod(name)
        if kind == "Service":
            return self._is_leader(name) if self.per_group_service else name == self.name
        if kind == "PersistentVolumeClaim":
            return any(name.startswith(f"{claim}-") and self._is_pod(name[len(claim) + 1 :]) for claim in self.claims)
        return False

    def names(self, kind: Kind, limit: int = 1000) -> tuple[str, ...]:
        """The first names of a kind, at most `limit`."""
        return tuple(islice(self._names(kind), limit))

    def shared_with(self, other: "ChildNames") -> tuple[tuple[Kind, str], ...]:
        """One example per kind of a name that both sets would give to a child in the same namespace.

        The last number of a child's name is its ordinal and what stands before it is its parent's name, so two sets
        with different names can only meet where one is called like a leader pod of the other.
        """
        longer = max(self.name, other.name, key=len)
        pods = (f"{longer}-0", f"{longer}-1")
        candidates: dict[Kind, tuple[str, ...]] = {
            "StatefulSet": (longer,),
            "Pod": pods,
            "Service": (longer, *pods),
            "PersistentVolumeClaim": tuple(f"{claim}-{pod}" for claim in self.claims for pod in pods),
        }
        shared: dict[Kind, str] = {}
        for kind, names in candidates.items():
            for name in names:
                if self.owns(kind, name) and other.owns(kind, name):
                    shared.setdefault(kind, name)
        return tuple(shared.items())

    def _names(self, kind: Kind) -> Iterator[str]:
        leaders = (f"{self.name}-{group}" for group in range(self.groups))
        if kind == "StatefulSet":
            return chain((self.name,), leaders if self.size > 1 else ())
        if kind == "Service":
            return leaders if self.per_group_service else iter((self.name,))
        pods = (pod for leader in leaders for pod in chain((leader,), (f"{leader}-{i}" for i in range(1, self.size))))
        if kind == "Pod":
            return pods
        return (f"{claim}-{pod}" for pod in pods for claim in self.claims)

    def _is_pod(self, name: str) -> bool:
        parent, ordinal = _split(name)
        return self._is_leader(name) or (1 <= ordinal < self.size and self._is_leader(parent))

    def _is_leader(self, name: str) -> bool:
        parent, ordinal = _split(name)
        return parent == self.name and 0 <= ordinal < self.groups


def _split(name: str) -> tuple[str, int]:
    parent, _, digits = name.rpartition("-")
    if not (digits.isascii() and digits.isdigit()) or (len(digits) > 1 and digits[0] == "0") or len(digits) > 10:
        return "", -1
    return parent, int(digits)


def child_names(lws: object, release: Release) -> ChildNames:
    """The names that the children of a raw LeaderWorkerSet take, groups of a surge included."""
    template = mapping(at(lws, "spec", "leaderWorkerTemplate"))
    claims = items(template.get("volumeClaimTemplates")) if release.has(Fact.CLAIM_TEMPLATES) else ()
    size = integer(template.get("size"))
    return ChildNames(
        name=text(at(lws, "metadata", "name")),
        groups=groups_at_most(lws),
        size=1 if size is None else max(size, 1),
        per_group_service=at(lws, "spec", "networkConfig", "subdomainPolicy") == "UniquePerReplica",
        claims=tuple(text(at(claim, "metadata", "name")) for claim in claims),
    )


def groups_at_most(lws: object) -> int:
    """How many groups can exist at once: replicas, and during a rollout as many again as maxSurge allows."""
    given = integer(at(lws, "spec", "replicas"))
    replicas = 1 if given is None else max(given, 0)
    budget = at(lws, "spec", "rolloutStrategy", "rollingUpdateConfiguration", "maxSurge")
    surge = resolve(budget, replicas, round_up=True)
    return replicas + min(max(surge or 0, 0), replicas)
