"""What the engine tells of itself (sglang-server facts 3.3)."""

import time
from collections.abc import Mapping
from typing import Any

from seatrial.engine.http.messages import Reply
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai.errors import JSON, compact, detail
from seatrial.engine.state import State

POOL_TOKENS = 510_000
"""Tokens of the KV pool of 16 H20, where nothing else says it."""
_FLUSHED = (
    b"Cache flushed.\nPlease check backend logs for more details. "
    b"(When there are running or waiting requests, the operation will not be performed.)\n"
)


_TEXT = (b"content-type", b"text/plain; charset=utf-8")


def _json(value: object) -> Reply:
    return Reply(200, (JSON,), compact(value))


def pool(args: ServerArgs, state: State) -> int:
    """Tokens of the KV pool."""
    return state.pool_tokens or int(args.get("max_total_tokens") or POOL_TOKENS)


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
    tokens = pool(args, state)
    shown = {dest: value for dest, value in args.values.items() if dest != "help"}
    shown |= {"served_model_name": args.served_model_name}
    found: dict[str, Any] = {
        **shown,
        "status": "ready",
        "max_total_num_tokens": tokens,
        "max_req_input_len": args.context_length - 6,
        "version": args.release.version,
    }
    if args.release.since("0.5.0"):
        memory = {"weight": 40.2, "kvcache": 20.0, "token_capacity": tokens, "graph": 2.0}
        throughput = state.load.throughput if state.load is not None else 0.0
        inner = {"last_gen_throughput": throughput, "memory_usage": memory}
        inner |= {"effective_max_running_requests_per_dp": args.max_running_requests or 2048}
        found["internal_states"] = [{**inner, "num_running_reqs": state.running}]
    if args.release.since("0.5.23"):
        found["frontend"] = "python"
    return _json(found)


def loads(args: ServerArgs, state: State) -> Reply:
    """GET /v1/loads: how busy each replica is; only the keys that we know the meaning of."""
    load = {"dp_rank": 0, "num_running_reqs": state.running, "num_waiting_reqs": state.queued}
    load |= {"num_used_tokens": state.used_tokens, "max_total_num_tokens": pool(args, state)}
    return _json({"timestamp": int(time.time()), "version": args.release.version, "dp_rank_count": 1, "loads": [load]})


def flushed(args: ServerArgs, state: State) -> Reply:
    """/flush_cache: from 0.5.9 on refused while requests run."""
    if not state.running:
        state.flush()
    busy = state.running and args.release.since("0.5.9")
    return Reply(400 if busy else 200, (_TEXT,), _FLUSHED)


def root(args: ServerArgs) -> Reply:
    """GET /."""
    return _json(f"{'SGLang' if args.release.since('0.5.23') else 'Ollama'} is running")


def openapi(args: ServerArgs, routes: Mapping[str, Mapping[str, object]], environment: Mapping[str, str]) -> Reply:
    """GET /openapi.json: the paths that are served."""
    if _undocumented(args, environment):
        return detail(404, "Not Found")
    paths = {
        path: {method.lower(): {"responses": {"200": {"description": "Successful Response"}}} for method in methods}
        for path, methods in routes.items()
        if path not in ("/openapi.json", "/docs")
    }
    return _json({"openapi": "3.1.0", "info": {"title": "FastAPI", "version": "0.1.0"}, "paths": paths})


def docs(args: ServerArgs, environment: Mapping[str, str]) -> Reply:
    """GET /docs: without the scripts that the real one gets from another host."""
    if _undocumented(args, environment):
        return detail(404, "Not Found")
    page = b"<!DOCTYPE html><title>FastAPI - Swagger UI</title><a href=/openapi.json>/openapi.json</a>"
    return Reply(200, ((b"content-type", b"text/html; charset=utf-8"),), page)


def _undocumented(args: ServerArgs, environment: Mapping[str, str]) -> bool:
    switched = environment.get("DISABLE_OPENAPI_DOC", "").strip().lower() in ("1", "true", "yes", "on", "t", "y")
    return switched and args.release.since("0.4.6")
