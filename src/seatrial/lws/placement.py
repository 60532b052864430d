"""Exclusive placement and sub-groups: which pods are bound together, and by which terms.

Source: pkg/webhooks/pod_webhook.go of kubernetes-sigs/lws.
"""

from typing import Any, Final

from seatrial.lws.reading import at, items, mapping
from seatrial.lws.releases import Fact, Release

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def exclusive_affinity(affinity: object, label: str, value: str, topology: str) -> dict[str, Any]:
    """The affinity with the terms that keep pods of one label value together, and all others away, within a topology.

    Left as it is if both lists already hold a term, anybody's, with that topology key. The terms name no namespaces,
    so they see only the pod's own.
    """
    given = mapping(affinity)
    together, apart = items(at(given, "podAffinity", REQUIRED)), items(at(given, "podAntiAffinity", REQUIRED))
    if _uses(together, topology) and _uses(apart, topology):
        return given
    same: dict[str, Any] = {"key": label, "operator": "In", "values": [value]}
    labelled: dict[str, Any] = {"key": label, "operator": "Exists"}
    other: dict[str, Any] = {"key": label, "operator": "NotIn", "values": [value]}
    return {
        **given,
        "podAffinity": {**mapping(given.get("podAffinity")), REQUIRED: [*together, _term([same], topology)]},
        "podAntiAffinity": {
            **mapping(given.get("podAntiAffinity")),
            REQUIRED: [*apart, _term([labelled, other], topology)],
        },
    }


def _uses(terms: list[Any], topology: str) -> bool:
    return any(mapping(term).get("topologyKey") == topology for term in terms)


def _term(expressions: list[dict[str, Any]], topology: str) -> dict[str, Any]:
    return {"labelSelector": {"matchExpressions": expressions}, "topologyKey": topology}


def subgroup_index(size: int, part: int, worker: int, release: Release) -> int:
    """Sub-group of a worker in a group of `size` pods with sub-groups of `part` pods."""
    leader_is_extra = (size - 1) % part == 0
    if leader_is_extra and release.has(Fact.SUBGROUP_SIZE_ONE):
        leader_is_extra = size % part != 0
    return (worker - 1) // part if leader_is_extra else worker // part


def requests_tpus(pod_spec: dict[str, Any]) -> bool:
    """Whether a container of the pod asks for `google.com/tpu`."""
    return any(
        str(mapping(at(container, "resources", kind)).get("google.com/tpu", 0) or 0) != "0"
        for field in ("containers", "initContainers")
        for container in items(pod_spec.get(field))
        for kind in ("limits", "requests")
    )
