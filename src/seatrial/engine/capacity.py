"""How many tokens the KV pool has, and how many of prompts a step takes: from hardware and command line."""

from dataclasses import replace

from seatrial.engine.latency.costs import Costs
from seatrial.engine.latency.presets import Chosen, Preset
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai.information import POOL_TOKENS

_CHUNK = 8192
"""SGLang's chunked prefill size on GPUs of 60 to 160 GiB (deepseek-r1 facts 3)."""


def costs_of(chosen: Chosen, args: ServerArgs) -> Costs:
    """The costs with pool and chunk filled in.

    Raises ValueError where weights leave no room for a pool; the message is one line for the user.
    """
    costs = chosen.costs
    tokens = costs.pool_tokens or (_of_memory(chosen.preset, args) if chosen.preset is not None else POOL_TOKENS)
    most = args.get("max_total_tokens")
    size = int(args.get("chunked_prefill_size", costs.chunk_tokens or _CHUNK))
    chunk = size if size > 0 else args.context_length  # -1 switches chunks off
    return replace(costs, pool_tokens=min(tokens, int(most)) if most else tokens, chunk_tokens=chunk)


def pool_tokens(chosen: Chosen | None, args: ServerArgs) -> int:
    """Tokens of the KV pool, as the engine tells them. Raises ValueError as `costs_of` does."""
    return costs_of(chosen, args).pool_tokens if chosen is not None else int(args.get("max_total_tokens", POOL_TOKENS))


def _of_memory(preset: Preset, args: ServerArgs) -> int:
    """What the memory model leaves for a pool on the hardware that was named."""
    from seatrial.knowledge import memory, models
    from seatrial.knowledge.gpus import gpus

    gpu = next(one for one in gpus() if one.name == preset.gpu)
    checkpoint, model = models.checkpoint("fp8"), models.models()["deepseek-671b"]
    if gpu.usable_gib is None or checkpoint is None:
        raise ValueError(f"--batch {preset.name}: how much memory it has is not known; add pool=TOKENS")
    constant = memory.default_fraction(args.release.version, preset.tp)
    fraction = float(args.get("mem_fraction_static", constant or preset.fraction))
    element = 1 if str(args.get("kv_cache_dtype", "auto")).startswith("fp8") else 2
    room = memory.pool_bytes(gpu.usable_gib, fraction) - memory.weights_bytes(checkpoint, preset.tp)
    tokens = int(room // memory.kv_bytes_per_token(model, preset.tp, element_bytes=element))
    if tokens < 1:
        raise ValueError(f"--batch {preset.name}: weights leave no room for a KV cache at {fraction:g} of the memory")
    return tokens
