"""DRF: drift between leader and worker."""

from collections.abc import Iterator

from seatrial.finding import Finding, NotApplicable
from seatrial.knowledge.images import reference
from seatrial.knowledge.sglang import Use
from seatrial.manifests.document import Node
from seatrial.requirement import Outcomes, requirement
from seatrial.storage import mounts
from seatrial.storage.model import model_path
from seatrial.workload.serving import Group, Role

# Flags that belong to one side: addresses, the rank, keys, and what is written to logs and metrics.
ONE_SIDED = ("host", "port", "node_rank", "api_key", "admin_api_key")
ONE_SIDED_PARTS = ("log", "metric", "bucket_")
# Fields of a volume's source that say nothing about what is in it.
_NOT_CONTENT = ("sizeLimit", "defaultMode")
COMMUNICATION = ("NCCL_", "GLOO_", "SGLANG_", "NVSHMEM_", "UCX_", "MC_")


def _both(group: Group) -> tuple[Role, Role]:
    """Leader and worker. Raises NotApplicable for a group that is one pod."""
    if group.worker is None:
        raise NotApplicable("the group has no workers")
    return group.leader, group.worker


@requirement(
    "DRF-01",
    why="Ranks that disagree about memory, shapes or parallelism hang or crash.",
    fix="Give leader and worker the same flags; only addresses, rank, keys, logs and metrics may differ.",
)
def test_flags_are_the_same(group: Group) -> Outcomes:
    """Leader and worker MUST run the same flags with the same values, apart from those that belong to one side."""
    leader, worker = _both(group)
    ours, theirs = dict(_shared(leader)), dict(_shared(worker))
    for dest in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(dest), theirs.get(dest)
        if one is None or other is None:
            has, lacks, use = (leader, worker, one) if one else (worker, leader, other)
            assert use is not None
            shown = f"{use.flag.names[0]} {_text(use)}".strip()
            yield Finding(lacks.command_place, f"the {lacks.name} lacks {shown}", f"the flags of the {has.name}")
        elif one.value != other.value:
            observed = f"{other.flag.names[0]} {_text(other)} in the worker"
            yield Finding(worker.place(dest), observed, f"{_text(one)}, as in the leader")


def _shared(role: Role) -> Iterator[tuple[str, Use]]:
    for use in role.arguments.uses:
        dest = use.flag.dest
        if dest not in ONE_SIDED and not any(part in dest for part in ONE_SIDED_PARTS):
            yield dest, use


def _text(use: Use) -> str:
    return "" if use.value is True else str(use.value)


@requirement(
    "DRF-02",
    why="Different NCCL or torch builds do not talk to each other.",
    fix="Use one image reference in both templates.",
    source="sglang#23603",
)
def test_images_are_the_same(group: Group) -> Outcomes:
    """Leader and worker MUST use the same image reference."""
    leader, worker = _both(group)
    if reference(leader.image) != reference(worker.image):
        yield Finding(worker.container["image"], worker.image or "no image", f"{leader.image}, as in the leader")


@requirement(
    "DRF-03",
    why="SGLang computes the rank layout from one number for all nodes.",
    fix="Give both templates the same nvidia.com/gpu limit.",
)
def test_gpus_are_the_same(group: Group) -> Outcomes:
    """Leader and worker MUST ask for the same number of GPUs."""
    leader, worker = _both(group)
    if leader.gpus != worker.gpus:
        yield Finding(worker.gpu_limit, f"{_gpus(worker)} in the worker", f"{_gpus(leader)}, as in the leader")


def _gpus(role: Role) -> str:
    raw = role.gpu_limit.raw
    return f"{raw} GPUs" if raw is not None else "no GPU limit"


@requirement(
    "DRF-04",
    why="One side waits for a claim that does not exist, or reads another copy of the model.",
    fix="Mount the same volume source at the same path in both templates.",
)
def test_volumes_are_the_same(group: Group) -> Outcomes:
    """Leader and worker MUST mount the same volume source at each mountPath they share."""
    leader, worker = _both(group)
    ours, theirs = _mounted(leader), _mounted(worker)
    for path, (_, source) in ours.items():
        if path in theirs and theirs[path][1] != source:
            node, other = theirs[path]
            yield Finding(node, f"{other} at {path} in the worker", f"{source}, as in the leader")
    model = model_path(leader)
    for role, other_role in ((leader, worker), (worker, leader)):
        here = mounts.mount_of(role.container, model)
        if model.startswith("/") and here is None and mounts.mount_of(other_role.container, model) is not None:
            mounted = role.container["volumeMounts"]
            yield Finding(mounted, f"the {role.name} mounts nothing at {model}", f"what the {other_role.name} mounts")


def _mounted(role: Role) -> dict[str, tuple[Node, str]]:
    """Mount path → the place to mend and what is mounted there, in words that are equal for equal sources."""
    found: dict[str, tuple[Node, str]] = {}
    volumes = mounts.volumes(role.template)
    for mount in role.container["volumeMounts"]:
        volume = volumes.get(mount["name"].text or "")
        if volume is not None and mount["mountPath"].text:
            place, source = _source(volume)
            below = mount["subPath"].text or mount["subPathExpr"].text
            found[mounts.absolute(mount["mountPath"].text)] = (place, f"{source}, {below}" if below else source)
    return found


def _source(volume: Node) -> tuple[Node, str]:
    claim = volume.at("persistentVolumeClaim", "claimName")
    if claim.text:
        return claim, f"claim {claim.text}"
    for kind, node in volume.items():
        if kind not in ("name", "metadata", "spec"):
            identity = [f"{key} {value}" for key, value in node.mapping.items() if key not in _NOT_CONTENT]
            return node, f"{kind} with {', '.join(identity)}" if identity else kind
    return volume, "emptyDir"


@requirement(
    "DRF-05",
    why="One side cannot resolve or reach the other.",
    fix="Set hostNetwork and dnsPolicy alike in both templates.",
)
def test_networks_are_the_same(group: Group) -> Outcomes:
    """Leader and worker MUST agree on `hostNetwork` and `dnsPolicy`."""
    leader, worker = _both(group)
    for field, default in (("hostNetwork", False), ("dnsPolicy", "ClusterFirst")):
        one, other = (_or(role.template.spec[field], default) for role in (leader, worker))
        if one != other:
            place = worker.template.spec[field]
            yield Finding(place, f"{field} {_yaml(other)} in the worker", f"{_yaml(one)}, as in the leader")


def _or(node: Node, default: object) -> object:
    return default if node.raw in (None, "") else node.raw


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@requirement(
    "DRF-06",
    why="Ranks pick different transports or interfaces.",
    fix="Give both templates the same NCCL, Gloo, SGLang and transport variables.",
)
def test_communication_env_is_the_same(group: Group) -> Outcomes:
    """Leader and worker SHOULD have the same communication env."""
    leader, worker = _both(group)
    ours, theirs = _communication(leader), _communication(worker)
    for name in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(name), theirs.get(name)
        if (one and _set_to(one)) != (other and _set_to(other)):
            place = other or worker.container["env"]
            yield Finding(place, f"{name} {_shown(other)} in the worker", f"{_shown(one)}, as in the leader")


def _communication(role: Role) -> dict[str, Node]:
    return {
        name: entry
        for entry in role.container["env"]
        if (name := entry["name"].text) and name.startswith(COMMUNICATION)
    }


def _set_to(entry: Node) -> object:
    return entry["value"].raw, entry["valueFrom"].raw


def _shown(entry: Node | None) -> str:
    if entry is None:
        return "is not set"
    return "comes from elsewhere" if entry["valueFrom"].raw else f"= {entry['value'].raw}"


@requirement(
    "DRF-07",
    why="The group is spread over different kinds of nodes.",
    fix="Give both templates the same nodeSelector, node affinity and tolerations.",
)
def test_placement_is_the_same(group: Group) -> Outcomes:
    """Leader and worker SHOULD have the same node selector, affinity and tolerations."""
    leader, worker = _both(group)
    for path in (("nodeSelector",), ("affinity", "nodeAffinity"), ("tolerations",)):
        one, other = (role.template.spec.at(*path) for role in (leader, worker))
        if _comparable(one) != _comparable(other):
            yield Finding(other, f"{'.'.join(path)} of the worker is another than the leader's", "the same in both")


def _comparable(node: Node) -> object:
    """Tolerations in any order mean the same; an empty field means none."""
    return sorted(map(repr, node.raw)) if isinstance(node.raw, list) else node.raw or None
