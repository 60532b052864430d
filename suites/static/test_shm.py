"""SHM: shared memory."""

from fractions import Fraction

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.manifests.document import Node
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.serving import Role

GIB = 2**30
SMALLEST = 8 * GIB


def _shm(role: Role) -> Node | None:
    """The volume mounted at /dev/shm; None if nothing is mounted there."""
    for mount in role.container["volumeMounts"]:
        if (mount["mountPath"].text or "").rstrip("/") == "/dev/shm":
            return role.template.volumes.get(mount["name"].text or "", mount)
    return None


def _need_shm(role: Role) -> Node:
    """The emptyDir at /dev/shm. Raises NotApplicable when nothing or another kind of volume is mounted there."""
    volume = _shm(role)
    if volume is None:
        raise NotApplicable("nothing is mounted at /dev/shm (SHM-01 judges that)")
    if volume["emptyDir"].raw is None and not volume["emptyDir"].exists:
        raise NotApplicable("the volume at /dev/shm is no emptyDir (SHM-02 judges that)")
    return volume["emptyDir"]


def _bytes(node: Node) -> Fraction | None:
    """A quantity; None where there is none that the API server would take."""
    try:
        return parse(node.raw) if node.raw is not None else None
    except InvalidQuantity:
        return None


def _need_limit(role: Role) -> tuple[Node, Fraction]:
    """The sizeLimit at /dev/shm in bytes. Raises NotApplicable without one."""
    node = _need_shm(role)["sizeLimit"]
    size = _bytes(node)
    if size is None:
        raise NotApplicable("no sizeLimit at /dev/shm (SHM-03 judges that)")
    return node, size


@requirement(
    "SHM-01",
    why="The container default of 64 MiB ends in a bus error or NCCL failure.",
    fix="Mount an emptyDir with medium Memory at /dev/shm in leader and worker.",
    source=("sglang#4259", "nccl#290"),
)
def test_serving_pods_mount_shared_memory(role: Role) -> Outcomes:
    """Every serving pod MUST mount a volume at `/dev/shm`."""
    if _shm(role) is None:
        if role.template.spec["hostIPC"].raw is True:
            raise NotApplicable("with hostIPC the container has the node's /dev/shm")
        yield Finding(
            role.container["volumeMounts"], f"the {role.name} mounts nothing at /dev/shm", "a volume at /dev/shm"
        )


@requirement(
    "SHM-02",
    why="Otherwise shared memory goes through the node's disk.",
    fix="Write emptyDir: {medium: Memory} for the volume at /dev/shm.",
    source="Kubernetes documentation: Volumes, emptyDir",
)
def test_shared_memory_is_memory(role: Role) -> Outcomes:
    """The `/dev/shm` volume MUST be an emptyDir of medium Memory."""
    volume = _shm(role)
    if volume is None:
        raise NotApplicable("nothing is mounted at /dev/shm (SHM-01 judges that)")
    if volume["mountPath"].exists:
        raise NotApplicable("the volume at /dev/shm does not exist (STO-08 judges that)")
    source = volume["emptyDir"]
    if not source.exists:
        kinds = ", ".join(str(key) for key in volume.mapping if key != "name") or "no source"
        yield Finding(volume, f"the {role.name}'s /dev/shm is a volume of {kinds}", "emptyDir with medium Memory")
    elif source["medium"].text != "Memory":
        medium = source["medium"].text or "the node's disk, the default"
        yield Finding(source["medium"], f"the {role.name}'s /dev/shm has medium {medium}", "medium Memory")


@requirement(
    "SHM-03",
    why="An unbounded tmpfs can take the node's memory.",
    fix="Set sizeLimit in the emptyDir, for example 32Gi.",
)
def test_shared_memory_is_bounded(role: Role) -> Outcomes:
    """The `/dev/shm` volume SHOULD have a sizeLimit."""
    limit = _need_shm(role)["sizeLimit"]
    if limit.raw is None:
        yield Finding(limit, f"no sizeLimit in the {role.name}", "a sizeLimit such as 32Gi")


@requirement(
    "SHM-04",
    why="64 MiB, the default, and 1 GiB are known to end in a bus error or an NCCL failure.",
    fix="Raise sizeLimit; SGLang's examples use 32Gi.",
    source=("nccl#525", "kserve/kserve#5155"),
)
def test_shared_memory_is_large_enough(role: Role) -> Outcomes:
    """A `/dev/shm` sizeLimit SHOULD be at least 8 GiB."""
    node, size = _need_limit(role)
    if size < SMALLEST:
        yield Finding(node, f"sizeLimit {node.raw} in the {role.name}", "at least 8Gi")


@requirement(
    "SHM-05",
    why="The pages of a tmpfs are charged to the pod: the out-of-memory killer takes a rank.",
    fix="Raise the memory limit or lower the sizeLimit.",
)
def test_shared_memory_leaves_room(role: Role) -> Outcomes:
    """A `/dev/shm` sizeLimit SHOULD be at most half of the container's memory limit."""
    node, size = _need_limit(role)
    limit = role.container.at("resources", "limits", "memory")
    memory = _bytes(limit)
    if memory is None:
        raise CannotTell(f"the {role.name} has no memory limit", "set resources.limits.memory in the container")
    if size > memory / 2:
        yield Finding(node, f"sizeLimit {node.raw} in the {role.name}", f"at most half of the limit of {limit.raw}")
