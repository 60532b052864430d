"""Super nodes among a cluster's nodes: each of their pods is a virtual machine, and no DaemonSet runs there."""

from seatrial.knowledge import super_nodes
from seatrial.live.objects import LiveObject
from seatrial.nodes.scheduling import INSTANCE_TYPE_KEYS


def is_super_node(node: LiveObject) -> bool:
    """Whether its labels or its name say so (Tencent Cloud document 457/74014)."""
    named = node.name.startswith(f"{super_nodes.INSTANCE_TYPE}-")
    return named or any(node.labels.get(key) == super_nodes.INSTANCE_TYPE for key in INSTANCE_TYPE_KEYS)
