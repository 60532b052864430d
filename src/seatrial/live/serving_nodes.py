"""The nodes on which the set's engine may run."""

from seatrial.live.deployed import Deployed
from seatrial.live.objects import LiveObject
from seatrial.live.resources import NODES
from seatrial.live.super_nodes import is_super_node
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.manifests.workloads import PodTemplate
from seatrial.nodes.scheduling import ABSENT, Absent, fit
from seatrial.workload.serving import GPU, groups


def serving_nodes(deployed: Deployed) -> list[LiveObject]:
    """Nodes with GPUs that a serving pod's selector and affinity accept; super nodes have no devices of their own.

    Raises CannotTell where nodes may not be read.
    """
    templates = [role.template for group in groups(deployed.manifests) for role in group.roles]
    return [
        node
        for node in deployed.view.all(NODES)
        if has_gpus(node) and not is_super_node(node) and any(accepts(template, node) for template in templates)
    ]


def accepts(template: PodTemplate, node: LiveObject) -> bool:
    """Whether the selector and the required node affinity of a template let its pods onto a node."""

    def label(key: str) -> str | Absent:
        return node.name if key == "metadata.name" else node.labels.get(key, ABSENT)

    return not fit(template, label).broken


def has_gpus(node: LiveObject) -> bool:
    try:
        return parse(node.at("status", "allocatable", GPU) or 0) > 0
    except InvalidQuantity:
        return False
