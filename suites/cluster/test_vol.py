"""VOL: storage classes, drivers, claims and the volumes that they are bound to."""

from seatrial.clusters.capability import Capability
from seatrial.finding import Blocked, Finding, NotApplicable
from seatrial.live.declared_object import DeclaredObject
from seatrial.live.deployed import Deployed
from seatrial.live.leader_worker_set import Standing
from seatrial.live.model_claim import ModelClaim, amount, known_model_claims, uses_turbo
from seatrial.live.objects import LivePlace
from seatrial.live.resources import CSI_DRIVERS, CSI_NODES, DAEMON_SETS
from seatrial.live.serving_nodes import serving_nodes
from seatrial.live.volume_waits import last_words, volume_waits
from seatrial.live.workload_pods import once_per_template
from seatrial.manifests.quantity import binary
from seatrial.requirement import Outcomes, requirement
from seatrial.storage.claims import READABLE_BY_MANY, WRITABLE_BY_MANY
from seatrial.storage.storage_classes import TURBO

GUIDE = "imroc/tke-guide: SGLang DeepSeek-R1 guide"
DEFAULTS = {"provisioner": None, "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}
"""What of a class is compared beside its parameters, and what the API server fills in."""


@requirement(
    "VOL-01",
    why="Without the add-on no claim of the class is ever bound.",
    fix="Install the add-on CFSTurbo in the cluster's add-on management.",
    source=GUIDE,
)
def test_driver_is_registered(deployed: Deployed) -> Outcomes:
    """The CSIDriver `com.tencent.cloud.csi.cfsturbo` MUST be registered."""
    if deployed.own:
        deployed.need(Capability.TKE)  # here the driver is where the target says that it is
    if not uses_turbo(deployed):
        raise NotApplicable("nothing of the set is on CFS-Turbo")
    if deployed.view.one(CSI_DRIVERS, TURBO) is None:
        there = ", ".join(one.name for one in deployed.view.all(CSI_DRIVERS)) or "none"
        yield Finding(LivePlace("", f"CSIDriver/{TURBO}"), f"not registered; there are: {there}", "the add-on's driver")


@requirement(
    "VOL-02",
    why="The mount fails on one node, and the group never forms.",
    fix="See the driver's DaemonSet: its taints, its image and its pods' events on that node.",
    source=GUIDE,
)
def test_driver_runs_on_gpu_nodes(deployed: Deployed) -> Outcomes:
    """The driver MUST run on every GPU node."""
    if deployed.own:
        deployed.need(Capability.TKE)  # here the driver is where the target says that it is
    if not uses_turbo(deployed):
        raise NotApplicable("nothing of the set is on CFS-Turbo")
    if deployed.view.one(CSI_DRIVERS, TURBO) is None:
        raise Blocked("VOL-01", f"CSIDriver {TURBO} is not registered")
    for one in deployed.view.all(DAEMON_SETS):
        ready, wanted = (int(one.at("status", key) or 0) for key in ("numberReady", "desiredNumberScheduled"))
        if "cfsturbo" in one.name and ready < wanted:
            yield Finding(one.place("status", "numberReady"), f"ready on {ready} of {wanted} nodes", "every node")
    registered = {
        one.name
        for one in deployed.view.all(CSI_NODES)
        if any(driver.get("name") == TURBO for driver in one.each("spec", "drivers"))
    }
    for node in serving_nodes(deployed):
        if node.name not in registered:
            yield Finding(LivePlace("", f"CSINode/{node.name}", ("spec", "drivers")), f"no {TURBO}", TURBO)


@requirement(
    "VOL-03",
    why="A class cannot be changed: an old one of that name keeps making volumes on another file system.",
    fix="Delete the class on the cluster and apply the set's, or give the set's class another name.",
)
def test_class_is_the_set_s(declared_object: DeclaredObject) -> Outcomes:
    """The StorageClass on the cluster MUST equal the set's."""
    document = declared_object.document
    if document.kind != "StorageClass":
        raise NotApplicable("it is no StorageClass")
    if declared_object.refused:
        raise Blocked("ADM-03", declared_object.refused)
    live = declared_object.live
    if live is None:
        yield Finding(document.root, "it is not on the cluster", document.title)
        return
    for field, default in DEFAULTS.items():
        wanted, found = document[field].raw or default, live.at(field)
        if wanted != found:
            yield Finding(document[field], f"on the cluster: {found}", f"{wanted}")
    declared, there = document["parameters"].mapping, live.at("parameters") or {}
    for key in sorted({*declared, *there}):
        if declared.get(key) != there.get(key):
            yield Finding(
                document.at("parameters", key),
                f"on the cluster: {key} {there.get(key, 'absent')}",
                f"{key} {declared.get(key, 'absent')}",
            )


@requirement(
    "VOL-04",
    why="The pods wait for the claim, and a volume for one node only stops the second.",
    fix="See the claim's events: they say what its class, its driver or the volume lacks.",
)
def test_claim_is_bound(model_claim: ModelClaim) -> Outcomes:
    """The model's PVC MUST be Bound with ReadWriteMany and the requested capacity."""
    live = model_claim.need_live()
    phase = live.at("status", "phase")
    if phase != "Bound":
        if model_claim.waits_for_pod:
            for lws in model_claim.deployed.leader_worker_sets:
                lws.require(Standing.PLACED)
        words = last_words(model_claim.deployed, live)
        yield Finding(live.place("status", "phase"), f"{phase}{words and f': {words}'}", "Bound")
        return
    if model_claim.volume_is_gone:
        yield Finding(
            live.place("spec", "volumeName"), f"volume {live.at('spec', 'volumeName')} is not there", "a volume"
        )
        return
    modes = live.each("status", "accessModes")
    mounted = model_claim.uses
    shared = WRITABLE_BY_MANY in modes or (READABLE_BY_MANY in modes and not any(use.writes for use in mounted))
    if not shared and sum(use.pods for use in mounted) > 1:
        yield Finding(live.place("status", "accessModes"), ", ".join(map(str, modes)), WRITABLE_BY_MANY)
    declared = model_claim.declared
    wanted = declared.request if declared is not None else None
    wanted = wanted or amount(live.at("spec", "resources", "requests", "storage"))
    given = amount(live.at("status", "capacity", "storage"))
    if wanted is not None and (given is None or given < wanted):
        shown = binary(given) if given is not None else "no capacity"
        yield Finding(live.place("status", "capacity", "storage"), shown, f"at least {binary(wanted)}")


@requirement(
    "VOL-05",
    why="A pod whose volume does not come never starts, and the rest of its group waits for it.",
    fix="Create the claim that is missing; for a mount that fails see the driver's log on the pod's node.",
)
def test_no_pod_waits_for_a_volume(deployed: Deployed) -> Outcomes:
    """A pod MUST NOT wait for a volume."""
    for lws in deployed.leader_worker_sets:
        lws.require(Standing.FORMED)
    of_model = {claim.name for claim in known_model_claims(deployed)}
    waits = list(volume_waits(deployed))
    pending = next((wait.claim for wait in waits if wait.claim in of_model and not wait.missing), None)
    if pending is not None:
        raise Blocked("VOL-04", f"claim {pending} is not bound")
    for one, words, more in once_per_template((wait.waiting, wait.told) for wait in waits):
        yield Finding(one.pod.place("spec", "volumes"), f"{words}{more}", "volumes that are there and mounted")


@requirement(
    "VOL-11",
    why="A volume made by an earlier class of that name points to another file system.",
    fix="Delete claim and volume, and let the present class make them anew; the files on the old one stay there.",
)
def test_volume_is_on_the_class_s_file_system(model_claim: ModelClaim) -> Outcomes:
    """The bound PV MUST carry the StorageClass's `fsid` and `host`."""
    if model_claim.deployed.own:
        model_claim.deployed.need(Capability.TKE)  # here volumes are made of the set's own class
    volume = model_claim.need_volume()
    found = model_claim.storage_class
    if found is None or found.at("provisioner") != TURBO:
        raise NotApplicable("the claim's class is none of CFS-Turbo")
    for key in ("fsid", "host"):
        carried, wanted = volume.at("spec", "csi", "volumeAttributes", key), found.at("parameters", key)
        if wanted is not None and carried != wanted:
            yield Finding(
                volume.place("spec", "csi", "volumeAttributes", key), f"{key} {carried or 'absent'}", f"{wanted}"
            )


@requirement(
    "VOL-13",
    why="One deleted claim removes the model, which takes up to sixteen hours to download.",
    fix='kubectl patch pv NAME -p \'{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}\'; set it in the class too.',
)
def test_volume_is_retained(model_claim: ModelClaim) -> Outcomes:
    """The PV that holds the model SHOULD have reclaim policy Retain."""
    volume = model_claim.need_volume()
    policy = volume.at("spec", "persistentVolumeReclaimPolicy")
    if policy != "Retain":
        yield Finding(volume.place("spec", "persistentVolumeReclaimPolicy"), f"{policy}", "Retain")
