"""NOD: node pool facts: type, operating system, disks, zone, stock, labels, taints, driver."""

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.knowledge import instances, nodes, super_nodes
from seatrial.knowledge.versions import parse
from seatrial.manifest_set import ManifestSet
from seatrial.nodes import pool
from seatrial.nodes.hardware import hardware
from seatrial.nodes.scheduling import Absent, demands, fit, tolerates
from seatrial.nodes.stock import sells, zones
from seatrial.nodes.super_pods import is_super_pod
from seatrial.requirement import Outcomes, requirement
from seatrial.target import Target
from seatrial.workload.serving import groups

GUIDE = "imroc/tke-guide: SGLang DeepSeek-R1 guide"
NATIVE_NODES = "Tencent Cloud document 457/54485"


def _real_nodes(target: Target) -> None:
    """Raises NotApplicable on super nodes: the user chooses neither their disks nor their operating system."""
    if pool.is_super(target):
        raise NotApplicable("super nodes have no disks and no operating system of the user's choice")


@requirement(
    "NOD-01",
    why="The steps of the guide know these kinds of nodes only.",
    fix="Use a pool of native or regular nodes, or super nodes.",
    source=GUIDE,
)
def test_pool_is_of_a_known_kind(deployment: ManifestSet) -> Outcomes:
    """The pool MUST consist of native, regular or super nodes."""
    kind = pool.need(deployment, "pool.type")
    if kind not in ("native", "regular", "super"):
        yield Finding(deployment.target.place("pool.type"), f"{kind} nodes", "native, regular or super nodes")


@requirement(
    "NOD-02",
    why="Old kernels lack current drivers and the client of CFS-Turbo.",
    fix="Choose TencentOS Server 3.1 (TK4) or newer, or Ubuntu 22.04 or newer.",
    source=GUIDE,
)
def test_operating_system_is_recent(deployment: ManifestSet) -> Outcomes:
    """The operating system SHOULD be a recent one."""
    _real_nodes(deployment.target)
    stated = pool.need(deployment, "pool.os")
    known = nodes.operating_system(stated)
    if known is None:
        raise CannotTell(f"whether {stated} is recent", 'seatrial.toml: [pool] os = "TencentOS Server 3.1 (TK4)"')
    if not known.recent:
        yield Finding(deployment.target.place("pool.os"), stated, "TencentOS Server 3.1 (TK4) or newer")


@requirement(
    "NOD-03",
    why="The image does not fit beside its layers, and pods are evicted.",
    fix="Give the nodes larger disks, for example 200 GB.",
    source=GUIDE,
)
def test_disks_are_larger_than_the_default(deployment: ManifestSet) -> Outcomes:
    """System and data disk MUST be larger than the 50 GB default.

    The disk that holds the images decides: the data disk, or without one the system disk.
    """
    target, default = deployment.target, nodes.disks().default_gb
    _real_nodes(target)
    disk = "data" if target.get("pool.data_disk_gb") is not None else "system"
    size = pool.need(deployment, f"pool.{disk}_disk_gb")
    if size <= default:
        yield Finding(target.place(f"pool.{disk}_disk_gb"), f"a {disk} disk of {size:g} GB", f"more than {default} GB")


@requirement(
    "NOD-04",
    why="The engine's image takes tens of GB unpacked, and logs and caches come on top.",
    fix="Give the nodes disks of 200 GB or more.",
    source=(GUIDE, NATIVE_NODES),
)
def test_disks_are_ample(deployment: ManifestSet) -> Outcomes:
    """System and data disk SHOULD be at least 200 GB."""
    target, advised = deployment.target, nodes.disks().advised_gb
    _real_nodes(target)
    for disk in ("system", "data"):
        size = target.get(f"pool.{disk}_disk_gb")
        if size is not None and size < advised:
            yield Finding(
                target.place(f"pool.{disk}_disk_gb"), f"a {disk} disk of {size:g} GB", f"{advised} GB or more"
            )
    pool.need(deployment, "pool.system_disk_gb")


@requirement(
    "NOD-05",
    why="Traffic between zones costs most of the speed of a group, or hangs it.",
    fix="Keep the GPU pool in the subnets of one zone.",
    source="sglang#3398",
)
def test_pool_is_in_one_zone(deployment: ManifestSet) -> Outcomes:
    """All subnets of the GPU pool MUST be in one zone."""
    name = "pool.subnets[].zone"
    found = sorted(set(pool.need(deployment, name)))
    if len(found) > 1:
        yield Finding(deployment.target.place(name), f"subnets in {', '.join(found)}", "subnets of one zone")


@requirement(
    "NOD-06",
    why="The pool stays empty.",
    fix="Choose a zone that sells the instance type, or another type.",
    source=GUIDE,
)
def test_zone_sells_the_instance_type(deployment: ManifestSet) -> Outcomes:
    """The zone SHOULD have the instance type on sale."""
    target = deployment.target
    if pool.is_super(target):
        raise NotApplicable("super nodes are not sold by instance type")
    name = pool.need(deployment, "pool.instance_type")
    for zone in sorted(set(pool.need(deployment, "pool.subnets[].zone"))):
        types = zones(deployment).get(zone)
        if types is None:
            yield CannotTell(f"what zone {zone} has on sale", f'seatrial.toml: [stock] {zone} = ["{name}"]')
        elif not sells(types, name):
            yield Finding(target.place(f"stock.{zone}"), ", ".join(types) or "nothing on sale", f"{name} in {zone}")


@requirement(
    "NOD-07",
    why="The node does not boot.",
    fix="Choose an image with UEFI, or a smaller system disk.",
    source="imroc/tke-guide: SGLang DeepSeek-R1 guide, FAQ",
)
def test_huge_system_disk_boots_with_uefi(deployment: ManifestSet) -> Outcomes:
    """A system disk above 2 TB MUST go with a UEFI image."""
    target, limit = deployment.target, nodes.disks().uefi_above_gb
    _real_nodes(target)
    size = pool.need(deployment, "pool.system_disk_gb")
    if size <= limit:
        raise NotApplicable("the system disk is not above 2 TB")
    system = pool.need(deployment, "pool.os")
    if "uefi" not in system.casefold():
        yield Finding(target.place("pool.os"), f"{system} on a system disk of {size:,g} GB", "a UEFI image")


@requirement(
    "NOD-08",
    why="The nodes have no GPU, or none whose memory and capability can be judged.",
    fix="Choose an instance type with GPUs, for example PNV6.32XLARGE1280.",
    source="Tencent Cloud document 560/19700",
)
def test_instance_type_has_a_known_gpu(deployment: ManifestSet) -> Outcomes:
    """The pool's instance type MUST be a GPU type with a known GPU."""
    if pool.is_super(deployment.target):
        raise NotApplicable("super nodes have no instance type with GPUs (TKE-07 judges theirs)")
    roles = [role for group in groups(deployment) for role in group.roles]
    stated = deployment.target.get("pool.instance_type")
    types = {name: place for role in roles for name, place in hardware(role).instance_types}
    if stated is not None:
        types = {stated: deployment.target.place("pool.instance_type")}
    elif not types:
        pool.need(deployment, "pool.instance_type")
    for name, place in types.items():
        if instances.has_no_gpu(name):
            yield Finding(place, f"instance type {name} has no GPU", "a GPU type")
        elif instances.gpu_name(name) is None:
            yield CannotTell(f"which GPU instance type {name} has", 'seatrial.toml: [pool] gpu_model = "H20-96"')


@requirement(
    "NOD-09",
    why="No node accepts the pods: they stay Pending for ever, and a DaemonSet makes none.",
    fix="Ask for labels that the nodes have; TKE labels GPU nodes nvidia-device-enable=enable.",
    source=("labels of TKE nodes in public repositories", "k8s: Assigning Pods to Nodes"),
)
def test_selectors_match_the_pool(deployment: ManifestSet) -> Outcomes:
    """The templates' node selectors and required affinities MUST match the pool's labels."""
    choosy = [template for template in pool.pods(deployment) if demands(template)]
    if not choosy:
        raise NotApplicable("no pod for the GPU pool selects its nodes")
    target = deployment.target
    labels = pool.labels(target)
    for template in choosy:
        found = fit(template, labels)
        for demand in found.broken:
            value = labels(demand.key)
            expected = (
                f"{demand.key}={value}"
                if not isinstance(value, Absent)
                else f"a label that the pool has, not {demand.key}"
            )
            yield Finding(demand.place, f"{template.title} asks for {demand}", expected)
        if found.unknown and not found.broken:
            key = found.unknown[0].key
            if target.get("pool.labels") is None:
                pool.need(deployment, "pool.labels")
            yield CannotTell(f"the value of the pool's label {key}", f'seatrial.toml: [pool.labels] "{key}" = "..."')


@requirement(
    "NOD-10",
    why="No node of the pool accepts the pods: they stay Pending for ever.",
    fix="Add a toleration with the taint's key, or operator Exists, to the pod template.",
    source="k8s: Taints and Tolerations",
)
def test_pods_tolerate_the_pool_s_taints(deployment: ManifestSet) -> Outcomes:
    """The templates MUST tolerate the pool's NoSchedule and NoExecute taints."""
    bound = pool.bound_pods(deployment)
    if not bound:
        raise NotApplicable("no pod of the set needs the GPU pool")
    for taint in pool.need(deployment, "pool.taints"):
        if taint.effect == "PreferNoSchedule":
            continue
        for template in bound:
            judged_elsewhere = taint.key == super_nodes.TAINT and is_super_pod(deployment, template)
            if not judged_elsewhere and not tolerates(template, taint):
                tolerations = template.spec["tolerations"]
                shown = f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"
                yield Finding(
                    tolerations if tolerations.exists else template.node,
                    f"{template.title} does not tolerate {shown}",
                    f"a toleration of {taint.key}",
                )


@requirement(
    "NOD-11",
    why="Old drivers break new CUDA images.",
    fix="Choose the newest driver that the console offers for the instance type.",
    source="a GN7 node on TKE v1.34.1, in a public repository",
)
def test_driver_is_the_newest(deployment: ManifestSet) -> Outcomes:
    """The driver SHOULD be the newest on offer."""
    stated = pool.need(deployment, "pool.driver")
    have, newest = parse(stated), nodes.newest_driver()
    if have is None or have < newest:
        shown = ".".join(map(str, newest.numbers[:3]))
        yield Finding(deployment.target.place("pool.driver"), f"driver {stated}", f"{shown}, the newest that is known")
