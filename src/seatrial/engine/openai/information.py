"""What the engine tells of itself (sglang-server facts 3.3)."""

from typing import Any

from seatrial.engine.http.messages import Reply
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai.errors import JSON, compact
from seatrial.engine.state import State

POOL_TOKENS = 510_000
"""Tokens of the KV pool of 16 H20, where nothing else says it."""
_FLUSHED = (
    b"Cache flushed.\nPlease check backend logs for more details. "
    b"(When there are running or waiting requests, the operation will not be performed.)\n"
)


def _json(value: object) -> Reply:
    return Reply(200, (JSON,), compact(value))


def _card(args: ServerArgs, now: int) -> dict[str, Any]:
    name = args.served_model_name
    card: dict[str, Any] = {"id": name, "object": "model", "created": now, "owned_by": "sglang", "root": name}
    if args.release.since("0.4.6"):
        card |= {"parent": None, "max_model_len": args.context_length}
    return card


def models(args: ServerArgs, now: int) -> Reply:
    return _json({"object": "list", "data": [_card(args, now)]})


def model(args: ServerArgs, name: str, now: int) -> Reply:
    if name == args.served_model_name:
        return _json(_card(args, now))
    message = f"The model '{name}' does not exist"
    error = {"message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
    return Reply(404, (JSON,), compact({"error": error}))


def model_info(args: ServerArgs) -> Reply:
    found: dict[str, Any] = {
        "model_path": args.model_path,
        "tokenizer_path": args.get("tokenizer_path") or args.model_path,
        "is_generation": True,
    }
    if args.release.since("0.5.7"):
        found |= {
            "preferred_sampling_params": None,
            "weight_version": "default",
            "has_image_understanding": False,
            "has_audio_understanding": False,
            "model_type": "deepseek_v3",
            "architectures": ["DeepseekV3ForCausalLM"],
        }
    if args.release.since("0.5.23"):
        found |= {
            "served_model_name": args.served_model_name,
            "load_format": args.get("load_format"),
            "reasoning_parser": args.reasoning_parser,
            "tool_call_parser": args.tool_call_parser,
            "disaggregation_mode": args.get("disaggregation_mode"),
        }
    return _json(found)


def server_info(args: ServerArgs, state: State) -> Reply:
    """Every argument, the API key among them, as the real one tells it (facts 0.9)."""
    pool = int(args.get("max_total_tokens") or POOL_TOKENS)
    shown = {dest: value for dest, value in args.values.items() if dest != "help"}
    shown |= {"served_model_name": args.served_model_name}
    found: dict[str, Any] = {
        **shown,
        "status": "ready",
        "max_total_num_tokens": pool,
        "max_req_input_len": args.context_length - 6,
        "version": args.release.version,
    }
    if args.release.since("0.5.0"):
        memory = {"weight": 40.2, "kvcache": 20.0, "token_capacity": pool, "graph": 2.0}
        inner = {"last_gen_throughput": 0.0, "memory_usage": memory, "effective_max_running_requests_per_dp": 2048}
        found["internal_states"] = [{**inner, "num_running_reqs": state.running}]
    if args.release.since("0.5.23"):
        found["frontend"] = "python"
    return _json(found)


def loads(state: State) -> Reply:
    load = {"dp_rank": 0, "num_running_reqs": state.running, "num_waiting_reqs": state.queued, "num_tokens": 0}
    return _json({"loads": [load]})


def flushed() -> Reply:
    return Reply(200, ((b"content-type", b"text/plain; charset=utf-8"),), _FLUSHED)
