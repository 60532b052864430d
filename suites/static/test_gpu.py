"""GPU: GPU model, compute capability, driver."""

from collections.abc import Iterator

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.knowledge import nodes
from seatrial.knowledge.gpus import CAPABILITY_ADVISED, CAPABILITY_FLOOR, CAPABILITY_FP8, documented
from seatrial.knowledge.images import cuda_of_tag, reference
from seatrial.manifest_set import ManifestSet
from seatrial.nodes.hardware import Accelerator, need_accelerators
from seatrial.requirement import Outcomes, requirement
from seatrial.storage.model import served
from seatrial.workload.serving import Role, groups

WEIGHT_ONLY = "humming"
FULL_MODEL = "deepseek-671b"


def _below(role: Role, floor: tuple[int, int]) -> Iterator[tuple[Accelerator, str]]:
    """The GPUs of a role with a compute capability below `floor`, and how to say so."""
    for accelerator in need_accelerators(role):
        gpu = accelerator.gpu
        if gpu.capability < floor:
            yield accelerator, f"{gpu.name}, compute capability {_dotted(gpu.capability)} ({accelerator.evidence})"


def _dotted(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"


@requirement(
    "GPU-01",
    why="These GPUs pass SGLang's own gate and end in Triton: type fp8e4nv not supported in this architecture.",
    fix="Use GPUs with FP8 such as H20, H100, H200, or a BF16, INT8 or AWQ checkpoint.",
    source=("skypilot-org/skypilot#4723", "vllm#12581", "sglang#4364", "deepseek-ai/DeepSeek-R1#588"),
)
def test_fp8_checkpoint_has_gpus_with_fp8(role: Role) -> Outcomes:
    """GPUs that run the FP8 checkpoint MUST have compute capability 8.9 or higher, unless a weight-only path is chosen
    explicitly.
    """
    _need_fp8(role)
    if role.value("quantization") == WEIGHT_ONLY:
        raise NotApplicable("--quantization humming reads FP8 weights only (GPU-05 judges that)")
    for accelerator, observed in _below(role, CAPABILITY_FP8):
        yield Finding(accelerator.place, observed, f"{_dotted(CAPABILITY_FP8)} or higher for the FP8 checkpoint")


def _need_fp8(role: Role) -> None:
    checkpoint = served(role.group).checkpoint
    if not checkpoint.native_fp8:
        raise NotApplicable(f"the {checkpoint.name} checkpoint needs no FP8 in hardware")


@requirement(
    "GPU-02",
    why="The engine refuses to start and says that SGLang only supports sm75 and above.",
    fix="Use newer GPUs.",
    source="sgl-project/sglang: python/sglang/srt/model_executor/model_runner.py",
)
def test_gpus_are_ones_that_sglang_runs_on(role: Role) -> Outcomes:
    """GPUs MUST have compute capability 7.5 or higher."""
    for accelerator, observed in _below(role, CAPABILITY_FLOOR):
        yield Finding(accelerator.place, observed, f"{_dotted(CAPABILITY_FLOOR)} or higher")


@requirement(
    "GPU-03",
    why="Below 8.0 SGLang falls back to float16, and FP8 checkpoints are not even loaded.",
    fix="Use GPUs from the A100 on.",
    source="sgl-project/sglang: python/sglang/srt/layers/quantization/fp8.py",
)
def test_gpus_have_bfloat16(role: Role) -> Outcomes:
    """GPUs SHOULD have compute capability 8.0 or higher."""
    for accelerator, observed in _below(role, CAPABILITY_ADVISED):
        yield Finding(accelerator.place, observed, f"{_dotted(CAPABILITY_ADVISED)} or higher")


@requirement(
    "GPU-04",
    why="Combinations that nobody has proven fail late, after the download and while loading.",
    fix="Choose a combination of checkpoint, GPU and number from SGLang's documentation.",
    source="sgl-project/sglang: docs/basic_usage/deepseek_v3.md",
)
def test_gpu_model_is_documented_for_the_checkpoint(role: Role) -> Outcomes:
    """The GPU model SHOULD be one that SGLang documents for the chosen checkpoint.

    More GPUs than the documentation names are fine, fewer are not.
    """
    form = served(role.group)
    if form.model.name != FULL_MODEL:
        raise NotApplicable(f"the documentation says nothing about {form.model.title}")
    count = _gpus(role)
    for accelerator in need_accelerators(role):
        fewest = _documented(form.checkpoint.name, accelerator)
        if fewest is None or count < fewest:
            observed = f"{count} x {accelerator.gpu.name} for {form.checkpoint.name} ({accelerator.evidence})"
            yield Finding(accelerator.place, observed, _offers(form.checkpoint.name))


def _gpus(role: Role) -> int:
    """GPUs of a group: those its pods ask for, else those its ranks need."""
    group = role.group
    leader, worker = group.leader.gpus, (group.worker or group.leader).gpus
    return leader + (group.size - 1) * worker if leader and worker else group.tp * group.pp


def _documented(checkpoint: str, accelerator: Accelerator) -> int | None:
    name = accelerator.gpu.name
    return min((row.count for row in documented() if row.checkpoint == checkpoint and name in row.gpus), default=None)


def _offers(checkpoint: str) -> str:
    rows = [row for row in documented() if row.checkpoint == checkpoint]
    return "; ".join(f"{row.count} x {', '.join(row.gpus)}" for row in rows)


@requirement(
    "GPU-05",
    why="No public result of R1 on such GPUs is known.",
    fix="Use GPUs with FP8, or an INT8 or AWQ checkpoint.",
    source="sglang#23754",
)
def test_deployment_does_not_rest_on_weight_only_fp8(role: Role) -> Outcomes:
    """A deployment SHOULD NOT rest on the weight-only FP8 path below 8.9."""
    if role.value("quantization") != WEIGHT_ONLY:
        return
    _need_fp8(role)
    for _, observed in _below(role, CAPABILITY_FP8):
        yield Finding(role.place("quantization"), f"--quantization {WEIGHT_ONLY} on {observed}", "FP8 in hardware")


@requirement(
    "GPU-06",
    why="The engine ends with an undefined symbol cuTensorMapEncodeTiled, or finds no kernel image.",
    fix="Install a newer driver, or take an image built for an older CUDA.",
    source=("triton-lang/triton#4330", "imroc/tke-guide: SGLang DeepSeek-R1 guide, FAQ"),
)
def test_driver_supports_the_image_s_cuda(deployment: ManifestSet) -> Outcomes:
    """The NVIDIA driver MUST support the CUDA version of the image."""
    serving = groups(deployment)
    if not serving:
        raise NotApplicable("nothing in the set runs SGLang")
    driver = deployment.target.need("pool.driver")
    for cuda in sorted({_cuda(role) for group in serving for role in group.roles}):
        floor = nodes.driver_floor(cuda)
        if floor is None:
            yield CannotTell(f"which driver CUDA {cuda} needs is not known")
        elif not nodes.driver_supports(driver, cuda):
            minimum = ".".join(map(str, floor.minimum_driver))
            place = deployment.target.place("pool.driver")
            yield Finding(place, f"driver {driver} with an image of CUDA {cuda}", f"driver {minimum} or newer")


def _cuda(role: Role) -> str:
    stated = role.manifests.target.get("engine.cuda") or cuda_of_tag(reference(role.image).tag or "")
    if stated is None:
        raise CannotTell(f"the CUDA version of image {role.image or '(none)'}", 'seatrial.toml: [engine] cuda = "12.9"')
    return str(stated)
