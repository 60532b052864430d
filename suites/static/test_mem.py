"""MEM: GPU memory arithmetic."""

from fractions import Fraction

from seatrial.finding import Finding, Place
from seatrial.knowledge.memory import OVERHEAD_GIB
from seatrial.manifests.quantity import binary
from seatrial.nodes.gpu_memory import Occupancy, occupancies
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.serving import Role

SMALLEST_CACHE = 8_192
SOURCES = ("sgl-project/sglang: python/sglang/srt/model_executor/model_runner.py", "sglang#322")


@requirement(
    "MEM-01",
    why='"Not enough memory. Please try to increase --mem-fraction-static" ends the start, after the whole download.',
    fix="Spread the model over more or larger GPUs (--tp-size, --pp-size), or raise --mem-fraction-static.",
    source=SOURCES,
)
def test_model_fits_the_gpus(role: Role) -> Outcomes:
    """The weights and 8,192 tokens of KV cache MUST fit on each GPU."""
    for held in occupancies(role):
        needed = held.weights + held.cache(SMALLEST_CACHE)
        if needed > held.pool:
            observed = (
                f"{binary(Fraction(needed))} for weights and {SMALLEST_CACHE:,} tokens on each GPU, with {_sizes(held)}"
            )
            yield Finding(_place(role, held, needed), observed, f"at most {_pool(held)}", fix=_fix(held, needed))
        elif not held.exact:
            yield held.unknown()


def _place(role: Role, held: Occupancy, needed: float) -> Place:
    return role.place("mem_fraction_static" if held.fraction_is_to_blame(needed) else "tp_size")


def _fix(held: Occupancy, needed: float) -> str:
    return "" if needed <= held.pool_at(1.0) else "No --mem-fraction-static helps: take more GPUs, or larger ones."


def _sizes(held: Occupancy) -> str:
    pp = f" and --pp-size {held.sizes.pp}" if held.sizes.pp > 1 else ""
    return f"--tp-size {held.sizes.tp}{pp}"


def _pool(held: Occupancy) -> str:
    arithmetic = f"{held.fraction.at_most:g} x ({held.usable_gib:g} - {OVERHEAD_GIB:g}) GiB"
    gpu = held.accelerator
    return f"{binary(Fraction(held.pool))} = {arithmetic} of {gpu.gpu.name} ({gpu.evidence})"


@requirement(
    "MEM-02",
    why="A request of the advertised length can never run.",
    fix="Advertise less with --context-length, or make room: more GPUs, a larger fraction, an FP8 KV cache.",
    source=SOURCES,
)
def test_cache_holds_the_longest_request(role: Role) -> Outcomes:
    """The KV cache SHOULD hold at least one request of full context length."""
    for held in occupancies(role):
        tokens = min(held.tokens, role.number("max_total_tokens", held.tokens))
        wanted = role.number("context_length", held.served.model.max_positions)
        if tokens < wanted:
            needed = held.weights + held.cache(wanted)
            place = role.place("context_length") if role.given("context_length") else _place(role, held, needed)
            observed = f"room for {tokens:,} tokens in {_pool(held)}"
            yield Finding(place, observed, f"{wanted:,} tokens, the context length")
        elif not held.exact:
            yield held.unknown()
