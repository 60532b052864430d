"""Memory arithmetic: bytes of weights, of KV cache, and of the pool that both share on a GPU.

SGLang's own rule (sgl-project/sglang: python/sglang/srt/model_executor/model_runner.py, profile_max_num_token):
pool = free memory before loading x fraction - weights. `OVERHEAD_GIB` is the one fitted constant; against public
measurements the model is 0.5 % off (2 x 8 H20: 712,400 tokens logged) and 1.2 % off (8 x H200: about 509,000).
"""

from seatrial.knowledge import versions
from seatrial.knowledge.models import Checkpoint, Model

GIB = 2**30
OVERHEAD_GIB = 2.0
"""CUDA context and NCCL on each GPU."""

_FIRST_CONSTANT, _LAST_CONSTANT = "0.4.1.post7", "0.4.5.post2"
_FRACTIONS = ((16, 0.79), (8, 0.81), (4, 0.85), (2, 0.87), (1, 0.88))


def weights_bytes(checkpoint: Checkpoint, tp: int, pp: int = 1, ep: int = 1, *, mtp: bool = False) -> float:
    """Bytes of weights on one GPU, tensor-parallel size `tp` and pipeline-parallel size `pp`.

    Expert parallelism hands out whole experts instead of slices of each, which is the same number of bytes, so
    `ep` has no effect. With attention data parallelism the attention weights are held more often: the figure is
    then a lower bound. `mtp` adds the draft layer. Raises ValueError unless all sizes are positive.
    """
    if min(tp, pp, ep) < 1:
        raise ValueError(f"parallel sizes must be positive, got tp {tp}, pp {pp}, ep {ep}")
    sharded = checkpoint.gpu_bytes - checkpoint.replicated_bytes + (checkpoint.mtp_bytes if mtp else 0)
    return (sharded / tp + checkpoint.replicated_bytes) / pp


def kv_bytes_per_token(model: Model, tp: int = 1, pp: int = 1, element_bytes: int = 2) -> float:
    """Bytes of KV cache per token on one GPU; `element_bytes` is 2 for BF16 and 1 for an FP8 cache.

    Latent attention (MLA) stores the same values on every tensor-parallel rank, so `tp` does not divide them;
    grouped-query attention divides its heads, but no further than one per rank.
    """
    if model.attention == "mla":
        values = float(model.kv_lora_rank + model.rope_dim)
    else:
        values = 2.0 * model.head_dim * max(model.kv_heads / tp, 1)
    return values * model.layers * element_bytes / pp


def pool_bytes(usable_gib: float, fraction: float) -> float:
    """Bytes that weights and KV cache share on a GPU with `usable_gib` GiB, for `--mem-fraction-static`."""
    return (usable_gib - OVERHEAD_GIB) * fraction * GIB


def default_fraction(sglang_version: str, tp: int) -> float | None:
    """SGLang's `--mem-fraction-static` when the flag is absent; None where it is computed from the GPU at start.

    Constants in 0.4.1.post7 to 0.4.5.post2 (python/sglang/srt/server_args.py, every release read); 0.4.5.post3
    is the first that looks at the GPU's memory.
    """
    version = versions.parse(sglang_version)
    first, last = versions.parse(_FIRST_CONSTANT), versions.parse(_LAST_CONSTANT)
    if version is None or first is None or last is None or not first <= version <= last:
        return None
    return next((fraction for size, fraction in _FRACTIONS if tp >= size), None)
