"""In which zone and region a node is, as its labels tell.

Source: labels of TKE nodes in public repositories: regions are short codes, zones numbers, and the name that people
know (`ap-guangzhou-6`) stands in a label of the CBS driver, on super nodes in one of their own.
"""

from collections.abc import Iterable

from seatrial.knowledge import regions
from seatrial.knowledge.regions import Region
from seatrial.live.deployed import Deployed
from seatrial.live.objects import LiveObject
from seatrial.live.serving_nodes import need_serving_nodes, nodes_in_use, serving_nodes
from seatrial.live.super_nodes import is_super_node

ZONE = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_REGION = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
_NAMES = ("topology.com.tencent.cloud.csi.cbs/zone", "eks.tke.cloud.tencent.com/zone-name")
LABELS = f"label {ZONE[0]} on the nodes"
NAME_LABELS = f"label {_NAMES[0]} on the nodes"


def zone(node: LiveObject) -> str | None:
    """The zone as the scheduler sees it; a code, to be compared and nothing else."""
    return _first(node, ZONE)


def zone_name(node: LiveObject) -> str | None:
    """The zone as the console calls it."""
    return _first(node, _NAMES)


def region_word(node: LiveObject) -> str | None:
    """What the node's labels say of its region: a name where they hold one, else a code."""
    name = zone_name(node)
    known = regions.region_of_zone(name) if name else None
    return known.name if known is not None else _first(node, _REGION)


def region(node: LiveObject) -> Region | None:
    """The region, None where it is not labelled or not known."""
    word = region_word(node)
    return regions.region(word) if word else None


def _first(node: LiveObject, keys: Iterable[str]) -> str | None:
    return next((node.labels[key] for key in keys if node.labels.get(key)), None)


def all_nodes(deployed: Deployed) -> list[LiveObject]:
    """Nodes with GPUs on which the set's pods are or may come to be, and the super nodes on which they are.

    Raises NotApplicable where no pod takes GPUs, Blocked or CannotTell where there is no such node yet.
    """
    there = {node.name: node for node in serving_nodes(deployed)}
    if not there:
        there = {node.name: node for node in nodes_in_use(deployed) if is_super_node(node)}
    return [*there.values()] or need_serving_nodes(deployed)


def by_zone(nodes: Iterable[LiveObject]) -> dict[str | None, list[LiveObject]]:
    """Nodes by their zone, None for those that do not tell it; the zone with most of them first."""
    found: dict[str | None, list[LiveObject]] = {}
    for node in nodes:
        found.setdefault(zone(node), []).append(node)
    return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0] or "")))
