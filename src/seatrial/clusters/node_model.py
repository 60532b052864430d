"""What the nodes of one batch have in common: a template with the target's facts written into it."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from seatrial.clusters.node_templates import CSI_IDS, GPU, Node, NodeTemplate, fill
from seatrial.clusters.pool_shape import Size
from seatrial.knowledge import nodes as known_nodes
from seatrial.knowledge import reservations, versions
from seatrial.nodes.scheduling import INSTANCE_TYPE, INSTANCE_TYPE_KEYS
from seatrial.target.fact_types import Taint

MEMORY_SHARE = Fraction(984, 1000)
"""Capacity of nominal memory, assumed: dumps of large nodes are missing, small ones lose more."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is written into a template; None and empty leave what the file says.

    `kubelet` is a release (`v1.34.1-tke.8`), `os` as the console names it, `disk_gb` of the system disk, `devices`
    further extended resources, `drivers` the CSI drivers that register on the node.
    """

    size: Size | None = None
    kubelet: str | None = None
    os: str | None = None
    disk_gb: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    devices: Mapping[str, int] = field(default_factory=dict)
    drivers: tuple[str, ...] = ()


def model(template: NodeTemplate, look: Look) -> Node:
    """A copy of the template's node with this look. The words of single nodes are still to be filled in."""
    node: Node = fill(template.node, {})
    if look.kubelet is not None and template.kind != "super":  # a super node's kubelet has versions of its own
        node["status"]["nodeInfo"] |= dict.fromkeys(("kubeletVersion", "kubeProxyVersion"), look.kubelet)
    if look.size is not None:
        _write_size(node, look.size)
    if look.disk_gb is not None:
        _write_disk(node["status"], look.disk_gb)
    if look.os is not None:
        _write_system(node, look.os)
    for place in ("capacity", "allocatable"):
        node["status"][place] |= {name: str(number) for name, number in look.devices.items()}
    _write_labels(node["metadata"]["labels"], look.labels)
    _write_taints(node["spec"], look.taints)
    if look.drivers:
        _write_drivers(node["metadata"], look.drivers)
    return node


def _write_size(node: Node, size: Size) -> None:
    labels, status = node["metadata"]["labels"], node["status"]
    if size.instance_type is not None:
        labels |= dict.fromkeys(INSTANCE_TYPE_KEYS, size.instance_type)
    for key, number in (("cpu", size.vcpu), ("memory", size.memory_gb)):
        label = f"node.tke.cloud.tencent.com/{key}"
        labels |= {label: str(number)} if label in labels else {}
    version = versions.parse(status["nodeInfo"]["kubeletVersion"])
    capacity = round(size.memory_gb * MEMORY_SHARE)
    kept = reservations.memory_gib(size.memory_gb) + Fraction(reservations.EVICTION_MIB, 1024)
    cpu = size.vcpu - reservations.cpu(size.vcpu, version.minor if version else reservations.CPU_RULE_SINCE)
    status["capacity"] |= {"cpu": str(size.vcpu), "memory": f"{capacity}Gi"}
    status["allocatable"] |= {"cpu": f"{math.floor(cpu * 1000)}m", "memory": f"{math.floor(capacity - kept)}Gi"}
    for place in (status["capacity"], status["allocatable"]):
        place |= {GPU: str(size.gpus)} if size.gpus or GPU in place else {}


def _write_disk(status: dict[str, Any], disk_gb: float) -> None:
    kib = int(disk_gb * 2**20)
    status["capacity"]["ephemeral-storage"] = f"{kib}Ki"
    status["allocatable"]["ephemeral-storage"] = str(int(kib * 1024 * reservations.DISK_SHARE))


def _write_system(node: Node, name: str) -> None:
    """The operating system: under the name that its kubelet reports where that is known, else under the stated one."""
    info, labels = node["status"]["nodeInfo"], node["metadata"]["labels"]
    if known_nodes.operating_system(name) != known_nodes.operating_system(info["osImage"]):
        info["osImage"] = name
    tencent = re.search(r"tencentos\D*(\d)", name.casefold())
    if tencent is not None and "os" in labels:
        labels["os"] = f"tencentos{tencent[1]}"


def _write_labels(labels: dict[str, str], stated: Mapping[str, str]) -> None:
    labels |= stated
    if INSTANCE_TYPE in stated:
        labels |= dict.fromkeys(INSTANCE_TYPE_KEYS, stated[INSTANCE_TYPE])


def _write_taints(spec: dict[str, Any], stated: Iterable[Taint]) -> None:
    """The stated taints beside those of the template."""
    added = [
        {"key": taint.key, "effect": taint.effect} | ({"value": taint.value} if taint.value else {}) for taint in stated
    ]
    of_template = [taint for taint in spec.get("taints", ()) if taint["key"] not in {one["key"] for one in added}]
    if of_template or added:
        spec["taints"] = [*of_template, *added]


def _write_drivers(metadata: dict[str, Any], drivers: Iterable[str]) -> None:
    """What CSI drivers call the node: its instance where the template says so, else its name."""
    of_template = json.loads(metadata["annotations"].get(CSI_IDS, "{}"))
    ids = {driver: of_template.get(driver, metadata["name"]) for driver in drivers}
    metadata["annotations"][CSI_IDS] = json.dumps(ids, separators=(",", ":"))
