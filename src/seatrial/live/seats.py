"""Whether all pods of a set that take GPUs would find nodes: those with enough GPUs, and with enough that are free.

CPUs and memory are left to the scheduler, whose words GRP-13 passes on.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from seatrial.clusters.wanted import request
from seatrial.live.deployed import Deployed
from seatrial.live.engines import Engine, on_gpu_nodes, pods_of
from seatrial.live.live_containers import live_template
from seatrial.live.objects import LiveObject
from seatrial.live.placement import is_due, nodes
from seatrial.live.resources import PODS
from seatrial.live.room import keeps_apart
from seatrial.live.serving_nodes import gpus_of, unfit
from seatrial.live.super_nodes import is_super_node
from seatrial.live.workload_pods import workload_pods
from seatrial.workload.serving import GPU

SHARED_GPUS = "tke.cloud.tencent.com/qgpu-core"
"""What a node offers in place of whole GPUs where qGPU sharing is on."""
_SHOWN = 5

Free = dict[str, int]
"""GPUs by the name of a node."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """An engine with more pods than seats. `words` say what is wrong with the other nodes."""

    engine: Engine
    seated: int
    words: str
    young: bool
    """Whether its pods wait only since a moment ago: nodes may be coming."""

    @property
    def observed(self) -> str:
        return f"{self.engine.title}: {self.seated} of {self.engine.pods} pods have a node; {self.words}"


def too_few_nodes(deployed: Deployed) -> Iterator[Shortage]:
    """Engines whose pods do not all find a ready node, even if nobody else was there. Raises CannotTell.

    A pod that is on a ready node has found one, whatever became of the node since.
    """
    found = nodes(deployed)
    free = {name: gpus_of(node) for name, node in found.items()}
    ready = {name for name, node in found.items() if node.holds("Ready")}
    yield from _shortages(deployed, on_gpu_nodes(deployed), free, ready)


def too_few_free_gpus(deployed: Deployed, wanting: list[Engine]) -> Iterator[Shortage]:
    """Engines whose pods do not all find a node beside the pods of others. Raises CannotTell.

    A pod that is on a node has found its GPUs free; pods that are going away hold theirs no longer.
    """
    free = {name: gpus_of(node) for name, node in nodes(deployed).items()}
    own = {one.pod.uid for one in workload_pods(deployed)}
    for pod in deployed.view.all(PODS):
        node = str(pod.at("spec", "nodeName") or "")
        over = pod.deleting or pod.at("status", "phase") in ("Succeeded", "Failed")
        if node in free and pod.uid not in own and not over:
            free[node] -= int(request(live_template(pod), GPU))
    yield from _shortages(deployed, wanting, free, free)


def _shortages(
    deployed: Deployed, wanting: Iterable[Engine], free: Free, holding: Collection[str]
) -> Iterator[Shortage]:
    """Give seats to the pods that are on none of the nodes `holding` them, those first that are hardest to seat."""
    seated: Counter[Engine] = Counter()
    for engine in wanting:
        for pod in pods_of(deployed, engine):
            name = str(pod.at("spec", "nodeName") or "")
            if name in holding:
                seated[engine] += 1
                free[name] -= engine.gpus
    open_to = {
        engine: [node for node in nodes(deployed).values() if _why_not(node, engine, free[node.name]) is None]
        for engine in wanting
    }
    rivals = Counter(node.name for found in open_to.values() for node in found)
    for engine in sorted(open_to, key=lambda one: (-one.gpus, len(open_to[one]))):
        least_wanted = sorted(open_to[engine], key=lambda node: (rivals[node.name], free[node.name]))
        for node in least_wanted:
            left = engine.pods - seated[engine]
            here = min(max(left, 0), max(free[node.name], 0) // engine.gpus, _most(engine))
            seated[engine] += here
            free[node.name] -= here * engine.gpus
        if seated[engine] < engine.pods:
            words = _nodes_in_words(nodes(deployed), engine, free)
            yield Shortage(engine, seated[engine], words, _young(deployed, engine))


def _most(engine: Engine) -> int:
    """Pods of an engine that may share a node: with anti-affinity one of each group at most."""
    return engine.groups if keeps_apart(engine.template) else engine.pods


def _young(deployed: Deployed, engine: Engine) -> bool:
    waiting = [pod for pod in pods_of(deployed, engine) if not pod.at("spec", "nodeName")]
    return bool(waiting) and not any(is_due(deployed, pod) for pod in waiting)


def _why_not(node: LiveObject, engine: Engine, free: int) -> str | None:
    """Why a node is not for one more pod of an engine, in words; None where it is."""
    if is_super_node(node):
        return "stand for virtual machines"
    words = unfit(node, engine.template)
    if words is not None:
        return words
    has = gpus_of(node)
    if has < engine.gpus:
        return f"offer {has} GPUs"
    return f"have {free} of {has} GPUs free" if free < engine.gpus else None


def _nodes_in_words(there: Mapping[str, LiveObject], engine: Engine, free: Free) -> str:
    with_gpus = [node for node in there.values() if node.at("status", "capacity", GPU) and not is_super_node(node)]
    if not with_gpus:
        shared = any(node.at("status", "allocatable", SHARED_GPUS) for node in there.values())
        return f"no node has {GPU}" + (f": nodes offer {SHARED_GPUS} instead" if shared else "")
    reasons = Counter(_why_not(node, engine, free[node.name]) or "are free" for node in with_gpus)
    shown = ", ".join(f"{number} {words}" for words, number in reasons.most_common(_SHOWN))
    return f"of {len(with_gpus)} GPU nodes {shown}"
