"""TKE: super nodes and their annotations."""

import re
from collections.abc import Iterator

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.knowledge import super_nodes
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.nodes.scheduling import tolerates
from seatrial.nodes.super_pods import annotation, asks_for_gpus, elsewhere, selects, super_pods
from seatrial.requirement import Outcomes, requirement
from seatrial.storage.download import downloads
from seatrial.storage.mounts import claim_name, static_volume
from seatrial.storage.storage_classes import TURBO, storage_class
from seatrial.target.fact_types import Taint
from seatrial.workload.serving import mentions_sglang

EKLET = Taint(super_nodes.TAINT, "", "NoSchedule")
MEMORY = re.compile(r"[0-9]+Gi")
A10 = "A10"
ANNOTATIONS = "Tencent Cloud document 457/44173"


def _super_pods(deployment: ManifestSet) -> list[PodTemplate]:
    """The templates for super nodes. Raises NotApplicable when there is none."""
    found = super_pods(deployment)
    if not found:
        raise NotApplicable("nothing in the set is meant for super nodes")
    return found


def _gpu_pods(deployment: ManifestSet) -> list[PodTemplate]:
    found = [template for template in _super_pods(deployment) if any(map(asks_for_gpus, template.all_containers))]
    if not found:
        raise NotApplicable("no pod for super nodes asks for GPUs")
    return found


@requirement(
    "TKE-01",
    why="Without it no GPU is attached; on the workload's own metadata it has no effect.",
    fix="Annotate the pod template with eks.tke.cloud.tencent.com/gpu-type, for example A10*PNV4.",
    source=(ANNOTATIONS, "Tencent Cloud document 457/36162"),
)
def test_gpu_pods_name_their_gpu(deployment: ManifestSet) -> Outcomes:
    """A GPU pod on super nodes MUST name its GPU model by annotation `eks.tke.cloud.tencent.com/gpu-type` on the pod
    template.
    """
    for template in _gpu_pods(deployment):
        node = annotation(template, super_nodes.GPU_TYPE)
        if not node.text:
            misplaced = template.document.at("metadata", "annotations", super_nodes.GPU_TYPE).exists
            observed = "gpu-type on the workload, not on the pod template" if misplaced else "no annotation gpu-type"
            yield Finding(node, observed, f"{super_nodes.GPU_TYPE} on the pod template of {template.title}")


@requirement(
    "TKE-02",
    why="The default disk of 20 GiB does not hold the image.",
    fix='Annotate the pod template with eks.tke.cloud.tencent.com/root-cbs-size: "100" or more.',
    source=("Tencent Cloud document 457/74015", "imroc/tke-guide: SGLang DeepSeek-R1 guide"),
)
def test_engine_image_has_a_large_disk(deployment: ManifestSet) -> Outcomes:
    """A pod with the SGLang image on super nodes MUST enlarge its system disk by
    `eks.tke.cloud.tencent.com/root-cbs-size`.
    """
    large = [template for template in _super_pods(deployment) if any(map(_has_engine_image, template.all_containers))]
    if not large:
        raise NotApplicable("no pod for super nodes has the SGLang image")
    for template in large:
        node = annotation(template, super_nodes.ROOT_DISK)
        size = _gib(node)
        if size is None or size <= super_nodes.DEFAULT_ROOT_DISK_GIB:
            observed = f"root-cbs-size {node.raw}" if node.path[-1:] == (super_nodes.ROOT_DISK,) else "no root-cbs-size"
            expected = f"more than {super_nodes.DEFAULT_ROOT_DISK_GIB} GiB for {template.title}, better 100"
            yield Finding(node, observed, expected)
        elif size < super_nodes.ADVISED_ROOT_DISK_GIB:
            yield CannotTell(
                f"whether the unpacked image fits into {size} GiB",
                f'{super_nodes.ROOT_DISK}: "100" in {template.title}',
            )


def _has_engine_image(container: Node) -> bool:
    return "sglang" in (container["image"].text or "") or mentions_sglang(container)


def _gib(node: Node) -> int | None:
    text = node.text or ""
    return int(text) if text.isascii() and text.isdigit() else None


@requirement(
    "TKE-03",
    why="Each pod is a small virtual machine of its own; there is no host whose network it could share (unverified).",
    fix="Remove hostNetwork.",
)
def test_super_pods_keep_to_their_own_network(deployment: ManifestSet) -> Outcomes:
    """A pod on super nodes MUST NOT use hostNetwork."""
    for template in _super_pods(deployment):
        node = template.spec["hostNetwork"]
        if node.boolean:
            yield Finding(node, f"hostNetwork in {template.title}", "the pod's own network")


@requirement(
    "TKE-04",
    why="Super nodes support static volumes of CFS-Turbo only; a claim of a class is not mounted there.",
    fix='Declare a PersistentVolume of the driver, and name it in a claim with storageClassName: "".',
    source="Tencent Cloud document 457/67045",
)
def test_turbo_volumes_are_static(deployment: ManifestSet) -> Outcomes:
    """CFS-Turbo on super nodes SHOULD be a static PV with an empty storageClassName."""
    judged = False
    for name, namespace in dict.fromkeys(_claims(deployment, _super_pods(deployment))):
        claim = deployment.find("PersistentVolumeClaim", name, namespace)
        volume = static_volume(deployment, claim) if claim else None
        class_node = claim.at("spec", "storageClassName") if claim else None
        if class_node is None:
            continue
        of_class = storage_class(deployment, class_node.text or "")
        if volume is not None and volume.at("spec", "csi", "driver").text == TURBO:
            judged = True
            if class_node.text != "":
                yield Finding(class_node, f"storageClassName {class_node.raw}", 'storageClassName: ""')
        elif volume is None and of_class is not None and of_class.is_turbo:
            judged = True
            yield Finding(class_node, f"storageClassName {class_node.text}, a class of CFS-Turbo", "a static volume")
    if not judged:
        raise NotApplicable("no pod for super nodes mounts CFS-Turbo")


def _claims(deployment: ManifestSet, templates: list[PodTemplate]) -> Iterator[tuple[str, str]]:
    for template in templates:
        for volume in template.spec["volumes"]:
            name = claim_name(volume)
            if name:
                yield name, deployment.namespace(template.document)


@requirement(
    "TKE-05",
    why="FailedScheduling: the taint is on these nodes by default.",
    fix="Tolerate key eks.tke.cloud.tencent.com/eklet with operator Exists.",
    source=("Tencent Cloud document 457/45561", "Tencent Cloud document 457/98730"),
)
def test_super_pods_tolerate_the_taint(deployment: ManifestSet) -> Outcomes:
    """A pod for pay-as-you-go super nodes MUST tolerate the taint `eks.tke.cloud.tencent.com/eklet`."""
    intolerant = [template for template in _super_pods(deployment) if not tolerates(template, EKLET)]
    billing = deployment.target.get("pool.billing")
    if billing == "subscription":
        raise NotApplicable("subscribed super nodes have no taint")
    if intolerant and billing is None:
        deployment.target.need("pool.billing")
    for template in intolerant:
        tolerations = template.spec["tolerations"]
        place = tolerations if tolerations.exists else template.node
        yield Finding(place, f"{template.title} does not tolerate {super_nodes.TAINT}", "a toleration of it")


@requirement(
    "TKE-06",
    why="Any other unit is a parameter error, and the pod is not created.",
    fix="Write the size in Gi, for example 466Gi.",
    source=ANNOTATIONS,
)
def test_memory_annotation_is_in_gi(deployment: ManifestSet) -> Outcomes:
    """The annotation `eks.tke.cloud.tencent.com/mem` MUST be in Gi."""
    sized = [
        (template, template.node.at("metadata", "annotations", super_nodes.MEMORY))
        for template in _super_pods(deployment)
    ]
    sized = [(template, node) for template, node in sized if node.exists]
    if not sized:
        raise NotApplicable("no pod for super nodes has annotation mem")
    for _, node in sized:
        if not MEMORY.fullmatch(node.text or ""):
            yield Finding(node, f"mem {node.raw}", "a whole number with unit Gi")


@requirement(
    "TKE-07",
    why="Super nodes have no A100, and the other GPUs they offer cannot hold this model.",
    fix="Name an A10 type, for example A10*PNV4; GPU-01 and MEM-01 judge whether the model runs on it.",
    source=("imroc/tke-guide: SGLang DeepSeek-R1 guide", "Tencent Cloud document 457/39808"),
)
def test_super_pods_ask_for_a10(deployment: ManifestSet) -> Outcomes:
    """The GPU model asked of super nodes MUST be an A10 type."""
    named = [(template, annotation(template, super_nodes.GPU_TYPE)) for template in _gpu_pods(deployment)]
    named = [(template, node) for template, node in named if node.text]
    if not named:
        raise NotApplicable("no pod for super nodes names a GPU model (TKE-01 judges that)")
    for template, node in named:
        for entry in (node.text or "").split(","):
            kind = super_nodes.known_gpu_types().get(entry.strip())
            if kind is not None and kind.gpu != A10:
                yield Finding(node, f"gpu-type {entry.strip()}", "an A10 type")
            elif kind is None and not entry.strip().startswith(A10):
                yield CannotTell(f"which GPU gpu-type {entry.strip() or '(empty)'} of {template.title} is")


@requirement(
    "TKE-08",
    why="There is no node behind: host paths hold nothing, and DaemonSets run only where they are injected.",
    fix='Use a claim instead of hostPath; annotate a DaemonSet with eks.tke.cloud.tencent.com/ds-injection: "true".',
    source="Tencent Cloud document 457/98730",
)
def test_set_does_not_rely_on_nodes(deployment: ManifestSet) -> Outcomes:
    """A set for super nodes MUST NOT rely on hostPath volumes or plain DaemonSets."""
    for template in _super_pods(deployment):
        for volume in template.spec["volumes"]:
            if volume["hostPath"].exists:
                yield Finding(volume["hostPath"], f"hostPath in {template.title}", "a claim")
    for document, template in _daemon_sets(deployment).items():
        if not _is_injected(template):
            yield Finding(document["kind"], "a DaemonSet without ds-injection", "a Job, or ds-injection")


def _daemon_sets(deployment: ManifestSet) -> dict[Document, PodTemplate]:
    """The DaemonSets that are meant for super nodes, or that prepare the model without naming other nodes."""
    fetching = [download.template for download in downloads(deployment) if not elsewhere(download.template)]
    candidates = [*super_pods(deployment), *fetching]
    return {template.document: template for template in candidates if template.document.kind == "DaemonSet"}


def _is_injected(template: PodTemplate) -> bool:
    owners = (template.document["metadata"], template.node["metadata"])
    return any(owner.at("annotations", super_nodes.DAEMONSET_INJECTION).text == "true" for owner in owners)


@requirement(
    "TKE-09",
    why="The pod may land elsewhere, or nowhere.",
    fix="Select node.kubernetes.io/instance-type: eklet.",
    source="imroc/tke-guide: SGLang DeepSeek-R1 guide",
)
def test_super_pods_select_super_nodes(deployment: ManifestSet) -> Outcomes:
    """A pod meant for super nodes SHOULD select them."""
    for template in _super_pods(deployment):
        if not selects(template):
            selector = template.spec["nodeSelector"]
            place = selector if selector.exists else template.node
            yield Finding(place, f"{template.title} does not select super nodes", "instance-type eklet")
