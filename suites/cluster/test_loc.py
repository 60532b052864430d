"""LOC: region and zone of the nodes under the groups."""

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.knowledge import regions
from seatrial.live import zones
from seatrial.live.deployed import Deployed
from seatrial.live.domains import domains
from seatrial.live.group import LiveGroup, Standing
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.node_names import listed
from seatrial.live.objects import LiveObject
from seatrial.live.placement import nodes
from seatrial.live.serving_nodes import need_serving_nodes
from seatrial.nodes.stock import sold_in
from seatrial.requirement import Outcomes, requirement
from seatrial.storage.cfs import cfs_fact


@requirement(
    "LOC-01",
    why="The guide found its GPU models on sale in these regions only; other models and later dates may differ.",
    fix="Choose one of these regions, or state under [stock] in seatrial.toml where your instance type is on sale.",
)
def test_region(deployed: Deployed) -> Outcomes:
    """The nodes SHOULD be in one of the regions Guangzhou, Shanghai, Nanjing, Beijing."""
    by_word: dict[str | None, list[str]] = {}
    places: dict[str | None, LiveObject] = {}
    for node in zones.all_nodes(deployed):
        word = zones.region_word(node)
        by_word.setdefault(word, []).append(node.name)
        places.setdefault(word, node)
    wanted = ", ".join(known.name for known in regions.regions().values() if known.guide)
    for word, names in by_word.items():
        known = zones.region(places[word])
        if word is None:
            yield CannotTell(f"no label of {names[0]} tells its region", zones.NAME_LABELS)
        elif known is None:
            yield CannotTell(f"region {word} of {names[0]} is not known", zones.NAME_LABELS)
        elif not known.guide and not sold_in(deployed.manifests, known.name):
            observed = f"{len(names)} nodes in {known.name}" if len(names) > 1 else known.name
            yield Finding(places[word].place("metadata", "labels"), observed, wanted)


@requirement(
    "LOC-02",
    why="Every layer of the model waits for a collective between the pods: across zones each takes milliseconds more.",
    fix="Let the set select one zone by nodeSelector or node affinity, or place each group exclusively by zone.",
    source="sglang#3398",
)
def test_group_in_one_zone(live_group: LiveGroup) -> Outcomes:
    """The pods of one group MUST run in one zone."""
    if not live_group.wanted:
        live_group.require(Standing.FORMED)
    known = nodes(live_group.lws.deployed)
    used = {pod.name: known.get(str(pod.at("spec", "nodeName") or "")) for pod in live_group.pods}
    found = zones.by_zone({node.name: node for node in used.values() if node is not None}.values())
    silent = found.pop(None, [])
    if len(found) > 1:
        shown = "; ".join(f"zone {name}: {listed(there)}" for name, there in found.items())
        pod = next(pod for pod in live_group.pods if used[pod.name] in [*found.values()][-1])
        yield Finding(pod.place("spec", "nodeName"), f"group {live_group.index} is in {shown}", "one zone")
    elif silent and len(live_group.names) > 1:
        yield CannotTell(f"no label of {listed(silent)} tells its zone", zones.LABELS)
    if not live_group.pods:
        live_group.require(Standing.READY)
    live_group.require(Standing.PLACED)


@requirement(
    "LOC-03",
    why="A pod that is scheduled anew may come to be in another zone than the rest of its group.",
    fix="Let the set select one zone by nodeSelector or node affinity, or keep the pool in one zone.",
)
def test_pool_in_one_zone(deployed: Deployed) -> Outcomes:
    """All GPU nodes that the set can use SHOULD be in one zone."""
    there = need_serving_nodes(deployed)
    sets = deployed.leader_worker_sets
    if sets and all(lws.exclusive_topology in zones.ZONE for lws in sets):
        raise NotApplicable("each group is placed in a zone of its own")
    found = zones.by_zone(there)
    silent = found.pop(None, [])
    main, *others = found.items() if found else [("", [])]
    for name, apart in others:
        place = apart[0].place("metadata", "labels", zones.ZONE[0])
        observed = f"{listed(apart)} in zone {name}, {len(main[1])} of {len(there)} nodes in zone {main[0]}"
        yield Finding(place, observed, "one zone")
    if silent and not others:
        yield CannotTell(f"no label of {listed(silent)} tells its zone", zones.LABELS)


@requirement(
    "LOC-04",
    why="Every read of the model crosses zones: more latency, less throughput.",
    fix="Create the file system in the zone of the GPU nodes, or take nodes of its zone.",
)
def test_nodes_in_the_zone_of_the_file_system(deployed: Deployed) -> Outcomes:
    """The GPU nodes SHOULD be in the zone of the CFS instance."""
    wanted = cfs_fact(deployed.manifests, "cfs.zone")
    apart: dict[str, list[LiveObject]] = {}
    for node in zones.all_nodes(deployed):
        name = zones.zone_name(node)
        if name is None:
            yield CannotTell(f"no label of {node.name} tells the name of its zone", zones.NAME_LABELS)
        elif name != wanted:
            apart.setdefault(name, []).append(node)
    for name, there in apart.items():
        yield Finding(there[0].place("metadata", "labels"), f"{listed(there)} in {name}", wanted)


@requirement(
    "LOC-05",
    why="Two groups in one domain share what the domain has once, and a torn one talks across its border.",
    fix="Delete the misplaced pods; if they come back there, see who changes their affinity or the nodes' labels.",
)
def test_exclusive_topology(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A declared exclusive topology MUST hold."""
    key = live_lws.exclusive_topology
    if not key:
        raise NotApplicable("no exclusive topology is declared")
    owners: dict[str, LiveGroup] = {}
    for found in domains(live_lws):
        group = found.group
        if found.unlabelled:
            yield CannotTell(f"{', '.join(found.unlabelled)} of group {group.index} have no label {key}", "")
        if len(found.pods) > 1:
            shown = ", ".join(f"{pod.name} in {value}" for value, pod in found.pods.items())
            place = [*found.pods.values()][-1].place("spec", "nodeName")
            yield Finding(place, f"group {group.index} is torn: {shown}", f"one value of {key}")
        for value, pod in found.pods.items():
            other = owners.setdefault(value, group)
            if other is not group:
                observed = f"groups {other.index} and {group.index} are both in {value}"
                yield Finding(pod.place("spec", "nodeName"), observed, f"a value of {key} for each group")
    live_lws.require(Standing.PLACED)
