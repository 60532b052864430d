"""Templates of nodes: fixtures/nodes/*.yaml, one file per kind of node, and how their words are filled in."""

from dataclasses import dataclass
from functools import cache
from string import Template
from typing import Any

import yaml

from seatrial import shipped
from seatrial.knowledge import instances, super_nodes
from seatrial.manifests.quantity import parse
from seatrial.nodes.scheduling import INSTANCE_TYPE

NATIVE_LABEL = "node.tke.cloud.tencent.com/machineset"
REGULAR_LABEL = "tke.cloud.tencent.com/nodepool-id"
GPU = "nvidia.com/gpu"
CSI_IDS = "csi.volume.kubernetes.io/nodeid"
"""Annotation with the names that CSI drivers give a node, as a JSON object by driver."""

Node = dict[str, Any]
"""A Node object of the API."""


@dataclass(frozen=True, slots=True)
class NodeTemplate:
    """A Node with words such as `$ip` in it.

    `kind` is native, regular or super, as the target's `pool.type`, or other for a node outside TKE.
    """

    name: str
    kind: str
    node: Node

    @property
    def instance_type(self) -> str | None:
        """The instance type that the file describes; None outside TKE."""
        labels: dict[str, str] = self.node["metadata"]["labels"]
        return labels.get(INSTANCE_TYPE)

    @property
    def gpus(self) -> int:
        """GPUs of the node that the file describes."""
        return int(self.node["status"]["capacity"].get(GPU, 0))

    @property
    def vcpu(self) -> int:
        """CPUs of the node that the file describes."""
        return int(self.node["status"]["capacity"]["cpu"])

    @property
    def memory_gib(self) -> int:
        """Memory of the node that the file describes."""
        return int(parse(self.node["status"]["capacity"]["memory"]) / 2**30)


@cache
def templates() -> tuple[NodeTemplate, ...]:
    """All that ship, by name. Callers must not change their nodes."""
    paths = sorted((shipped.fixtures() / "nodes").glob("*.yaml"))
    return tuple(_read(path.stem, path.read_text("utf-8")) for path in paths)


def _read(name: str, text: str) -> NodeTemplate:
    node = yaml.safe_load(text)
    return NodeTemplate(name, _kind(node["metadata"]["labels"]), node)


def _kind(labels: dict[str, str]) -> str:
    if labels.get(INSTANCE_TYPE) == super_nodes.INSTANCE_TYPE:
        return "super"
    if NATIVE_LABEL in labels:
        return "native"
    return "regular" if REGULAR_LABEL in labels else "other"


def closest(kind: str, instance_type: str | None, gpus: int) -> NodeTemplate:
    """The template of that kind that is most like an instance type: its family, then RDMA, then its GPU.

    `gpus` decides between nodes with and without GPUs, and nothing else.
    """
    asked = instance_type or ""
    candidates = [one for one in templates() if one.kind == kind and (kind == "super" or bool(one.gpus) == bool(gpus))]
    if not candidates:  # no native node without GPUs is described: the regular one stands for it
        return closest("regular", instance_type, gpus)
    return max(candidates, key=lambda one: [_facts(one.instance_type or "")[i] == _facts(asked)[i] for i in range(3)])


def _facts(instance_type: str) -> tuple[str, bool, str | None]:
    family = instance_type.partition(".")[0].casefold()
    return family, bool(instances.has_rdma(instance_type)), instances.gpu_name(instance_type)


def fill(value: Any, words: dict[str, str]) -> Any:
    """A copy of a template, or of a part of it, with these words filled in. Others stay as they are."""
    if isinstance(value, str):
        return Template(value).safe_substitute(words) if "$" in value else value
    if isinstance(value, dict):
        return {key: fill(item, words) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, words) for item in value]
    return value
