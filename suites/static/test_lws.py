"""LWS: fields and rules of the LeaderWorkerSet."""

import re
from collections.abc import Iterator
from fractions import Fraction

from seatrial.api_server.admission import SUPPLY, Subject, objections, refused
from seatrial.finding import CannotTell, Finding, NotApplicable, Place
from seatrial.knowledge import nodes
from seatrial.lws import keys
from seatrial.lws.naming import groups_at_most, name_limit
from seatrial.lws.releases import NEWEST, Fact
from seatrial.lws.rollout import budget, unavailable_at_update
from seatrial.lws.schema import API_VERSION
from seatrial.manifests.document import Node
from seatrial.nodes.capacity import Need, needs
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.autoscalers import autoscalers_of
from seatrial.workload.leader_wait import waits_for_leader
from seatrial.workload.leader_worker_set import LeaderWorkerSet
from seatrial.workload.serving import Group

SHORTEST_GRACE_S = 30
DEFAULT_SCHEDULER, VOLCANO = "default-scheduler", "volcano"
# Kueue admits a LeaderWorkerSet as a whole. Source: kubernetes-sigs/kueue, LeaderWorkerSet integration.
KUEUE_QUEUE = "kueue.x-k8s.io/queue-name"
_WORKER_INDEX = re.compile(rf"^(?!\s*#).*\b{keys.WORKER_INDEX_ENV}\b", re.MULTILINE)


def _rolling(lws: LeaderWorkerSet) -> Node:
    return lws.spec.at("rolloutStrategy", "rollingUpdateConfiguration")


def _lws_of(group: Group) -> LeaderWorkerSet:
    if group.lws is None:
        raise NotApplicable(f"{group.title} is no LeaderWorkerSet")
    return group.lws


@requirement(
    "LWS-01",
    why="A Service gets this name, and the webhook refuses names that no Service can have.",
    fix="Use lower-case letters, digits and `-`, a letter first, at most 63 characters.",
)
def test_name_is_a_dns_label(lws: LeaderWorkerSet) -> Outcomes:
    """The LeaderWorkerSet's name MUST be a DNS-1035 label."""
    yield from refused(lws, "name")


@requirement(
    "LWS-02",
    why="One dead rank leaves the group hanging.",
    fix="Set restartPolicy RecreateGroupAfterStart (LWS 0.9.0) or RecreateGroupOnPodRestart.",
)
def test_dead_ranks_recreate_the_group(group: Group) -> Outcomes:
    """restartPolicy MUST NOT be None (or the deprecated Default, which becomes None) for size > 1."""
    lws = _lws_of(group)  # pods of other engines may be made to come back one by one
    policy = lws.template["restartPolicy"]
    if lws.size == 1:
        raise NotApplicable("groups of one pod")
    if policy.text in ("None", "Default"):
        yield Finding(policy, f"restartPolicy {policy.text} and size {lws.size}", "a policy that recreates the group")


@requirement(
    "LWS-03",
    why="The webhook refuses it; earlier releases created nothing and said nothing.",
    fix="Set maxUnavailable 1, or maxSurge 1 where a group's worth of nodes is spare.",
    source="lws#776",
)
def test_rollout_can_move(lws: LeaderWorkerSet) -> Outcomes:
    """maxUnavailable and maxSurge MUST NOT both resolve to 0."""
    if lws.spec["replicas"].integer == 0:
        raise NotApplicable("no replicas")
    yield from refused(lws, "budgets")


@requirement(
    "LWS-04",
    why="The surge group of an update stays Pending, and the update never ends.",
    fix="Keep nodes for one more group, or set maxSurge 0 and maxUnavailable 1.",
)
def test_surge_has_room(group: Group) -> Outcomes:
    """A maxSurge SHOULD be backed by spare capacity of surge x size x GPUs."""
    lws = _lws_of(group)
    surge = _surge(lws)
    need = _need(group) if surge else None
    if need is None:
        raise NotApplicable("an update brings up no additional group on the pool")
    target = lws.manifests.target
    free, available = target.get("pool.free_gpus"), target.get("pool.nodes")
    if free is None and available is None:
        target.need("pool.free_gpus")
    place = _rolling(lws)["maxSurge"]
    everyone, extra = list(needs(lws.manifests)), Fraction(surge, lws.replicas)
    gpus = sum(other.gpus for other in everyone) + need.gpus * extra
    nodes_used = sum((other.nodes for other in everyone), Fraction()) + need.nodes * extra
    if free is not None and gpus > free:
        yield Finding(place, f"an update takes {gpus} GPUs", f"at most {free}, those that are free")
    if available is not None and nodes_used > available:
        yield Finding(place, f"an update takes {-(-nodes_used // 1)} nodes", f"at most {available}, those of the pool")


def _need(group: Group) -> Need | None:
    """What the group's replicas take of the pool, None when they take nothing of it."""
    return next((need for need in needs(group.manifests) if need.title == group.title), None)


def _surge(lws: LeaderWorkerSet) -> int:
    """Groups that an update brings up in addition."""
    resolved = budget(lws.document.value, lws.release or NEWEST)
    if resolved is None or lws.replicas == 0:
        return 0
    if resolved.replicas > resolved.surge:
        return max(0, resolved.surge)
    return max(0, min(resolved.surge, resolved.replicas - resolved.unavailable))


@requirement(
    "LWS-05",
    why="Workers are created when the leader is Ready, and SGLang's leader is Ready when the workers have joined.",
    fix="Remove startupPolicy; LeaderCreated is the default.",
)
def test_workers_do_not_wait_for_a_ready_leader(group: Group) -> Outcomes:
    """startupPolicy MUST NOT be LeaderReady when the leader has a readiness or startup probe."""
    lws = _lws_of(group)
    policy = lws.spec["startupPolicy"]
    if policy.text != "LeaderReady" or lws.size == 1:
        return
    for container in lws.leader_template.containers:
        for probe in ("startupProbe", "readinessProbe"):
            if container[probe].mapping:
                name = container["name"].text
                yield Finding(policy, f"LeaderReady, and the leader's container {name} has a {probe}", "LeaderCreated")
                return


@requirement(
    "LWS-06",
    why="Running requests are cut, and ranks above 0 wait for a signal of rank 0 that never comes.",
    fix="Set terminationGracePeriodSeconds to 30 or more, or remove it.",
    source="lws#956",
)
def test_pods_get_time_to_end(lws: LeaderWorkerSet) -> Outcomes:
    """terminationGracePeriodSeconds SHOULD be at least 30 in both templates."""
    for template in lws.templates:
        grace = template.spec["terminationGracePeriodSeconds"]
        if grace.integer is not None and grace.integer < SHORTEST_GRACE_S:
            yield Finding(grace, f"{grace.integer} s in the {template.role} template", f"at least {SHORTEST_GRACE_S} s")


@requirement(
    "LWS-07",
    why="Before 0.6.0 LWS injects only the leader's address and the group's size: the rank is empty.",
    fix="Upgrade LWS, or set LWS_WORKER_INDEX from metadata.labels['leaderworkerset.sigs.k8s.io/worker-index'].",
)
def test_worker_index_is_there(lws: LeaderWorkerSet) -> Outcomes:
    """A manifest that uses `LWS_WORKER_INDEX` MUST declare it by fieldRef or target LWS 0.6.0 or later."""
    if lws.release is not None and lws.release.has(Fact.WORKER_INDEX_ENV):
        return
    for place in _undeclared_uses(lws):
        if lws.release is None:
            raise CannotTell("LWS_WORKER_INDEX is used and not declared; LWS injects it from 0.6.0 on", SUPPLY)
        yield Finding(place, f"LWS_WORKER_INDEX, which LWS {lws.release} does not inject", "a variable that is set")


def _undeclared_uses(lws: LeaderWorkerSet) -> Iterator[Place]:
    for template in lws.templates:
        for container in template.all_containers:
            entries = list(container["env"])
            if any(entry["name"].text == keys.WORKER_INDEX_ENV for entry in entries):
                continue
            values = (entry["value"] for entry in entries)
            for node in (*container["command"], *container["args"], *values):
                text = node.text or ""
                found = _WORKER_INDEX.search(text) if keys.WORKER_INDEX_ENV in text else None
                if found:
                    yield node.line(text.count("\n", 0, found.start())) if "\n" in text else node


@requirement(
    "LWS-08",
    why="The server drops the field without a word for clients that do not ask for strict validation.",
    fix="Remove the field, or upgrade LWS to a release that is built with a newer Kubernetes.",
)
def test_templates_use_fields_that_lws_knows(lws: LeaderWorkerSet) -> Outcomes:
    """A pod template SHOULD NOT use fields that the LWS release's embedded pod schema does not know."""
    yield from objections(lws, Subject.TEMPLATE)


@requirement(
    "LWS-09",
    why="The webhook refuses the object, sometimes with nothing but `panic` as a reason.",
    fix="Choose a subGroupSize that divides size, or size - 1.",
)
def test_subgroups_add_up(lws: LeaderWorkerSet) -> Outcomes:
    """Sub-groups MUST follow the webhook's arithmetic."""
    annotation = lws.document.at("metadata", "annotations", keys.SUBGROUP_EXCLUSIVE_TOPOLOGY)
    if lws.template["subGroupPolicy"].raw is None and not annotation.exists:
        raise NotApplicable("no sub-groups")
    yield from refused(lws, "subgroup-size", "subgroup-topology")


@requirement(
    "LWS-10",
    why="LWS sets its StatefulSets back to what the LeaderWorkerSet says: scaling a child is undone at once.",
    fix="Point scaleTargetRef at leaderworkerset.x-k8s.io/v1 LeaderWorkerSet; it scales in whole groups.",
)
def test_autoscalers_target_the_set(lws: LeaderWorkerSet) -> Outcomes:
    """An autoscaler SHOULD target the LeaderWorkerSet."""
    found = autoscalers_of(lws)
    if not found:
        raise NotApplicable("no autoscaler acts on it")
    for autoscaler in found:
        if not autoscaler.scales(lws):
            seen = f"{autoscaler.target['apiVersion'].text or 'no apiVersion'}, {autoscaler.kind} {autoscaler.name}"
            yield Finding(autoscaler.target, seen, f"{API_VERSION}, LeaderWorkerSet {lws.name}")


@requirement(
    "LWS-11",
    why="The API server refuses the object, or drops what it does not know.",
    fix="Correct the field that the finding names.",
)
def test_object_matches_its_schema(lws: LeaderWorkerSet) -> Outcomes:
    """The object MUST be a valid `leaderworkerset.x-k8s.io/v1` LeaderWorkerSet for the target LWS version, without
    unknown fields.
    """
    version = lws.document["apiVersion"]
    if version.text != API_VERSION:
        yield Finding(version, f"apiVersion {version.text}", API_VERSION)
    yield from objections(lws, Subject.OBJECT)


@requirement(
    "LWS-12",
    why="The webhook refuses the object.",
    fix="Correct the number that the finding names.",
)
def test_numbers_are_within_bounds(lws: LeaderWorkerSet) -> Outcomes:
    """Numbers MUST be within the webhook's bounds."""
    yield from refused(lws, "replicas", "size", "pods", "max-unavailable", "max-surge", "partition")


@requirement(
    "LWS-13",
    why="The API server refuses the value, or drops the field without a word.",
    fix="Upgrade LWS to the release that the finding names, or remove the field.",
)
def test_release_has_what_is_used(lws: LeaderWorkerSet) -> Outcomes:
    """Values and fields MUST exist in the target LWS release."""
    yield from objections(lws, Subject.RELEASE)
    annotation = lws.document.at("metadata", "annotations", keys.RECREATE_AFTER_START)
    if annotation.exists and not _has(lws, Fact.RECREATE_AFTER_START_ANNOTATION):
        yield Finding(annotation, f"LWS {lws.release} ignores this annotation", "LWS 0.8.0 or later")
    target = lws.manifests.target
    if target.get("lws.scheduler_provider") == "volcano" and not _has(lws, Fact.PARTITION):
        yield Finding(target.place("lws.scheduler_provider"), f"LWS {lws.release} has no gang scheduling", "LWS 0.7.0")


def _has(lws: LeaderWorkerSet, fact: Fact) -> bool:
    """Whether the target's release has something. Raises CannotTell when it is unknown and the known ones differ."""
    return not lws.across_releases(lambda release: not release.has(fact), f"whether {fact.what}")


@requirement(
    "LWS-14",
    why="Labels of its pods exceed 63 characters: no pod is created, and only the StatefulSet's events say so.",
    fix="Use a shorter name.",
    source="lws#410",
)
def test_name_leaves_room_for_its_pods(lws: LeaderWorkerSet) -> Outcomes:
    """The name MUST NOT be longer than 51 characters minus the digits of the highest group index."""
    groups = groups_at_most(lws.document.value)
    limit = name_limit(groups, lws.size)
    if len(lws.name) > limit:
        yield Finding(
            lws.document.at("metadata", "name"),
            f"{len(lws.name)} characters",
            f"at most {limit} with {groups} groups of {lws.size}",
        )


@requirement(
    "LWS-15",
    why="Two groups can each hold half of the nodes and wait for each other for ever.",
    fix="Use the scheduler provider volcano with schedulerName volcano, or annotation exclusive-topology.",
    source=("lws#167", "lws#407"),
)
def test_groups_do_not_block_each_other(group: Group) -> Outcomes:
    """Several groups on limited capacity SHOULD be gang-scheduled or placed exclusively."""
    lws = _lws_of(group)
    need = _need(group) if lws.replicas > 1 and lws.size > 1 else None
    if need is None:
        raise NotApplicable("no two groups of several pods compete for nodes of the pool")
    free = lws.manifests.target.get("pool.free_gpus")
    if (free is not None and need.gpus <= free) or _is_placed_as_a_whole(lws):
        return
    room = "an unknown number of free GPUs" if free is None else f"{free} free GPUs"
    seen = f"{lws.replicas} groups need {need.gpus} GPUs, on {room}, each pod scheduled for itself"
    yield Finding(lws.spec["replicas"], seen, "gang scheduling or exclusive placement")


def _is_placed_as_a_whole(lws: LeaderWorkerSet) -> bool:
    """Raises CannotTell for a scheduler of which it is not known whether it takes groups as a whole."""
    metadata = lws.document["metadata"]
    if metadata.at("annotations", keys.EXCLUSIVE_TOPOLOGY).text or metadata.at("labels", KUEUE_QUEUE).text:
        return True
    schedulers = {template.spec["schedulerName"].text or DEFAULT_SCHEDULER for template in lws.templates}
    if DEFAULT_SCHEDULER in schedulers:
        return False
    if schedulers == {VOLCANO}:
        return bool(lws.manifests.target.need("lws.scheduler_provider") == VOLCANO)
    raise CannotTell(f"whether scheduler {', '.join(sorted(schedulers))} places groups as a whole is not known")


@requirement(
    "LWS-16",
    why="A pod that restarts while others still pull 20 GB recreates the group, and the pulls begin anew.",
    fix="Set restartPolicy RecreateGroupAfterStart (LWS 0.9.0), on 0.8.0 the annotation of that name.",
    source=("lws#726", "lws#757"),
)
def test_group_survives_its_start(group: Group) -> Outcomes:
    """With a large image the group SHOULD use RecreateGroupAfterStart."""
    lws = _lws_of(group)
    policy = lws.template["restartPolicy"]
    if lws.size == 1 or policy.text not in (None, "", "RecreateGroupOnPodRestart", "RecreateGroupAfterStart"):
        raise NotApplicable("a restart recreates no other pod")
    if (
        policy.text == "RecreateGroupAfterStart"
        or keys.RECREATE_AFTER_START in lws.document["metadata"]["annotations"].mapping
    ):
        return  # LWS-13 judges whether the release has it
    if not _has(lws, Fact.RECREATE_AFTER_START_ANNOTATION):
        raise NotApplicable(f"LWS {lws.release} has no such policy")
    wanted = "the annotation experimental-recreate-group-after-start"
    if lws.release is None or lws.release.has(Fact.RECREATE_AFTER_START):
        wanted = "RecreateGroupAfterStart"
    seen = policy.text or "RecreateGroupOnPodRestart, the default"
    yield Finding(policy, f"restartPolicy {seen}", wanted)


@requirement(
    "LWS-17",
    why="A worker that starts first fails, and recreating the group turns that into a loop.",
    fix="Add an init container that asks getent hosts for LWS_LEADER_ADDRESS until it gets an answer.",
    source="lws#746",
)
def test_workers_wait_for_the_leader(group: Group) -> Outcomes:
    """Workers SHOULD wait for the leader's name to resolve before they start the engine."""
    _lws_of(group)
    if group.worker is None:
        raise NotApplicable("groups of one pod")
    if not waits_for_leader(group.worker):
        yield Finding(group.worker.container, "nothing waits for LWS_LEADER_ADDRESS", "a wait before the engine starts")


@requirement(
    "LWS-18",
    why="Every update is an outage.",
    fix="Run two groups, or set maxUnavailable 0 and maxSurge 1 (LWS 0.9.0, and nodes for one more group).",
    source="lws#776",
)
def test_updates_leave_a_group_serving(lws: LeaderWorkerSet) -> Outcomes:
    """The rollout strategy SHOULD leave at least one group serving."""
    if lws.replicas == 0:
        raise NotApplicable("no replicas")
    unavailable = unavailable_at_update(lws.document.value, lws.release or NEWEST)
    if unavailable is None or lws.replicas - unavailable >= 1:
        return
    given, replicas = _rolling(lws)["maxUnavailable"], lws.spec["replicas"]
    seen = f"maxUnavailable {given.raw if given.raw is not None else '1 by default'} of {lws.replicas} groups"
    yield Finding(given if given.exists else replicas, seen, "one group that goes on serving")


@requirement(
    "LWS-19",
    why="No node fits the leader's affinity: it stays Pending for ever, and LWS says nothing.",
    fix="Name a label that the nodes have, such as topology.kubernetes.io/zone, or label the nodes.",
)
def test_topology_key_is_a_node_label(lws: LeaderWorkerSet) -> Outcomes:
    """A topology key used for exclusive placement MUST be a label of the pool's nodes."""
    annotations = lws.document["metadata"]["annotations"]
    given = [annotations[key] for key in (keys.EXCLUSIVE_TOPOLOGY, keys.SUBGROUP_EXCLUSIVE_TOPOLOGY)]
    given = [node for node in given if node.text]
    if not given:
        raise NotApplicable("no exclusive placement")
    target = lws.manifests.target
    kinds = ("all", target.get("pool.type"))
    known = {label.key for label in nodes.labels() if label.nodes in kinds}
    for node in given:
        if node.text not in known and node.text not in target.need("pool.labels"):
            yield Finding(node, f"{node.text} is no label of the pool's nodes", "a label that every node has")


@requirement(
    "LWS-20",
    why="LWS overwrites them; group-index survives and gives every group the address of one leader.",
    fix="Remove the key: LWS sets it on every pod.",
)
def test_templates_leave_reserved_keys_alone(lws: LeaderWorkerSet) -> Outcomes:
    """Labels and annotations of the pod templates MUST NOT have keys that LWS sets itself."""
    for template in lws.templates:
        for field in ("labels", "annotations"):
            for key, node in template.node.at("metadata", field).items():
                if keys.is_reserved(key):
                    yield Finding(node, f"{key} in the {template.role} template's {field}", "no key of LWS")
