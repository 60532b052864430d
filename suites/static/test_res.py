"""RES: resource requests and limits, capacity."""

import math
from collections.abc import Iterator
from fractions import Fraction

from seatrial.finding import Finding, NotApplicable
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.quantity import InvalidQuantity, parse
from seatrial.nodes.capacity import needs
from seatrial.nodes.hardware import OTHER_MAKERS, need_gpus_per_node, on_super_node
from seatrial.nodes.super_pods import asks_for_gpus
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.serving import GPU, Role, groups

WHY_REFUSED = "The API server refuses the pod: GPUs are neither overcommitted nor divided."


@requirement(
    "RES-01",
    why="The pod gets no GPU.",
    fix="Set resources.limits nvidia.com/gpu in the container that runs SGLang.",
)
def test_serving_containers_have_gpus(role: Role) -> Outcomes:
    """Leader and worker MUST have `nvidia.com/gpu` in limits."""
    _need_nvidia(role)
    if not role.gpu_limit.exists:
        yield Finding(role.gpu_limit, f"no {GPU} in the limits of the {role.name}", f"limits.{GPU}")


def _need_nvidia(role: Role) -> None:
    """Raises NotApplicable where the accelerator is another maker's, or comes by a ResourceClaim."""
    if role.gpu_limit.exists:
        return
    resources = role.container["resources"]
    other = next((name for name in resources["limits"].mapping if str(name).startswith(OTHER_MAKERS)), None)
    if other:
        raise NotApplicable(f"the {role.name} asks for {other}")
    if any(resources["claims"]):
        raise NotApplicable(f"the {role.name} gets devices by a ResourceClaim")
    if role.value("device", "cuda") != "cuda":
        raise NotApplicable(f"--device {role.value('device')}")


def _gpu_containers(deployment: ManifestSet) -> list[Node]:
    """Every container that asks for GPUs. Raises NotApplicable when there is none."""
    found = [
        container
        for template in deployment.pod_templates
        for container in template.all_containers
        if asks_for_gpus(container)
    ]
    if not found:
        raise NotApplicable(f"no container of the set asks for {GPU}")
    return found


def _quantity(node: Node) -> Fraction | None:
    try:
        return parse(node.raw)
    except InvalidQuantity:
        return None


@requirement("RES-02", why=WHY_REFUSED, fix="Leave nvidia.com/gpu out of requests.", source="k8s: Schedule GPUs")
def test_gpu_requests_equal_limits(deployment: ManifestSet) -> Outcomes:
    """GPU requests MUST be absent or equal to GPU limits."""
    for container in _gpu_containers(deployment):
        request, limit = (container.at("resources", field, GPU) for field in ("requests", "limits"))
        if request.raw is not None and (limit.raw is None or _quantity(request) != _quantity(limit)):
            yield Finding(request, f"{GPU} requests {request.raw}, limits {limit.raw or 'none'}", "the same number")


@requirement("RES-03", why=WHY_REFUSED, fix="Write the number of GPUs, for example 8.", source="k8s: Schedule GPUs")
def test_gpu_quantities_are_whole(deployment: ManifestSet) -> Outcomes:
    """A GPU quantity MUST be a whole positive number.

    None at all is a legal number, but no engine runs on it.
    """
    engines = {role.container.path for group in groups(deployment) for role in group.roles}
    for container in _gpu_containers(deployment):
        for node in (container.at("resources", field, GPU) for field in ("limits", "requests")):
            least = 1 if container.path in engines else 0
            if node.exists and not _is_whole(node, least):
                yield Finding(node, f"{GPU}: {node.raw}", f"a whole number of GPUs, {least} or more")


def _is_whole(node: Node, least: int) -> bool:
    number = _quantity(node)
    return number is not None and number >= least and number.denominator == 1


@requirement(
    "RES-04",
    why="Without a limit shared memory and page cache grow until the node has no memory left.",
    fix="Set resources.limits.memory, about the node's memory less what the system keeps.",
)
def test_serving_containers_have_a_memory_limit(role: Role) -> Outcomes:
    """Serving containers SHOULD have a memory limit."""
    if not any(node.raw is not None for node in _memory(role, "limits")):
        yield Finding(role.container.at("resources", "limits", "memory"), "no memory limit", "limits.memory")


def _memory(role: Role, field: str) -> Iterator[Node]:
    """Where memory can stand: at the container, or at the pod as a whole."""
    for owner in (role.container, role.template.spec):
        yield owner.at("resources", field, "memory")


@requirement(
    "RES-05",
    why="No node can ever take the pod: it stays Pending.",
    fix="Ask for the GPUs that one node has, and set the group's size accordingly.",
    source=("Tencent Cloud document 560/19700", "Tencent Cloud document 457/39808"),
)
def test_pods_ask_for_no_more_gpus_than_a_node_has(role: Role) -> Outcomes:
    """A pod MUST NOT ask for more GPUs than the instance type has."""
    wanted, largest = _wanted(role), need_gpus_per_node(role)[-1]
    if wanted > largest:
        node = "pod on super nodes" if on_super_node(role) else "node"
        yield Finding(role.gpu_limit, f"{wanted} GPUs", f"{largest}, the most that a {node} has")


def _wanted(role: Role) -> int:
    if not role.gpus:
        raise NotApplicable(f"the {role.name} asks for no whole number of GPUs (RES-01 and RES-03 judge that)")
    return role.gpus


@requirement(
    "RES-06",
    why="Groups stay Pending, and two that are placed in part can block each other.",
    fix="Lower replicas or size, or enlarge the pool.",
    source=("lws#167", "lws#407"),
)
def test_pool_has_room_for_all_groups(deployment: ManifestSet) -> Outcomes:
    """The pool MUST have enough nodes and free GPUs for all groups."""
    wanted = list(needs(deployment))
    if not wanted:
        raise NotApplicable("no group of the set takes nodes of the pool")
    target = deployment.target
    free, nodes, gpus = target.get("pool.free_gpus"), Fraction(), 0
    for need in wanted:
        gpus += need.gpus
        if free is not None and gpus > free:
            yield Finding(need.place, f"{need.title} brings the set to {gpus} GPUs", f"{free}, those that are free")
    available = target.need("pool.nodes")
    for need in wanted:
        nodes += need.nodes
        if nodes > available:
            yield Finding(
                need.place,
                f"{need.title} brings the set to {math.ceil(nodes)} nodes",
                f"{available}, those of the pool",
            )


@requirement(
    "RES-07",
    why="A node that runs out of memory while loading kills one rank, and with it the group.",
    fix="Set resources.requests.memory to what loading takes.",
    source=("sglang#5457", "sglang#5602"),
)
def test_serving_containers_request_memory(role: Role) -> Outcomes:
    """Serving containers SHOULD request memory.

    A limit without a request is one: the API server copies it.
    """
    if not any(node.raw is not None for field in ("requests", "limits") for node in _memory(role, field)):
        yield Finding(role.container.at("resources", "requests", "memory"), "no memory request", "requests.memory")


@requirement(
    "RES-08",
    why="Pods of one group, or of two, share a node and its links.",
    fix="Ask for all GPUs of a node, and take fewer nodes or a smaller instance type.",
)
def test_pods_take_all_gpus_of_their_node(role: Role) -> Outcomes:
    """A pod SHOULD take all GPUs of its node."""
    if on_super_node(role):
        raise NotApplicable("on super nodes each pod is a machine of its own")
    wanted = _wanted(role)
    larger = [count for count in need_gpus_per_node(role) if count > wanted]
    if larger:
        yield Finding(role.gpu_limit, f"{wanted} of the {larger[0]} GPUs of a node", f"all {larger[0]}")
