"""RDM: RDMA."""

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.nodes import rdma
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.engine_variables import engine_variable
from seatrial.workload.serving import Role

GID_INDEX = "NCCL_IB_GID_INDEX"


def _need_hcc(role: Role) -> str:
    """The HCC type of the role's nodes. Raises NotApplicable for others, and where RDMA plays no part."""
    rdma.need_several_pods(role)
    name = rdma.hcc_type(role)
    if name is None:
        raise NotApplicable("no instance type HCC... is named")
    if rdma.is_switched_off(role):
        raise NotApplicable("NCCL_IB_DISABLE switches RDMA off")
    return name


@requirement(
    "RDM-01",
    why="The RDMA interfaces are the node's: NCCL does not find them in a pod network and falls back to TCP.",
    fix="Set hostNetwork: true and dnsPolicy: ClusterFirstWithHostNet in leader and worker.",
    source="imroc/tke-guide: SGLang DeepSeek-R1 guide",
)
def test_hcc_pods_use_the_host_network(role: Role) -> Outcomes:
    """Pods on HCC instance types SHOULD use the host network."""
    name = _need_hcc(role)
    node = role.template.spec["hostNetwork"]
    if node.boolean is not True:
        yield Finding(node, f"the {role.name} on {name} has its own network", "hostNetwork: true")


@requirement(
    "RDM-02",
    why="Without a path to the devices NCCL falls back to TCP silently.",
    fix="Make the container privileged and mount /dev/infiniband, or ask for an rdma/... resource and add IPC_LOCK.",
    source=("sglang#11959", "sglang#4289"),
)
def test_hcc_pods_reach_the_devices(role: Role) -> Outcomes:
    """Pods on HCC instance types SHOULD have a device path for RDMA."""
    name = _need_hcc(role)
    if not rdma.has_device_path(role):
        mounted, resource = rdma.mounts_devices(role), rdma.rdma_resource(role)
        seen = (
            f"{rdma.DEVICES} without privileged" if mounted else f"{resource} without IPC_LOCK" if resource else "none"
        )
        place = role.container["securityContext"]
        expected = f"privileged with {rdma.DEVICES}, or an rdma/... resource with IPC_LOCK"
        yield Finding(
            place if place.exists else role.container, f"device path of the {role.name} on {name}: {seen}", expected
        )


@requirement(
    "RDM-03",
    why="A wrong GID index fails or hangs in pods, whose devices list other indices than the node's.",
    fix="Set NCCL_IB_GID_INDEX in leader and worker; 3 is usual for RoCE v2, `show_gids` on a node tells.",
    source=("nccl#426", "nccl#1573"),
)
def test_roce_pods_set_the_gid_index(role: Role) -> Outcomes:
    """Pods that use RoCE SHOULD set `NCCL_IB_GID_INDEX`."""
    rdma.need_several_pods(role)
    devices = rdma.mounts_devices(role) or rdma.rdma_resource(role) is not None
    available = rdma.has_rdma(role)
    if rdma.is_switched_off(role) or (available is False and not devices):
        raise NotApplicable("the group uses no RDMA")
    index = engine_variable(role, GID_INDEX)
    if index is not None and index.certain:
        return
    if index is not None:
        yield CannotTell(f"whether {role.title} sets {GID_INDEX}", "a literal value in the manifest")
    elif rdma.hcc_type(role):
        yield Finding(role.container["env"], f"the {role.name} does not set {GID_INDEX}", f"{GID_INDEX}, for example 3")
    else:
        yield CannotTell(
            f"whether the nodes of {role.title} are connected by RoCE",
            f"NCCL_IB_DISABLE=1 or {GID_INDEX} in the manifests, or seatrial.toml: [pool] instance_type",
        )
