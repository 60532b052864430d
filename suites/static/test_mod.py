"""MOD: constants of the model against parallelism, quantisation and context length."""

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.knowledge.models import Model
from seatrial.requirement import Outcomes, requirement
from seatrial.storage.model import served
from seatrial.workload.parallelism import parallelism
from seatrial.workload.serving import Role

LONGER_CONTEXT = "SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN"
TRUE = ("1", "true", "yes", "y", "on", "t")
DEEPSEEK_CONFIG = "deepseek-ai/DeepSeek-R1: config.json"


@requirement(
    "MOD-01",
    why="The engine stops at its start with an assertion: every rank computes a whole number of heads.",
    fix="Choose a tensor-parallel size that divides the number of heads, for R1 a power of two up to 128.",
    source=DEEPSEEK_CONFIG,
)
def test_tensor_parallel_size_divides_the_heads(role: Role) -> Outcomes:
    """The tensor-parallel size MUST divide the number of attention heads."""
    heads, sizes = served(role.group).model.heads, parallelism(role)
    if sizes.tp % sizes.attention_dp or heads % sizes.attention_tp:
        ranks = f"--tp-size {sizes.tp}" + (f" over {sizes.attention_dp} replicas" if sizes.attention_dp > 1 else "")
        yield Finding(role.place("tp_size"), f"{ranks} for {heads} attention heads", f"a divisor of {heads}")


@requirement(
    "MOD-02",
    why='Loading ends with "not divisible by weight quantization block": more ranks make the slices too thin.',
    fix="Use tp 16 at most; beyond 16 GPUs use --pp-size, or --ep-size with --moe-dense-tp-size 1.",
    source=("sglang#10641", "sglang#3345", "sglang#3491", "sglang#4791"),
)
def test_shards_keep_quantisation_blocks_whole(role: Role) -> Outcomes:
    """With the FP8 block-quantised checkpoint the tensor-parallel size MUST keep every shard a multiple of the
    128 x 128 block.
    """
    model, checkpoint = served(role.group).model, served(role.group).checkpoint
    if not checkpoint.block:
        raise NotApplicable(f"the {checkpoint.name} checkpoint has no quantisation blocks")
    sizes = parallelism(role)
    for width, parts, layers in (
        (model.expert_intermediate, sizes.tp / sizes.ep, "experts"),
        (model.intermediate, min(sizes.dense_tp, sizes.tp), "dense layers"),
    ):
        if (width / parts) % checkpoint.block:
            yield Finding(
                role.place("tp_size"),
                f"--tp-size {sizes.tp}: the {layers} are cut into {width} / {parts:g} = {width / parts:g}",
                f"a multiple of {checkpoint.block}",
            )


@requirement(
    "MOD-03",
    why="The checkpoint says itself how it is quantised; SGLang's documentation forbids the flag for it.",
    fix="Leave --quantization out.",
    source="sgl-project/sglang: docs/basic_usage/deepseek_v3.md",
)
def test_quantised_checkpoint_is_not_quantised_again(role: Role) -> Outcomes:
    """An already quantised checkpoint SHOULD NOT be started with `--quantization fp8`."""
    if role.value("quantization") != "fp8":
        return
    checkpoint = served(role.group).checkpoint
    if checkpoint.name != "bf16":
        observed = f"--quantization fp8 with the {checkpoint.name} checkpoint"
        yield Finding(role.place("quantization"), observed, "no --quantization")


@requirement(
    "MOD-04",
    why="The engine refuses to start with more than the model was made for.",
    fix=f"Lower --context-length, or set {LONGER_CONTEXT}=1 and live with the answers.",
    source=DEEPSEEK_CONFIG,
)
def test_context_is_one_the_model_knows(role: Role) -> Outcomes:
    """The context length MUST NOT exceed 163,840.

    That is DeepSeek-R1's; for another model its own longest context counts.
    """
    if role.given("context_length") is None:
        raise NotApplicable("--context-length is not given")
    if _may_be_longer(role):
        raise NotApplicable(f"{LONGER_CONTEXT} is set")
    wanted, longest = role.number("context_length", 0), _model(role).max_positions
    if wanted > longest:
        yield Finding(role.place("context_length"), f"--context-length {wanted:,}", f"{longest:,} at most")


def _may_be_longer(role: Role) -> bool:
    value = role.variable(LONGER_CONTEXT)
    if value is None and LONGER_CONTEXT in role.engine_environment:
        raise CannotTell(f"the value of {LONGER_CONTEXT} is not known", "a literal value in the manifest")
    return value is not None and value.lower() in TRUE


def _model(role: Role) -> Model:
    return served(role.group).model


@requirement(
    "MOD-05",
    why="The engine stops with an assertion: every rank holds a whole number of experts.",
    fix="Choose an expert-parallel size that divides the number of experts, for R1 a power of two up to 256.",
    source=DEEPSEEK_CONFIG,
)
def test_experts_are_divided_evenly(role: Role) -> Outcomes:
    """Expert parallelism MUST divide the 256 routed experts, and tp stays within them."""
    experts = _model(role).experts
    if not experts:
        raise NotApplicable(f"{_model(role).title} has no experts")
    sizes = parallelism(role)
    if experts % sizes.ep:
        observed = f"expert-parallel size {sizes.ep} for {experts} experts"
        yield Finding(role.place("ep_size"), observed, f"a divisor of {experts}")
    if sizes.tp > experts:
        yield Finding(role.place("tp_size"), f"--tp-size {sizes.tp} for {experts} experts", f"{experts} at most")
