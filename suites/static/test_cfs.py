"""CFS: facts of the CFS-Turbo add-on and instance."""

import re

from seatrial.finding import Finding, NotApplicable
from seatrial.knowledge import transfers
from seatrial.manifest_set import ManifestSet
from seatrial.requirement import Outcomes, requirement
from seatrial.storage import model
from seatrial.storage.cfs import cfs_fact, turbo_volumes
from seatrial.storage.storage_classes import EXAMPLES
from seatrial.workload.probes import startup_budget
from seatrial.workload.serving import Role

ADD_ON = "CFSTurbo"
SMALLEST_TIB = {"high-performance": 20, "standard": 40}
MARGIN = 1.2
FORMS = {"fsid": re.compile(r"[0-9a-f]{8}"), "host": re.compile(r"\d{1,3}(\.\d{1,3}){3}")}


@requirement(
    "CFS-01",
    why="Without its CSI driver claims stay Pending and mounts fail.",
    fix="Install the add-on CFSTurbo in the cluster's add-on page.",
)
def test_add_on_is_installed(deployment: ManifestSet) -> Outcomes:
    """The CFSTurbo add-on MUST be installed."""
    installed = cfs_fact(deployment, "cluster.addons")
    if ADD_ON.casefold() not in (name.casefold() for name in installed):
        yield Finding(deployment.target.place("cluster.addons"), ", ".join(installed) or "no add-on", ADD_ON)


@requirement(
    "CFS-02",
    why="Ordinary CFS is too slow and has another driver.",
    fix="Create a file system of the Turbo series.",
)
def test_file_system_is_turbo(deployment: ManifestSet) -> Outcomes:
    """The file system MUST be of the Turbo series."""
    series = cfs_fact(deployment, "cfs.series")
    if series != "turbo":
        yield Finding(deployment.target.place("cfs.series"), f"series {series}", "turbo")


@requirement(
    "CFS-03",
    why="Bandwidth grows with capacity, and less than the minimum is a typing error.",
    fix="Order at least 20 TiB (high performance) or 40 TiB (standard).",
    source="Tencent Cloud document 582/9135",
)
def test_capacity_reaches_the_minimum(deployment: ManifestSet) -> Outcomes:
    """The instance SHOULD have at least the product's minimum capacity."""
    capacity = cfs_fact(deployment, "cfs.capacity_tib")
    if min(SMALLEST_TIB.values()) <= capacity < max(SMALLEST_TIB.values()):
        smallest = SMALLEST_TIB[cfs_fact(deployment, "cfs.tier")]
    else:
        smallest = SMALLEST_TIB.get(str(deployment.target.get("cfs.tier")), min(SMALLEST_TIB.values()))
    if capacity < smallest:
        yield Finding(deployment.target.place("cfs.capacity_tib"), f"{capacity:g} TiB", f"{smallest} TiB or more")


@requirement(
    "CFS-04",
    why="A file system of another region cannot be mounted.",
    fix="Create the instance in the cluster's region.",
)
def test_instance_is_in_the_region(deployment: ManifestSet) -> Outcomes:
    """The instance MUST be in the cluster's region."""
    region, wanted = cfs_fact(deployment, "cfs.region"), cfs_fact(deployment, "cluster.region")
    if region != wanted:
        yield Finding(deployment.target.place("cfs.region"), region, f"{wanted}, the cluster's region")


@requirement(
    "CFS-05",
    why="Every read crosses zones: more latency, less throughput.",
    fix="Create the instance in the zone of the GPU pool.",
)
def test_instance_is_in_the_zone(deployment: ManifestSet) -> Outcomes:
    """The instance SHOULD be in the GPU pool's zone."""
    yield from _in_pool_zone(deployment, "cfs.zone")


def _in_pool_zone(deployment: ManifestSet, fact: str) -> Outcomes:
    zone, zones = cfs_fact(deployment, fact), cfs_fact(deployment, "pool.subnets[].zone")
    if zone not in zones:
        shown = ", ".join(dict.fromkeys(zones))
        yield Finding(deployment.target.place(fact), zone, f"{shown}, the zone of the GPU pool")


@requirement(
    "CFS-06",
    why="The mount times out.",
    fix="Choose the cluster's VPC, or a cloud network that the VPC is attached to.",
)
def test_instance_is_reachable(deployment: ManifestSet) -> Outcomes:
    """The instance MUST be reachable from the cluster's VPC."""
    target = deployment.target
    if cfs_fact(deployment, "cfs.network") == "vpc":
        own, wanted = target.need("cfs.vpc"), target.need("cluster.vpc")
        if own != wanted:
            yield Finding(target.place("cfs.vpc"), own, f"{wanted}, the cluster's VPC")
        return
    network, attached = target.need("cfs.ccn"), target.need("cluster.ccns")
    if network not in attached:
        shown = ", ".join(attached) or "none"
        yield Finding(target.place("cfs.ccn"), network, f"a cloud network of the cluster's VPC: {shown}")


@requirement(
    "CFS-07",
    why="Every read crosses zones: more latency, less throughput.",
    fix="Choose a subnet in the zone of the GPU pool for the mount point.",
)
def test_mount_point_is_in_the_zone(deployment: ManifestSet) -> Outcomes:
    """With a VPC network the instance's subnet SHOULD be in the GPU pool's zone."""
    if cfs_fact(deployment, "cfs.network") == "ccn":
        raise NotApplicable("the instance is in a cloud network, not in a subnet")
    yield from _in_pool_zone(deployment, "cfs.subnet_zone")


@requirement(
    "CFS-08",
    why="The pods mount another file system, or none.",
    fix="Copy fsid and host from the page of the mount point.",
)
def test_manifests_name_the_instance(deployment: ManifestSet) -> Outcomes:
    """The StorageClass MUST name the instance that the facts describe.

    So does a static PersistentVolume, the only kind that super nodes mount. STO-05, STO-06, STO-12 and STO-13 judge
    values that no instance has.
    """
    found = list(turbo_volumes(deployment))
    if not found:
        raise NotApplicable("no object of the set names a CFS-Turbo instance")
    for field, form in FORMS.items():
        given = [parameters[field] for _, parameters in found if parameters[field].raw is not None]
        wanted = str(deployment.target.need(f"cfs.{field}")) if given else ""
        for node in given:
            if node.text not in (wanted, EXAMPLES[field]) and form.fullmatch(node.text or ""):
                yield Finding(node, f"{field} {node.text}", f"{wanted}, as seatrial.toml states")


@requirement(
    "CFS-09",
    why="Slow storage ends in probe kills: the group never comes up.",
    fix="Raise the startupProbe's failureThreshold, or take a file system that reads faster.",
    source="sglang#3368",
)
def test_loading_fits_the_startup_budget(role: Role) -> Outcomes:
    """The expected load time SHOULD be within the start-up budget.

    ARG-08 holds the time-out of collectives against the same load time.
    """
    rate = cfs_fact(role.manifests, "cfs.read_gb_s")
    limit = startup_budget(role)
    if limit is None:
        raise NotApplicable(f"no probe ends the start of the {role.name}")
    expected = MARGIN * transfers.read_seconds(model.served(role.group).checkpoint.file_bytes, float(rate))
    if expected > limit.budget_s:
        seen = f"{limit.kind} gives the {role.name} {limit.budget_s} s"
        yield Finding(limit.node["failureThreshold"], seen, f"at least {expected:.0f} s at {rate:g} GB/s")
