"""STO: StorageClass, PersistentVolumeClaims, volumes and mounts."""

import math
import re
from fractions import Fraction
from ipaddress import AddressValueError, IPv4Address

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.knowledge.models import Checkpoint
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.quantity import binary
from seatrial.nodes.hardware import need_accelerators
from seatrial.nodes.scheduling import Labels, allowed_values, fit, tolerates
from seatrial.requirement import Outcomes, requirement
from seatrial.storage import kernel_cache
from seatrial.storage.claims import (
    READABLE_BY_MANY,
    WRITABLE_BY_MANY,
    Claim,
    Use,
    claims,
    class_exists_outside,
    exists_outside,
    uses,
)
from seatrial.storage.download import ModelDownload, downloads
from seatrial.storage.model import directory_read, directory_written
from seatrial.storage.model_volumes import ModelVolume, model_volumes
from seatrial.storage.mounts import Directory, volumes
from seatrial.storage.storage_classes import EXAMPLES, TURBO, StorageClass, storage_class
from seatrial.target.fact_types import Taint
from seatrial.workload.serving import Role

GIB = 2**30
RESERVE = Fraction(102, 100)
COMFORTABLE = 700 * GIB
FULL_SIZE = 600 * 10**9
MOUNT_POINT = re.compile(r"[0-9a-f]{8}\Z")


@requirement(
    "STO-01",
    why="The pod stays Pending for ever.",
    fix="Declare the claim in the pod's namespace, or mount the one that is declared.",
    source="imroc/tke-guide: SGLang DeepSeek-R1 guide",
)
def test_claims_are_declared(deployment: ManifestSet) -> Outcomes:
    """Every PVC that a pod mounts MUST be declared in the pod's namespace."""
    for (namespace, name), mounted in uses(deployment).items():
        if deployment.find("PersistentVolumeClaim", name, namespace, group=""):
            continue
        if exists_outside(deployment, namespace, name):
            yield CannotTell(
                f"claim {name} is said to exist, but is not in the set", "add the claim's manifest to the set"
            )
            continue
        for use in mounted:
            yield Finding(use.place, f"claim {name}, which nothing declares in namespace {namespace}", "a declared PVC")


@requirement(
    "STO-02",
    why="Volumes that attach once cannot follow the pods to other nodes, and a read-only claim takes no download.",
    fix="Put ReadWriteMany into the claim's accessModes, and use a class that offers it.",
)
def test_shared_claims_are_read_write_many(claim: Claim) -> Outcomes:
    """A PVC mounted by several pods MUST offer ReadWriteMany."""
    if claim.is_template:
        raise NotApplicable(f"{claim.title} makes a claim for each pod")
    mounted = uses(claim.manifests).get((claim.namespace, claim.name), [])
    pods = sum(use.pods for use in mounted)
    modes = [mode.text for mode in claim.modes]
    enough = WRITABLE_BY_MANY in modes or (READABLE_BY_MANY in modes and not any(use.writes for use in mounted))
    if pods > 1 and not enough:
        yield Finding(claim.modes, f"{_listed(modes)}, mounted by {_users(mounted)}", WRITABLE_BY_MANY)


def _listed(modes: list[str | None]) -> str:
    return ", ".join(mode for mode in modes if mode) or "no access mode"


def _users(mounted: list[Use]) -> str:
    return ", ".join(dict.fromkeys(use.template.title for use in mounted))


@requirement(
    "STO-03",
    why="The disk is full near the last of the model's 163 shards.",
    fix="Request at least the size of the checkpoint and two percent.",
    source="deepseek-ai/DeepSeek-V3: model.safetensors.index.json",
)
def test_model_fits_its_claim(model_volume: ModelVolume) -> Outcomes:
    """The PVC that holds the model MUST request at least 654.2 GiB.

    That is DeepSeek-R1 in FP8 with a reserve of two percent; another checkpoint needs its own size with that reserve.
    """
    claim = model_volume.need_claim()
    checkpoint = model_volume.need_checkpoint()
    needed = _needed(checkpoint)
    if claim.request is None or claim.request < needed:
        yield Finding(
            claim.request_node, _requested(claim), f"{binary(Fraction(needed))} for {checkpoint.name} weights"
        )


def _needed(checkpoint: Checkpoint) -> int:
    """Bytes of a claim for a checkpoint, up to the next tenth of a GiB."""
    return math.ceil(checkpoint.file_bytes * RESERVE / GIB * 10) * GIB // 10


def _requested(claim: Claim) -> str:
    raw = claim.request_node.raw
    return f"{raw} requested" if raw is not None else "no storage requested"


@requirement(
    "STO-04",
    why="The claim stays Pending.",
    fix="Declare the StorageClass in the set, or name it in seatrial.toml: [existing] storage_classes.",
)
def test_storage_classes_exist(claim: Claim) -> Outcomes:
    """The PVC's StorageClass MUST be declared in the set or known to exist."""
    manifests, name = claim.manifests, claim.class_node.text
    if claim.static_volume is not None:
        return
    if name is None:
        raise CannotTell(f"{claim.title} takes the cluster's default class", "name a storageClassName in the claim")
    if claim.node.at("spec", "volumeName").text:
        raise CannotTell(f"{claim.title} names a PersistentVolume that is not in the set", "add the volume to the set")
    declared = name != "" and storage_class(manifests, name) is not None
    volume_of_class = any(
        (volume.at("spec", "storageClassName").text or "") == name for volume in manifests.of_kind("PersistentVolume")
    )
    if not (declared or class_exists_outside(manifests, name) or volume_of_class):
        observed = f"class {name}, which nothing declares" if name else "no class, and no PersistentVolume to match"
        yield Finding(claim.class_node, observed, "a StorageClass of the set or one that is known to exist")


@requirement(
    "STO-05",
    why="The mount fails: the file system id `cfs-...` is another number than the mount-point id.",
    fix="Take fsid (the token between `tcp0:/` and `/cfs`) and host from the mount command that the console shows.",
    source="TC 457/67045",
)
def test_turbo_class_names_its_mount_point(storage_class: StorageClass) -> Outcomes:
    """A CFS-Turbo StorageClass MUST carry `fsid` and `host`, and `fsid` has to be the mount-point id."""
    _need_turbo(storage_class)
    for key, node in (("fsid", storage_class.fsid), ("host", storage_class.host)):
        if node.raw in (None, ""):
            yield Finding(node, f"no {key}", f"parameters.{key} of the mount point")
    fsid = storage_class.fsid.text or ""
    if fsid.startswith("cfs-"):
        yield Finding(storage_class.fsid, f"fsid {fsid}, the id of the file system", "the id of the mount point")


def _need_turbo(storage_class: StorageClass) -> None:
    if not storage_class.is_turbo:
        raise NotApplicable(f"{storage_class.title} is no CFS-Turbo class")


@requirement(
    "STO-06",
    why="Copied verbatim they point to somebody else's file system.",
    fix="Replace them by the values of your mount point; if they really are yours, state cfs.fsid and cfs.host.",
    source="imroc/tke-guide: SGLang DeepSeek-R1 guide",
)
def test_example_values_are_replaced(storage_class: StorageClass) -> Outcomes:
    """A StorageClass MUST NOT still contain the page's example values."""
    for key, example in EXAMPLES.items():
        node = storage_class.document.at("parameters", key)
        if node.text == example and storage_class.manifests.target.get(f"cfs.{key}") != example:
            yield Finding(node, f"{key} {example}, the guide's example", f"the {key} of your own mount point")


@requirement(
    "STO-07",
    why="Deleting the claim deletes the directory and more than 15 hours of download.",
    fix="Set reclaimPolicy: Retain; it cannot be changed later in a class that exists.",
)
def test_model_survives_its_claim(model_volume: ModelVolume) -> Outcomes:
    """The StorageClass of the model SHOULD have reclaimPolicy Retain."""
    claim = model_volume.need_claim()
    volume = claim.static_volume
    if volume is not None:
        policy = volume.at("spec", "persistentVolumeReclaimPolicy")
        if policy.text not in ("Delete", "Recycle"):
            raise NotApplicable(f"claim {claim.name} is bound to a static volume")
    else:
        policy = model_volume.need_storage_class().document["reclaimPolicy"]
    if policy.text != "Retain":
        yield Finding(policy, f"reclaimPolicy {policy.text or 'Delete, the default'}", "Retain")


@requirement(
    "STO-08",
    why="The API server refuses the pod, while published schemas accept it; a LeaderWorkerSet then makes no pod.",
    fix="Name a volume of the same pod template, or add the volume.",
)
def test_mounts_have_volumes(deployment: ManifestSet) -> Outcomes:
    """Every volumeMount MUST name a volume of its pod."""
    for template in deployment.pod_templates:
        known = volumes(template)
        for container in template.all_containers:
            for mount in container["volumeMounts"]:
                name = mount["name"].text
                if name is not None and name not in known:
                    listed = ", ".join(filter(None, known)) or "there is none"
                    yield Finding(mount["name"], f"volume {name}, which the pod does not have", f"one of: {listed}")


@requirement(
    "STO-09",
    why="700Gi leave 58 GiB beside the files; another page of the guide has a claim of the same name with 100Gi.",
    fix="Request 700Gi or more.",
    source="imroc/tke-guide: SGLang DeepSeek-R1 guide",
)
def test_model_claim_has_room_beside_the_files(model_volume: ModelVolume) -> Outcomes:
    """The model PVC SHOULD request at least 700Gi."""
    claim = model_volume.need_claim()
    if model_volume.need_checkpoint().file_bytes < FULL_SIZE:
        raise NotApplicable("the weights are smaller than those of the 671B model in FP8")
    if claim.request is None or claim.request < COMFORTABLE:
        yield Finding(claim.request_node, _requested(claim), "700Gi")


@requirement(
    "STO-10",
    why="No other driver of the cloud mounts CFS-Turbo: the claim stays Pending.",
    fix=f"Set provisioner: {TURBO}.",
    source="TC 457/67045",
)
def test_turbo_class_has_turbo_provisioner(storage_class: StorageClass) -> Outcomes:
    """A CFS-Turbo StorageClass MUST use the provisioner `com.tencent.cloud.csi.cfsturbo`."""
    if not (storage_class.is_turbo or _holds_model_on_turbo(storage_class)):
        raise NotApplicable(f"{storage_class.title} is no CFS-Turbo class")
    if storage_class.provisioner != TURBO:
        yield Finding(storage_class.document["provisioner"], storage_class.provisioner or "no provisioner", TURBO)


def _holds_model_on_turbo(storage_class: StorageClass) -> bool:
    manifests = storage_class.manifests
    return manifests.target.get("cfs.series") == "turbo" and storage_class.name in manifests.once(_classes_of_model)


def _classes_of_model(manifests: ManifestSet) -> set[str]:
    held = [volume.key[1:] for volume in model_volumes(manifests) if volume.key[0] == "claim"]
    return {claim.class_node.text or "" for claim in claims(manifests) if (claim.namespace, claim.name) in held}


@requirement(
    "STO-11",
    why="A shared file system gains nothing from waiting for a pod, and the download then waits with it.",
    fix="Set volumeBindingMode: Immediate, or leave it out.",
)
def test_turbo_class_binds_at_once(storage_class: StorageClass) -> Outcomes:
    """A CFS-Turbo StorageClass SHOULD bind immediately."""
    _need_turbo(storage_class)
    mode = storage_class.document["volumeBindingMode"]
    if mode.text not in (None, "", "Immediate"):
        yield Finding(mode, f"volumeBindingMode {mode.text}", "Immediate")


@requirement(
    "STO-12",
    why="The driver mounts by address.",
    fix="Write the IPv4 address of the mount point.",
    source="TC 457/67045",
)
def test_turbo_host_is_an_address(storage_class: StorageClass) -> Outcomes:
    """`host` of a CFS-Turbo StorageClass MUST be an IPv4 address."""
    _need_turbo(storage_class)
    host = storage_class.host.text
    if not host:
        raise NotApplicable("no host (STO-05 judges that)")
    try:
        IPv4Address(host)
    except AddressValueError:
        yield Finding(storage_class.host, f"host {host}", "four numbers from 0 to 255, such as 10.0.16.5")


@requirement(
    "STO-13",
    why="Most wrong ids are visible by their shape.",
    fix="Take the token between `tcp0:/` and `/cfs` of the mount command.",
    source="TC 457/67045",
)
def test_fsid_looks_like_a_mount_point(storage_class: StorageClass) -> Outcomes:
    """`fsid` SHOULD have the form of a mount-point id, eight hexadecimal digits."""
    _need_turbo(storage_class)
    fsid = storage_class.fsid.text
    if not fsid:
        raise NotApplicable("no fsid (STO-05 judges that)")
    if not MOUNT_POINT.match(fsid):
        yield Finding(storage_class.fsid, f"fsid {fsid}", "eight hexadecimal digits, such as 7c9e2b40")


@requirement(
    "STO-14",
    why="The other nodes have an empty directory.",
    fix="Download with a DaemonSet that has the group's node selector and tolerations, or use a shared volume.",
)
def test_host_path_model_is_on_every_node(role: Role) -> Outcomes:
    """With a hostPath model volume the download MUST run on every node a group pod can land on."""
    directory = directory_read(role)
    if directory is None or not directory.on_host:
        raise NotApplicable("the model is on no hostPath volume")
    producers = [download for download in downloads(role.manifests) if directory_written(download) == directory]
    if not producers:
        raise CannotTell(f"nothing in the set writes {directory}", "add the manifest that fills the nodes' directories")
    everywhere = [download for download in producers if download.document.kind == "DaemonSet"]
    if not everywhere:
        for download in producers:
            yield Finding(download.document["kind"], f"{download.title} fills one node's {directory}", "a DaemonSet")
        return
    for download in everywhere:
        yield from _misses_nodes(download, role, directory)


def _misses_nodes(download: ModelDownload, role: Role, directory: Directory) -> Outcomes:
    spec = download.template.spec
    found = fit(download.template, _labels_of_nodes(role))
    for demand in found.unknown:
        yield CannotTell(f"whether every node of the {role.name} has {demand}, which {download.title} selects")
    for demand in found.broken:
        yield Finding(demand.place, f"{download.title} runs on nodes with {demand}", f"all nodes of the {role.name}")
    for taint in _taints_of_nodes(role):
        if not tolerates(download.template, taint):
            yield Finding(
                spec["tolerations"],
                f"{download.title} does not tolerate {taint.key}: {directory} stays empty there",
                f"the tolerations of the {role.name}",
            )


def _labels_of_nodes(role: Role) -> Labels:
    """What is known of the labels of all nodes that a role can land on."""
    stated = role.manifests.target.get("pool.labels") or {}

    def value(key: str) -> str | None:
        allowed = allowed_values(role.template, key)
        return allowed[0][0] if len(allowed) == 1 else stated.get(key)

    return value


def _taints_of_nodes(role: Role) -> list[Taint]:
    """The taints that nodes of a role can have: those of the pool where stated, else those that it tolerates."""
    stated: tuple[Taint, ...] | None = role.manifests.target.get("pool.taints")
    if stated is not None:
        return [taint for taint in stated if taint.effect != "PreferNoSchedule" and tolerates(role.template, taint)]
    return [
        Taint(key, toleration["value"].text or "", toleration["effect"].text or "NoSchedule")
        for toleration in role.template.spec["tolerations"]
        if (key := toleration["key"].text)
    ]


@requirement(
    "STO-15",
    why="DeepGEMM compiles for 10 to 30 minutes at every first start, and peers time out meanwhile.",
    fix="Mount a persistent volume at /root/.cache, with a directory for each pod.",
    source=("sglang#9867", "sglang#29170"),
)
def test_kernel_cache_outlives_the_container(role: Role) -> Outcomes:
    """The engine's kernel cache SHOULD be on a volume that outlives the container."""
    cache = kernel_cache.directory(role) if kernel_cache.compiles(role) else None
    if cache is not None and not (cache.goes_with_pod and _is_recreated(role)):
        return
    if not kernel_cache.compiles(role):
        raise NotApplicable("the engine's version compiles no kernels")
    if all(accelerator.gpu.capability < (9, 0) for accelerator in need_accelerators(role)):
        raise NotApplicable("DeepGEMM does not run on the group's GPUs")
    where = kernel_cache.path(role)
    observed = f"{where} is on no volume" if cache is None else f"{where} is on a volume that goes with the pod"
    yield Finding(role.container["volumeMounts"] if cache is None else cache.mount, observed, "a persistent volume")


def _is_recreated(role: Role) -> bool:
    """Whether a restarted container means a new pod."""
    lws = role.group.lws
    return lws is not None and lws.template["restartPolicy"].text not in ("None", "Default")
