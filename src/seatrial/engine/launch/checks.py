"""What SGLang asserts about its arguments once they are parsed (sglang-server facts 1.4), per release."""

from collections.abc import Iterator

from seatrial.engine.launch.parser import Exit
from seatrial.engine.launch.server_args import ServerArgs

_DP_ACROSS_NODES_NOW = (
    "multi-node data-parallel replicas are not supported; use attention DP (--attn-dp-size) across nodes"
)


def check(args: ServerArgs, *, longer_context: bool = False) -> None:
    """Raises Exit with the traceback of the first assertion that fails, exit code 1.

    `longer_context`: SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN is set.
    """
    for error in _failing(args, longer_context):
        raise Exit(1, error=traceback(error))


def traceback(error: str) -> str:
    """An exception as Python ends with it; frames of a program that is not there are left out."""
    return f"Traceback (most recent call last):\n{error}\n"


def _failing(args: ServerArgs, longer_context: bool) -> Iterator[str]:
    release = args.release
    ranks = args.tp_size * args.pp_size if release.since("0.4.10") else args.tp_size
    if args.nnodes < 1 or ranks % max(args.nnodes, 1):
        yield "AssertionError: tp_size must be divisible by number of nodes"
    if args.dp_size > 1 and args.nnodes > 1:
        if release.since("0.5.22"):
            yield f"AssertionError: {_DP_ACROSS_NODES_NOW}"
        elif not args.on("enable_dp_attention"):
            yield "AssertionError: multi-node data parallel is not supported unless dp attention!"
    attention = int(args.get("attn_dp_size", 1)) * int(args.get("attn_cp_size", 1))
    if attention > 1 and args.tp_size % attention:
        yield f"AssertionError: tp_size ({args.tp_size}) must be divisible by attn_dp_size * attn_cp_size ({attention})"
    if attention > 1 and args.dp_size > 1:
        yield "AssertionError: dp_size and attn_dp_size cannot both be larger than 1"
    if int(args.get("base_gpu_id", 0)) < 0:
        yield "AssertionError: base_gpu_id must be non-negative"
    if release.since("0.5.0") and args.get("moe_dense_tp_size") not in (None, 1):
        yield "AssertionError: moe_dense_tp_size only support 1 and None currently"
    if release.since("0.5.0") and ":" in args.served_model_name:
        yield "AssertionError: served_model_name cannot contain a colon (':') character"
    stated = args.get("context_length")
    if stated is not None and stated > args.model_length and not longer_context:
        yield (
            f"ValueError: User-specified context_length ({stated}) is greater than the derived context_length "
            f"({args.model_length}). This may lead to incorrect model outputs or CUDA errors. "
            "To allow overriding this maximum, set the env var SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN=1"
        )
