"""JOB: the download of the model, and its agreement with what the engine reads."""

from collections.abc import Iterator
from fractions import Fraction

from seatrial.finding import CannotTell, Finding, NotApplicable, Place
from seatrial.knowledge import models, transfers
from seatrial.knowledge.regions import is_mainland
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.workloads import pod_templates
from seatrial.nodes.scheduling import fit
from seatrial.requirement import Outcomes, requirement
from seatrial.storage.claims import exists_outside
from seatrial.storage.download import ModelDownload, downloads
from seatrial.storage.model import SUPPLY, directory_read, directory_written, known_repository, model_path
from seatrial.storage.model_volumes import downloaded_checkpoint
from seatrial.storage.mounts import Directory, claim_name
from seatrial.workload.serving import GPU, Group, Role, groups

RETRIES = 20
DEADLINE_RESERVE = Fraction(12, 10)
# A download of the FP8 checkpoint at 100 Mbit/s, the guide's own figure with the reserve.
USUAL_DEADLINE = 64_800
FULL_MODEL = "deepseek-ai/DeepSeek-R1"
EIP = "eks.tke.cloud.tencent.com/eip-attributes"
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def _need(manifests: ManifestSet, *kinds: str) -> list[Document]:
    """The workloads of these kinds. Raises NotApplicable when there are none."""
    found = manifests.of_kind(*kinds)
    if not found:
        raise NotApplicable(f"the set has no {' or '.join(kinds)}")
    return found


@requirement(
    "JOB-01",
    why="The API server refuses the Job, while published schemas accept it.",
    fix="Write restartPolicy: OnFailure into the pod template.",
)
def test_jobs_do_not_restart_always(deployment: ManifestSet) -> Outcomes:
    """A Job's pod template MUST have restartPolicy OnFailure or Never."""
    for document in _need(deployment, "Job", "CronJob"):
        for template in pod_templates(document):
            policy = template.spec["restartPolicy"]
            if policy.text not in ("OnFailure", "Never"):
                yield Finding(policy, f"restartPolicy {policy.text or 'Always, the default'}", "OnFailure or Never")


@requirement(
    "JOB-02",
    why="The API server refuses the DaemonSet.",
    fix="Leave restartPolicy out, and let the container sleep when it is done.",
)
def test_daemon_sets_restart_always(deployment: ManifestSet) -> Outcomes:
    """A DaemonSet's pod template MUST have restartPolicy Always or none."""
    for document in _need(deployment, "DaemonSet"):
        for template in pod_templates(document):
            policy = template.spec["restartPolicy"]
            if policy.raw is not None and policy.text != "Always":
                yield Finding(policy, f"restartPolicy {policy.raw}", "Always, or no restartPolicy")


@requirement(
    "JOB-03",
    why="The server starts on an empty path.",
    fix="Mount the same volume in download, leader and workers, and give both programs the same directory of it.",
    source="imroc/tke-guide: SGLang DeepSeek-R1 guide",
)
def test_engine_reads_what_is_downloaded(group: Group) -> Outcomes:
    """The directory the download writes MUST be the directory `--model-path` reads."""
    written = [(download, directory_written(download)) for download in _own_downloads(group)]
    for download, directory in written:
        if directory is None:
            word = download.download.directory
            place = download.place_of(word) if word else download.container
            yield Finding(place, "the download writes to no volume", "a directory on a volume that the engine mounts")
    for role in group.roles:
        yield from _unwritten(role, {directory for _, directory in written if directory is not None})


def _own_downloads(group: Group) -> list[ModelDownload]:
    """The downloads of the set that no other group reads. Raises NotApplicable when there are none."""
    own = [download for download in downloads(group.manifests) if not _is_for_another(download, group)]
    if not own:
        raise NotApplicable("the set downloads no model for this group")
    return own


def _is_for_another(download: ModelDownload, group: Group) -> bool:
    others = [other for other in groups(group.manifests) if other.document is not group.document]
    if not others:
        return False
    directory = directory_written(download)
    read = any(directory_read(role) == directory for role in group.roles)
    return not read and any(directory_read(role) == directory for other in others for role in other.roles)


def _unwritten(role: Role, written: set[Directory]) -> Iterator[Finding | CannotTell]:
    read = directory_read(role)
    if not written or read in written:
        return
    expected = " or ".join(map(str, written))
    if read is None:
        observed = f"the {role.name} reads {model_path(role)}, which is on no volume"
    else:
        observed = f"the {role.name} reads {read}"
        name = claim_name(read.volume)
        if name and exists_outside(role.manifests, role.group.namespace, name):
            yield CannotTell(f"whether claim {name}, which is not in the set, holds the model")
            return
    yield Finding(role.place("model_path"), observed, f"{expected}, where the download writes")


def _spec_of_job(download: ModelDownload) -> Node:
    """The JobSpec of a download. Raises NotApplicable when another kind of workload downloads."""
    document = download.document
    if document.kind == "CronJob":
        return document.at("spec", "jobTemplate", "spec")
    if document.kind != "Job":
        raise NotApplicable(f"{download.title} is no Job")
    return document["spec"]


@requirement(
    "JOB-04",
    why="backoffLimit defaults to 6, and a download of 15 hours meets more interruptions.",
    fix="Set backoffLimit to 20 or more; a retry goes on where the last one stopped.",
)
def test_download_is_retried(download: ModelDownload) -> Outcomes:
    """The download Job SHOULD allow at least 20 retries."""
    limit = _spec_of_job(download)["backoffLimit"]
    if limit.integer is None or limit.integer < RETRIES:
        yield Finding(
            limit, f"backoffLimit {'6, the default' if limit.raw is None else limit.raw}", f"at least {RETRIES}"
        )


@requirement(
    "JOB-05",
    why="The Job is killed shortly before it ends.",
    fix="Leave activeDeadlineSeconds out, or raise it.",
)
def test_deadline_outlasts_the_download(download: ModelDownload) -> Outcomes:
    """A deadline on the download Job SHOULD leave at least 1.2 times the computed download time."""
    spec = _spec_of_job(download)
    deadlines = [spec["activeDeadlineSeconds"], download.template.spec["activeDeadlineSeconds"]]
    if all(deadline.integer is None for deadline in deadlines):
        return
    needed = _seconds_needed(download)
    for deadline in deadlines:
        if deadline.integer is not None and deadline.integer < needed:
            yield Finding(deadline, f"a deadline of {deadline.integer:,} s", f"at least {needed:,} s")


def _seconds_needed(download: ModelDownload) -> int:
    size = downloaded_checkpoint(download).file_bytes
    rate = download.manifests.target.get("download.mbit_s")
    if rate:
        return round(transfers.download_seconds(size, float(rate)) * DEADLINE_RESERVE)
    full = models.checkpoint("fp8")
    return USUAL_DEADLINE if full is None else round(Fraction(USUAL_DEADLINE) * size / full.file_bytes)


@requirement(
    "JOB-06",
    why="huggingface.co is not reachable from mainland China.",
    fix="Use modelscope download, or set HF_ENDPOINT to a mirror.",
)
def test_hub_is_reachable(download: ModelDownload) -> Outcomes:
    """A download in mainland China SHOULD use ModelScope or a Hugging Face mirror."""
    region = download.manifests.target.get("cluster.region")
    mainland = is_mainland(region) if region else True
    if mainland is None:
        raise CannotTell(f"whether region {region} is in mainland China")
    if not mainland:
        raise NotApplicable(f"{region} is not in mainland China")
    used = download.download
    endpoint = used.endpoint
    if endpoint is not None and not endpoint.known:
        raise CannotTell("the value of HF_ENDPOINT is not known from the manifests")
    hub = endpoint.text if endpoint is not None and endpoint.text else "huggingface.co"
    if used.tool != "modelscope" and "huggingface" in hub.lower():
        yield Finding(_place(download), f"downloads from {hub}", "ModelScope, or HF_ENDPOINT of a mirror")


def _place(download: ModelDownload) -> Place:
    """Where the download is started."""
    command = download.download.command
    return download.place_of(command[0]) if command else download.container


@requirement(
    "JOB-07",
    why="Other members of the family pass every other check and answer badly.",
    fix=f"Download {FULL_MODEL}; if the set is meant to serve another model, state it: [model] repository.",
)
def test_full_model_is_downloaded(download: ModelDownload) -> Outcomes:
    """The downloaded repository MUST be the 671B model that the set serves."""
    if not groups(download.manifests) and _uses_gpus(download.manifests):
        raise NotApplicable("the set serves with another engine than SGLang")
    word = download.download.repository
    if word is None or not word.known:
        raise CannotTell(f"the repository that {download.title} downloads is not known from the manifests")
    name = word.text
    stated = download.manifests.target.get("model.repository")
    if name == stated:
        return
    wanted = models.repository(stated or FULL_MODEL)
    found = models.repository(name)
    if found is None and known_repository(name) is None:
        raise CannotTell(f"{name}, which {download.title} downloads, is no repository that seatrial knows", SUPPLY)
    if found is None or wanted is None or (found.model, found.full) != (wanted.model, wanted.full):
        yield Finding(download.place_of(word), f"downloads {name}", stated or FULL_MODEL)


def _uses_gpus(manifests: ManifestSet) -> bool:
    return any(
        container.at("resources", "limits", GPU).exists
        for template in manifests.pod_templates
        for container in template.containers
    )


@requirement(
    "JOB-08",
    why="It would hold GPUs for 16 hours.",
    fix="Leave nvidia.com/gpu out of the download's resources.",
)
def test_download_holds_no_gpus(download: ModelDownload) -> Outcomes:
    """The download Job SHOULD NOT ask for GPUs."""
    _need_own_pod(download)
    for container in download.template.all_containers:
        for field in ("limits", "requests"):
            node = container.at("resources", field, GPU)
            if node.exists and node.raw not in (0, "0"):
                yield Finding(node, f"{field} {GPU}: {node.raw}", "no GPUs")


def _need_own_pod(download: ModelDownload) -> None:
    """Raises NotApplicable when the download is an init container of the engine."""
    if any(group.document is download.document for group in groups(download.manifests)):
        raise NotApplicable(f"{download.title} downloads in an init container")


@requirement(
    "JOB-09",
    why="Without them it is evicted first.",
    fix="Set resources.requests, for example cpu 2 and memory 8Gi.",
)
def test_download_requests_resources(download: ModelDownload) -> Outcomes:
    """The download Job SHOULD declare cpu and memory requests."""
    _need_own_pod(download)
    resources = download.container["resources"]
    # The API server copies a limit into an absent request.
    missing = [name for name in ("cpu", "memory") if not any(resources[f][name].exists for f in ("requests", "limits"))]
    if missing:
        yield Finding(resources["requests"], f"no request for {' and '.join(missing)}", "requests for cpu and memory")


@requirement(
    "JOB-10",
    why="It is the usual reason for a stalled download; native and super nodes have no way out by default.",
    fix="Give the subnet a NAT gateway or the pods an elastic address, and state pool.public_network.",
    source="TC 457/54485",
)
def test_download_reaches_the_public_network(download: ModelDownload) -> Outcomes:
    """The nodes that run the download MUST have a way to the public network."""
    target = download.manifests.target
    if EIP in download.template.annotations or any(download.variable(name) for name in PROXIES):
        return
    labels = target.get("pool.labels")
    if labels is not None and fit(download.template, labels.get).broken:
        raise CannotTell(f"{download.title} runs on other nodes than the pool's")
    if not target.need("pool.public_network"):
        yield Finding(
            target.place("pool.public_network"),
            f"{download.title} runs on nodes without public network",
            "a way to the public network",
        )
