"""Whether a deployment expects RDMA between its nodes."""

from seatrial.live.deployed import Deployed
from seatrial.nodes import rdma
from seatrial.workload.serving import Role, groups


def expects_rdma(deployed: Deployed) -> bool:
    """Whether pods of several run on instance types with RDMA, or are given its devices, and NCCL may use them."""
    return deployed.once(_expects)


def _expects(deployed: Deployed) -> bool:
    roles = [role for group in groups(deployed.manifests) if group.size > 1 for role in group.roles]
    return any(_expected_by(role) for role in roles)


def _expected_by(role: Role) -> bool:
    declared = rdma.hcc_type(role) is not None or rdma.has_device_path(role) or rdma.rdma_resource(role) is not None
    return declared and not rdma.is_switched_off(role)
