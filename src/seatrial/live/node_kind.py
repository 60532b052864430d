"""Which kind of TKE node a node is: native, regular or super.

Source: labels of TKE nodes in public repositories; Tencent Cloud document 457/45561.
"""

from seatrial.clusters.node_templates import NATIVE_LABEL, REGULAR_LABEL
from seatrial.knowledge import super_nodes
from seatrial.live.objects import LiveObject
from seatrial.live.super_nodes import is_super_node


def kinds(node: LiveObject) -> list[str]:
    """What its labels say, in the words of the fact `pool.type`; empty where they say nothing: it was added by hand."""
    if is_super_node(node) or any(key.startswith(super_nodes.PREFIX) for key in node.labels):
        return ["super"]
    by_label = {"native": NATIVE_LABEL, "regular": REGULAR_LABEL}
    return [kind for kind, label in by_label.items() if label in node.labels]
