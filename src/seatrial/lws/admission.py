"""What a LeaderWorkerSet becomes when the API server admits it, and why its webhook would refuse it.

Source: the defaults in the CRD and pkg/webhooks/leaderworkerset_webhook.go of kubernetes-sigs/lws.
The schema is judged elsewhere: a node of a wrong type is neither defaulted nor refused here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from seatrial.lws import keys
from seatrial.lws.reading import at, integer, mapping
from seatrial.lws.releases import MAX_PODS, MAX_REPLICAS, Fact, Release
from seatrial.lws.rollout import resolve

Rule = Literal[
    "name", "replicas", "size", "pods", "max-unavailable", "max-surge", "budgets", "partition",
    "subgroup-size", "subgroup-topology", "immutable",
]  # fmt: skip

_TEMPLATE: Final = ("spec", "leaderWorkerTemplate")
_SUBGROUP: Final = (*_TEMPLATE, "subGroupPolicy")
_ROLLING: Final = ("spec", "rolloutStrategy", "rollingUpdateConfiguration")
_NAME: Final = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason for which the webhook refuses the object; `path` is where the manifest says it."""

    path: tuple[str | int, ...]
    message: str
    rule: Rule


def default(lws: dict[str, Any], release: Release) -> dict[str, Any]:
    """The set with the defaults of CRD and mutating webhook.

    The input is not touched. Parts without a default are shared with it, so the result must not be changed either.
    """
    spec = lws.get("spec")
    if not isinstance(spec, dict):
        return lws
    spec = _filled(spec, {"replicas": 1, "startupPolicy": "LeaderCreated", "rolloutStrategy": {}, "networkConfig": {}})
    if isinstance(spec["rolloutStrategy"], dict):
        spec["rolloutStrategy"] = _rollout(spec["rolloutStrategy"], release)
    if isinstance(spec["networkConfig"], dict):
        spec["networkConfig"] = _filled(spec["networkConfig"], {"subdomainPolicy": "Shared"})
    if isinstance(spec.get("leaderWorkerTemplate"), dict):
        spec["leaderWorkerTemplate"] = _leader_worker_template(spec["leaderWorkerTemplate"], release)
    return {**lws, "spec": spec}


def _filled(node: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """A copy in which absent and null fields have their default, as the API server reads null."""
    return node | {key: value for key, value in defaults.items() if node.get(key) is None}


def _rollout(strategy: dict[str, Any], release: Release) -> dict[str, Any]:
    strategy = _filled(strategy, {"type": "RollingUpdate", "rollingUpdateConfiguration": {}})
    if strategy["type"] == "":
        strategy["type"] = "RollingUpdate"
    fields = strategy["rollingUpdateConfiguration"]
    if isinstance(fields, dict):
        defaults = {"maxUnavailable": 1, "maxSurge": 0}
        if release.has(Fact.PARTITION):
            defaults["partition"] = 0
        strategy["rollingUpdateConfiguration"] = _filled(fields, defaults)
    return strategy


def _leader_worker_template(template: dict[str, Any], release: Release) -> dict[str, Any]:
    template = _filled(template, {"size": 1, "restartPolicy": "RecreateGroupOnPodRestart"})
    if template["restartPolicy"] == "":
        template["restartPolicy"] = "RecreateGroupOnPodRestart"
    elif template["restartPolicy"] == "Default":
        template["restartPolicy"] = "None"
    policy = template.get("subGroupPolicy")
    if isinstance(policy, dict) and release.has(Fact.SUBGROUP_TYPE):
        template["subGroupPolicy"] = _filled(policy, {"subGroupPolicyType": "LeaderWorker"})
    for side in ("leaderTemplate", "workerTemplate"):
        if isinstance(template.get(side), dict):
            template[side] = _pod_template(template[side])
    return template


def _pod_template(template: dict[str, Any]) -> dict[str, Any]:
    """The template with `protocol: TCP` on ports, the one default that matters of those the CRD has for pods."""
    spec = template.get("spec")
    if not isinstance(spec, dict):
        return template
    changed = {
        field: [_ports_filled(container) for container in spec[field]]
        for field in ("containers", "initContainers")
        if isinstance(spec.get(field), list) and any(_lacks_protocol(container) for container in spec[field])
    }
    return {**template, "spec": spec | changed} if changed else template


def _lacks_protocol(container: object) -> bool:
    ports = at(container, "ports")
    return isinstance(ports, list) and any(isinstance(port, dict) and port.get("protocol") is None for port in ports)


def _ports_filled(container: Any) -> Any:
    if not _lacks_protocol(container):
        return container
    ports = [_filled(port, {"protocol": "TCP"}) if isinstance(port, dict) else port for port in container["ports"]]
    return {**container, "ports": ports}


def refusals(lws: dict[str, Any], release: Release, *, before: dict[str, Any] | None = None) -> tuple[Refusal, ...]:
    """Why the validating webhook refuses a raw set; empty if it does not.

    Args:
        lws: the set as written; defaults are applied here.
        release: of the webhook.
        before: the object that this one replaces, for the rules about updates.
    """
    admitted = default(lws, release)
    found = [
        *_name(admitted),
        *_numbers(admitted, release),
        *_budgets(admitted, release),
        *_subgroups(admitted),
    ]
    if before is not None:
        found += _update(default(before, release), admitted, release)
    return tuple(found)


def _name(lws: dict[str, Any]) -> Iterator[Refusal]:
    name = at(lws, "metadata", "name")
    if name is None and at(lws, "metadata", "generateName") is not None:
        return
    if name is None or name == "":
        yield Refusal(("metadata", "name"), "a name is required", "name")
    elif isinstance(name, str) and not _NAME.fullmatch(name):
        label = "at most 63 lower-case letters, digits and '-', beginning with a letter, not ending with '-'"
        message = f"{name!r} must be a DNS-1035 label, because a Service gets this name: {label}"
        yield Refusal(("metadata", "name"), message, "name")


def _numbers(lws: dict[str, Any], release: Release) -> Iterator[Refusal]:
    replicas, size = integer(at(lws, "spec", "replicas")), integer(at(lws, *_TEMPLATE, "size"))
    at_replicas, at_size = ("spec", "replicas"), (*_TEMPLATE, "size")
    if replicas is not None and replicas < 0:
        yield Refusal(at_replicas, f"replicas is {replicas}; it must be 0 or more", "replicas")
    elif replicas is not None and replicas > MAX_REPLICAS and release.has(Fact.REPLICAS_BOUND):
        yield Refusal(at_replicas, f"replicas is {replicas}; it must be at most {MAX_REPLICAS:,}", "replicas")
    if size is not None and size < 1:
        yield Refusal(at_size, f"size is {size}; it must be 1 or more", "size")
    if replicas is not None and size is not None and replicas * size > MAX_PODS:
        yield Refusal(at_replicas, f"replicas times size is {replicas * size}; it must be at most {MAX_PODS:,}", "pods")


def _budgets(lws: dict[str, Any], release: Release) -> Iterator[Refusal]:
    fields = mapping(at(lws, *_ROLLING))
    for field, rule in _BUDGET_RULES.items():
        if problem := _budget_problem(fields.get(field)):
            yield Refusal((*_ROLLING, field), f"{field} {problem}", rule)
    partition = integer(fields.get("partition"))
    if partition is not None and partition < 0 and release.has(Fact.PARTITION_CHECKED):
        yield Refusal((*_ROLLING, "partition"), f"partition is {partition}; it must be 0 or more", "partition")
    yield from _both_zero(lws, fields, release)


_BUDGET_RULES: Final[dict[str, Rule]] = {"maxUnavailable": "max-unavailable", "maxSurge": "max-surge"}


def _budget_problem(value: object) -> str:
    number = integer(value)
    if number is not None:
        return f"is {number}; it must be 0 or more" if number < 0 else ""
    if not isinstance(value, str):
        return ""
    if not re.fullmatch(r"[0-9]+%", value):
        return f"is the string {value!r}; a string must be digits followed by %, a count must be a number"
    return f"is {value}; it must be at most 100%" if len(value.lstrip("0")) > 4 or int(value[:-1]) > 100 else ""


def _both_zero(lws: dict[str, Any], fields: dict[str, Any], release: Release) -> Iterator[Refusal]:
    replicas = integer(at(lws, "spec", "replicas"))
    if replicas is None or (replicas == 0 and release.has(Fact.ZERO_REPLICAS_ANY_BUDGET)):
        return
    unavailable = resolve(fields.get("maxUnavailable"), replicas, round_up=False)
    surge = resolve(fields.get("maxSurge"), replicas, round_up=True)
    if unavailable == 0 and surge == 0:
        given = f"maxUnavailable {fields['maxUnavailable']} and maxSurge {fields['maxSurge']}"
        message = f"{given} both come to 0 of {replicas} groups (the first rounds down): no group could be updated"
        yield Refusal((*_ROLLING, "maxUnavailable"), message, "budgets")


def _subgroups(lws: dict[str, Any]) -> Iterator[Refusal]:
    policy = at(lws, *_SUBGROUP)
    if policy is None:
        if keys.SUBGROUP_EXCLUSIVE_TOPOLOGY in mapping(at(lws, "metadata", "annotations")):
            where = ("metadata", "annotations", keys.SUBGROUP_EXCLUSIVE_TOPOLOGY)
            yield Refusal(where, "this annotation needs a subGroupPolicy", "subgroup-topology")
        return
    size, path = integer(at(lws, *_TEMPLATE, "size")), (*_SUBGROUP, "subGroupSize")
    if not isinstance(policy, dict) or size is None:
        return
    if policy.get("subGroupSize") is None:
        yield Refusal(_SUBGROUP, "subGroupSize is missing; the webhook panics (nil pointer)", "subgroup-size")
    part = integer(policy.get("subGroupSize"))
    if part is not None and (problem := _subgroup_problem(size, part, policy.get("subGroupPolicyType"))):
        yield Refusal(path, problem, "subgroup-size")


def _subgroup_problem(size: int, part: int, kind: object) -> str:
    if part < 1:
        panics = "; the webhook panics (integer divide by zero)" if part == 0 else ""
        return f"subGroupSize is {part}; it must be 1 or more{panics}"
    if part > size:
        return f"subGroupSize is {part}; it must not be larger than size {size}"
    if kind == "LeaderExcluded" and (size - 1) % part:
        return f"size - 1 = {size - 1} must be divisible by subGroupSize {part} when the leader is excluded"
    if size % part and (size - 1) % part:
        return f"size {size} or size - 1 must be divisible by subGroupSize {part}"
    return ""


def _update(before: dict[str, Any], after: dict[str, Any], release: Release) -> Iterator[Refusal]:
    old_size, new_size = at(before, *_TEMPLATE, "size"), at(after, *_TEMPLATE, "size")
    if old_size != new_size and not release.has(Fact.SIZE_MUTABLE):
        yield Refusal((*_TEMPLATE, "size"), f"size cannot be changed from {old_size} to {new_size}", "immutable")
    old, new = at(before, *_SUBGROUP), at(after, *_SUBGROUP)
    if old is None and new is not None:
        yield Refusal(_SUBGROUP, "subGroupPolicy cannot be added to an existing set", "immutable")
    elif old is not None and new is None:
        yield Refusal(_SUBGROUP, "subGroupPolicy cannot be removed from an existing set", "immutable")
    elif at(old, "subGroupSize") != at(new, "subGroupSize"):
        yield Refusal((*_SUBGROUP, "subGroupSize"), "subGroupSize cannot be changed", "immutable")
