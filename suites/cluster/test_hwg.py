"""HWG: the nodes under the groups, and their GPUs."""

from seatrial.clusters.capability import Capability
from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.knowledge import nodes as known_nodes
from seatrial.knowledge import super_nodes
from seatrial.knowledge.gpus import CAPABILITY_ADVISED, CAPABILITY_FLOOR, CAPABILITY_FP8
from seatrial.live import image_pulls, node_gpus, node_pressure, super_pods
from seatrial.live.declared_gpus import DeclaredGpus, need_fp8_in_hardware
from seatrial.live.deployed import Deployed
from seatrial.live.engines import on_gpu_nodes
from seatrial.live.group import LiveGroup, Standing
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.model_claim import amount
from seatrial.live.node_gpus import NodeGpus, below, dotted, gpus_in_use
from seatrial.live.node_kind import kinds
from seatrial.live.node_likeness import differences, driver
from seatrial.live.node_losses import lost_nodes, stuck
from seatrial.live.node_names import listed
from seatrial.live.seats import Shortage, too_few_free_gpus, too_few_nodes
from seatrial.live.serving_nodes import need_serving_nodes, nodes_in_use
from seatrial.live.workload_pods import need_pods, once_per_template
from seatrial.manifests.quantity import binary
from seatrial.nodes.hardware import SUPPLY as DECLARATION
from seatrial.requirement import Outcomes, requirement

EPHEMERAL_GIB = 180
"""What 200 GB leave beside the system (own)."""
DISCOVERY = "GPU feature discovery on the nodes"


def _short_of_seats(deployed: Deployed, shortage: Shortage, expected: str) -> Finding | CannotTell:
    if shortage.young and not deployed.own:
        return CannotTell(
            f"{shortage.observed}; its pods wait since a moment ago, so nodes may be coming", "a later run"
        )
    return Finding(shortage.engine.place(deployed), shortage.observed, expected)


@requirement(
    "HWG-01",
    why="The groups stay Pending, or some of their pods do, and none serves.",
    fix="Add nodes to the pool, or lower replicas; look at the labels, taints and GPUs of the nodes that do not count.",
)
def test_enough_nodes(deployed: Deployed) -> Outcomes:
    """There MUST be at least replicas x size ready nodes with the GPUs a pod asks for."""
    for shortage in too_few_nodes(deployed):
        engine = shortage.engine
        expected = f"a ready node with {engine.gpus} GPUs for each of {engine.pods} pods"
        yield _short_of_seats(deployed, shortage, expected)


@requirement(
    "HWG-02",
    why="Other workloads hold the GPUs: the groups stay Pending, or hold each other's nodes.",
    fix="Free the GPUs, add nodes to the pool, or lower replicas.",
)
def test_enough_free_gpus(deployed: Deployed) -> Outcomes:
    """Before deployment the free GPUs MUST suffice for all groups."""
    wanting = on_gpu_nodes(deployed)
    if not deployed.own:
        wanting = [engine for engine in wanting if deployed.live(engine.document) is None]
        if not wanting:
            raise NotApplicable("the set is on the cluster already: GRP-13 judges whether its pods have nodes")
    for shortage in too_few_free_gpus(deployed, wanting):
        expected = f"{shortage.engine.gpus} free GPUs on a node for each of {shortage.engine.pods} pods"
        yield _short_of_seats(deployed, shortage, expected)


@requirement(
    "HWG-10",
    why="The engine's image takes tens of GB unpacked, and logs and caches come on top: pods are evicted.",
    fix="Give the nodes disks of 200 GB or more.",
    source="imroc/tke-guide: SGLang DeepSeek-R1 guide",
)
def test_ephemeral_storage(deployed: Deployed) -> Outcomes:
    """GPU nodes SHOULD have at least 180 GiB of ephemeral storage."""
    if deployed.own:
        deployed.need(Capability.HARDWARE)  # here the disks are what the target says
    data_disk = deployed.manifests.target.get("pool.data_disk_gb") or 0
    for node in need_serving_nodes(deployed):
        size = amount(node.at("status", "capacity", "ephemeral-storage"))
        if size is None:
            yield CannotTell(f"{node.name} does not report its ephemeral storage", "")
        elif size >= EPHEMERAL_GIB * 2**30:
            continue
        elif data_disk >= known_nodes.disks().advised_gb:
            told = f"{node.name} reports {binary(size)}, of the disk with the kubelet's files"
            yield CannotTell(f"{told}; whether images are on its data disk of {data_disk:g} GB is not seen", "")
        else:
            place = node.place("status", "capacity", "ephemeral-storage")
            yield Finding(place, binary(size), f"at least {EPHEMERAL_GIB}Gi")


@requirement(
    "HWG-11",
    why="Images cannot be pulled there, and pods are evicted, each with its whole group.",
    fix="Free the disk (`crictl rmi --prune`, logs, host paths), or give the nodes larger ones.",
)
def test_no_pressure(deployed: Deployed) -> Outcomes:
    """GPU nodes MUST NOT be short of disk."""
    there = need_serving_nodes(deployed)
    for short in node_pressure.pressed(there):
        yield Finding(short.place, short.words, "False")
    for short in node_pressure.told(deployed, there):
        yield Finding(short.place, short.words, "room on the node's disk")


@requirement(
    "HWG-12",
    why="Ranks on different kernels, runtimes or drivers fail on one node only, which is hard to see.",
    fix="Upgrade the nodes that are behind, or let the set select the nodes of one pool.",
)
def test_nodes_are_alike(deployed: Deployed) -> Outcomes:
    """GPU nodes SHOULD run the same operating system, kernel, runtime and driver."""
    there = need_serving_nodes(deployed)
    for difference in differences(there):
        place = difference.node.place("status", "nodeInfo")
        yield Finding(place, difference.observed, difference.expected)
    systems = {str(node.at("status", "nodeInfo", "osImage") or ""): node for node in there}
    for name, node in systems.items():
        known = known_nodes.operating_system(name)
        if known is None:
            yield CannotTell(f"whether the operating system of {node.name}, {name or 'not stated'}, is recent", "")
        elif not known.recent:
            place = node.place("status", "nodeInfo", "osImage")
            yield Finding(place, name, "TencentOS Server 3.1 (TK4) or newer")
    silent = [node.name for node in there if not driver(node)]
    if silent and len(there) > 1:
        yield CannotTell(f"which GPU driver {', '.join(silent[:3])} has", DISCOVERY)


@requirement(
    "HWG-14",
    why="A lost node leaves a dead group behind a leader that looks well, and pods that nobody can stop.",
    fix="Bring the node back, or delete it: only then are its pods made anew elsewhere.",
    source=("lws#508", "defilantech/LLMKube#1781"),
)
def test_nodes_are_ready(live_group: LiveGroup) -> Outcomes:
    """All nodes of a group MUST be Ready."""
    if not live_group.wanted:
        live_group.require(Standing.FORMED)
    for lost in lost_nodes(live_group):
        names = ", ".join(pod.name for pod in lost.pods)
        yield Finding(lost.pods[0].place("spec", "nodeName"), f"{names} on node {lost.name}: {lost.words}", "Ready")
    for pod in stuck(live_group):
        since = pod.metadata["deletionTimestamp"]
        yield Finding(pod.place("metadata", "deletionTimestamp"), f"Terminating, due to be gone at {since}", "gone")
    if not live_group.pods:
        live_group.require(Standing.READY)
    live_group.require(Standing.PLACED)


@requirement(
    "HWG-16",
    why="Native, regular and super nodes differ in disk, network and DaemonSets, and the set is made for one kind.",
    fix="Let the set select the nodes of the pool that it is meant for, or correct pool.type in seatrial.toml.",
    source="Tencent Cloud document 457/45561",
)
def test_pool_type(deployed: Deployed) -> Outcomes:
    """The nodes SHOULD be of the declared pool type."""
    used = nodes_in_use(deployed)
    declared = deployed.manifests.target.need("pool.type")
    if declared == "registered":
        raise CannotTell("by which label registered nodes are known", "")
    unlabelled = []
    for node in used:
        found = kinds(node)
        if not found:
            unlabelled.append(node.name)
        elif declared not in found:
            yield Finding(node.place("metadata", "labels"), f"a {found[0]} node", f"a {declared} node")
    if unlabelled:
        yield CannotTell(f"no label of {', '.join(unlabelled[:3])} tells of which kind it is", "")


@requirement(
    "HWG-17",
    why="Without the annotation the pod's machine has no GPU, or another one.",
    fix="Annotate the pod template with eks.tke.cloud.tencent.com/gpu-type, for example A10*PNV4.",
    source=("Tencent Cloud document 457/44173", "Tencent Cloud document 457/36162"),
)
def test_super_pods_name_their_gpu(deployed: Deployed) -> Outcomes:
    """A pod on a super node MUST carry the GPU annotation and get that GPU."""
    found = super_pods.gpu_pods(deployed)
    if not found:
        raise NotApplicable("no pod of the set takes GPUs on a super node")
    unnamed = [one for one in found if not one.pod.annotations.get(super_nodes.GPU_TYPE)]
    for one, said, more in once_per_template((one, f"no {super_nodes.GPU_TYPE}") for one in unnamed):
        yield Finding(one.pod.place("metadata", "annotations"), f"{said}{more}", f"{super_nodes.GPU_TYPE} on the pod")
    if len(unnamed) < len(found) and deployed.has(Capability.HARDWARE):
        yield CannotTell("which GPU the pods got is seen inside them only", "`nvidia-smi` in the pods")


@requirement(
    "HWG-18",
    why="The pod waits for ever: super nodes that are paid as they go take only pods that tolerate their taint.",
    fix="Tolerate key eks.tke.cloud.tencent.com/eklet with operator Exists.",
    source=("Tencent Cloud document 457/45561", "Tencent Cloud document 457/98730"),
)
def test_taint_of_super_nodes(deployed: Deployed) -> Outcomes:
    """A pod MUST NOT stay unscheduled because of the super-node taint."""
    if not super_pods.super_nodes_of(deployed):
        raise NotApplicable("the cluster has no super node")
    for one, said, more in once_per_template(super_pods.kept_off(deployed)):
        place = one.pod.place("spec", "tolerations")
        yield Finding(place, f"not scheduled: {said}{more}", f"a toleration of {super_nodes.TAINT}")


def _gpus(deployed: Deployed) -> list[NodeGpus]:
    """The GPUs under the groups. Raises CannotTell where nodes carry what the target says, and nothing else."""
    if deployed.own:
        deployed.need(Capability.HARDWARE)
    found = gpus_in_use(deployed)
    if not found:
        raise NotApplicable("all pods with GPUs are on super nodes, which do not tell what is in them")
    return found


@requirement(
    "HWG-03",
    why="The engine refuses to start and says that SGLang only supports sm75 and above.",
    fix="Let the set select nodes with newer GPUs.",
    source="sgl-project/sglang: python/sglang/srt/model_executor/model_runner.py",
)
def test_gpus_are_supported(deployed: Deployed) -> Outcomes:
    """Every GPU of the group MUST have compute capability 7.5 or higher."""
    for there, observed in below(_gpus(deployed), CAPABILITY_FLOOR):
        yield _too_old(there, observed, f"{dotted(CAPABILITY_FLOOR)} or higher")


@requirement(
    "HWG-04",
    why="Below 8.0 SGLang falls back to float16, and FP8 checkpoints are not even loaded.",
    fix="Let the set select nodes with GPUs from the A100 on.",
    source="sgl-project/sglang: python/sglang/srt/layers/quantization/fp8.py",
)
def test_gpus_have_bfloat16(deployed: Deployed) -> Outcomes:
    """Every GPU of the group SHOULD have compute capability 8.0 or higher."""
    for there, observed in below(_gpus(deployed), CAPABILITY_ADVISED):
        yield _too_old(there, observed, f"{dotted(CAPABILITY_ADVISED)} or higher")


@requirement(
    "HWG-05",
    why="These GPUs pass SGLang's own gate and end in Triton: type fp8e4nv not supported in this architecture.",
    fix="Let the set select nodes with H20, H100 or H200, or serve a BF16, INT8 or AWQ checkpoint.",
    source=("skypilot-org/skypilot#4723", "vllm#12581", "sglang#4364", "deepseek-ai/DeepSeek-R1#588"),
)
def test_gpus_have_fp8(deployed: Deployed) -> Outcomes:
    """GPUs that serve the FP8 checkpoint MUST have compute capability 8.9 or higher, unless a weight-only path is
    chosen explicitly.
    """
    need_fp8_in_hardware(deployed.manifests)
    for there, observed in below(_gpus(deployed), CAPABILITY_FP8):
        yield _too_old(there, observed, f"{dotted(CAPABILITY_FP8)} or higher for the FP8 checkpoint")


def _too_old(there: list[NodeGpus], observed: str, expected: str) -> Finding:
    names = listed(one.node for one in there)
    return Finding(there[0].node.place("metadata", "labels"), f"{names}: {observed}", expected)


@requirement(
    "HWG-06",
    why="One node of another kind stops the whole group, or makes it run out of memory, long after the download.",
    fix="Let the set select the pool that it is meant for, replace the node, or correct [pool] in seatrial.toml.",
)
def test_gpus_are_the_declared_ones(deployed: Deployed) -> Outcomes:
    """Every node of the group MUST have the GPU model, count and memory that the target declares."""
    found = _gpus(deployed)
    wanted = DeclaredGpus.of(deployed.manifests)
    for deviation in wanted.deviations(found):
        yield Finding(deviation.place, deviation.observed, deviation.expected)
    silent = [one.node for one in found if one.gpu is None]
    if silent:
        yield CannotTell(f"which GPUs {listed(silent)} have", node_gpus.SUPPLY)
    if wanted.gpu is None:
        yield CannotTell("which GPUs the nodes should have", DECLARATION)


@requirement(
    "HWG-13",
    why="The group never starts: its image is not there, or the node cannot reach or may not read the registry.",
    fix="Correct the image's name, add imagePullSecrets, or take a registry that the nodes reach (TCR, CCR).",
)
def test_images_are_pulled(deployed: Deployed) -> Outcomes:
    """A pod of the set MUST NOT fail to pull its image."""
    found = need_pods(deployed)
    for one, said, more in once_per_template(image_pulls.failed_pulls(found)):
        yield Finding(one.pod.place("spec", "containers"), f"{said}{more}", "an image that can be pulled")
    deployed.need(Capability.CONTAINERS)
    if waiting := image_pulls.not_pulled_yet(found):
        yield CannotTell(f"{waiting[0].name} has not come as far as its image", "a later run")


@requirement(
    "HWG-19",
    why="Pods that pull for different times restart at different times, and each restart recreates the whole group.",
    fix="Pull it onto the nodes first (DaemonSet, node image), or use restartPolicy RecreateGroupAfterStart.",
    source="lws#726",
)
def test_image_is_on_the_nodes(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """The serving image SHOULD be on the nodes before the group starts."""
    if live_lws.restart_policy == "RecreateGroupAfterStart":
        raise NotApplicable("with RecreateGroupAfterStart no group is recreated while others still pull")
    live_lws.require(Standing.PLACED)
    live_lws.deployed.need(Capability.CONTAINERS)
    for slow in image_pulls.slow_pulls(live_lws):
        yield Finding(slow.pod.place("spec", "nodeName"), slow.observed, "an image that is there before the pod")
    for missing in image_pulls.without_record(live_lws):
        yield CannotTell(f"whether {missing.name} had to pull its image: its events are gone", "a run soon after start")
