"""RDMA between the nodes of a group: whether there is any, and the ways by which a pod reaches its devices."""

import re

from seatrial.finding import NotApplicable
from seatrial.knowledge import instances
from seatrial.manifests.document import Node
from seatrial.nodes.hardware import hardware, on_super_node
from seatrial.workload.serving import Role

DEVICES = "/dev/infiniband"
_NOT_ZERO = re.compile(r"\s*[-+]?0*[1-9]")  # as strtoll reads it: "true" is 0


def need_several_pods(role: Role) -> None:
    """Raises NotApplicable for a group of one pod: nothing of it leaves the node."""
    if role.group.size == 1:
        raise NotApplicable("the group is one pod")


def is_switched_off(role: Role) -> bool:
    """Whether NCCL is told to leave RDMA alone: by a number that is not 0. Source: NVIDIA/nccl, src/misc/param.cc."""
    return _NOT_ZERO.match(role.variable("NCCL_IB_DISABLE") or "") is not None


def hcc_type(role: Role) -> str | None:
    """The instance type of Tencent's high-performance clusters that the pods run on; None for any other."""
    names = [name for name, _ in hardware(role).instance_types]
    return next((name for name in names if name.upper().startswith("HCC")), None)


def has_rdma(role: Role) -> bool | None:
    """Whether the role's nodes have RDMA interfaces; None when that is not known."""
    if on_super_node(role):
        return False
    answers = {instances.has_rdma(name) for name, _ in hardware(role).instance_types}
    return answers.pop() if len(answers) == 1 else None


def has_device_path(role: Role) -> bool:
    """Whether the container may use the devices: privileged with them mounted, or an RDMA resource with IPC_LOCK."""
    context = role.container["securityContext"]
    privileged = context["privileged"].boolean is True
    locks = any(added.text in ("IPC_LOCK", "ALL") for added in context.at("capabilities", "add"))
    return (privileged and mounts_devices(role)) or (rdma_resource(role) is not None and (locks or privileged))


def mounts_devices(role: Role) -> bool:
    """Whether the node's RDMA devices, or all of its devices, are mounted."""
    mounted = [mount["name"].text for mount in role.container["volumeMounts"] if _is_devices(mount["mountPath"])]
    return any(
        volume["name"].text in mounted and _is_devices(volume.at("hostPath", "path"))
        for volume in (role.template.spec["volumes"] if mounted else ())
    )


def _is_devices(path: Node) -> bool:
    return (path.text or "").rstrip("/") in ("/dev", DEVICES)


def rdma_resource(role: Role) -> str | None:
    """The extended resource of an RDMA device plugin that the container asks for, `rdma/hca` for example."""
    limits = role.container.at("resources", "limits").mapping
    return next((name for name in limits if isinstance(name, str) and "rdma" in name), None)
