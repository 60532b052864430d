"""How nodes differ from each other in what their kubelets report: operating system, kernel, runtime, GPU driver."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from seatrial.live.objects import LiveObject

# Labels of GPU feature discovery, newer and older. Source: NVIDIA/k8s-device-plugin, docs/gpu-feature-discovery.
_DRIVER = "nvidia.com/cuda.driver-version.full"
_DRIVER_PARTS = tuple(f"nvidia.com/cuda.driver.{part}" for part in ("major", "minor", "rev"))
_SHOWN = 3


def driver(node: LiveObject) -> str:
    """The version of the GPU driver, empty where no label tells it."""
    parts = [node.labels[key] for key in _DRIVER_PARTS if key in node.labels]
    return node.labels.get(_DRIVER) or ".".join(parts)


def _reported(field: str) -> Callable[[LiveObject], str]:
    return lambda node: str(node.at("status", "nodeInfo", field) or "")


_FIELDS: dict[str, Callable[[LiveObject], str]] = {
    "operating system": _reported("osImage"),
    "kernel": _reported("kernelVersion"),
    "runtime": _reported("containerRuntimeVersion"),
    "GPU driver": driver,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Nodes that have something else than most have; `node` is the first of them."""

    node: LiveObject
    observed: str
    expected: str


def differences(nodes: Sequence[LiveObject]) -> Iterator[Difference]:
    """What nodes have that most others have not. Nodes that do not tell are left out."""
    for what, read in _FIELDS.items():
        having: dict[str, list[LiveObject]] = {}
        for node in nodes:
            if read(node):
                having.setdefault(read(node), []).append(node)
        usual, *others = sorted(having.items(), key=lambda one: -len(one[1])) or [("", [])]
        for value, found in others:
            names = ", ".join(node.name for node in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            yield Difference(found[0], f"{what} {value} on {names}{more}", f"{usual[0]}, as on {len(usual[1])} others")
