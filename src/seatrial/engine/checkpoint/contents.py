"""What stands in the folder of a model: configuration, index, shards with valid headers, tokenizer.

Shards are small: each has one tensor of a few bytes under a name of the architecture. Headers, index and sizes agree,
as in the real ones (Source: huggingface/safetensors, format; deepseek-ai/DeepSeek-R1).
"""

import json
import struct
from collections.abc import Iterator
from typing import Any

from seatrial.engine.checkpoint import tokenizer
from seatrial.knowledge import models
from seatrial.knowledge.models import Model, Repository

_VALUES = 16
"""Numbers in each shard's tensor, two bytes each."""
_SHARDS = 8
"""Of a model whose number of shards is not known."""
INDEX = "model.safetensors.index.json"
_CODE = b"# The simulated engine runs no code of the model.\n"


def shard_name(number: int, of: int) -> str:
    return f"model-{number:05d}-of-{of:06d}.safetensors"


def shards_of(model: Model) -> int:
    return model.shards or _SHARDS


def shard(number: int) -> bytes:
    """A file of one tensor, with the header that its bytes imply."""
    size = _VALUES * 2
    header = {tensor(number): {"dtype": "BF16", "shape": [_VALUES], "data_offsets": [0, size]}}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(size)


def tensor(number: int) -> str:
    return f"model.layers.{number - 1}.input_layernorm.weight"


def files(repository: Repository) -> Iterator[tuple[str, bytes]]:
    """Every file of a repository with its bytes: the small ones first, then the shards, the index last."""
    model = models.models()[repository.model]
    count = shards_of(model)
    yield "config.json", _json(config(repository, model))
    yield "generation_config.json", _json({"bos_token_id": 0, "eos_token_id": 1, "do_sample": True, "temperature": 0.6,
                                           "top_p": 0.95})  # fmt: skip
    yield "tokenizer_config.json", _json(tokenizer.configuration())
    yield "tokenizer.json", _json(tokenizer.tokenizer())
    if model.architecture.startswith("Deepseek"):
        yield "configuration_deepseek.py", _CODE
        yield "modeling_deepseek.py", _CODE
    for number in range(1, count + 1):
        yield shard_name(number, count), shard(number)
    weights = {tensor(number): shard_name(number, count) for number in range(1, count + 1)}
    yield INDEX, _json({"metadata": {"total_size": count * _VALUES * 2}, "weight_map": weights})


def config(repository: Repository, model: Model) -> dict[str, Any]:
    """config.json with the constants of the architecture."""
    found: dict[str, Any] = {
        "architectures": [model.architecture],
        "model_type": "deepseek_v3" if model.architecture.startswith("Deepseek") else "qwen2",
        "hidden_size": model.hidden,
        "intermediate_size": model.intermediate,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads or model.heads,
        "vocab_size": model.vocabulary,
        "max_position_embeddings": model.max_positions,
        "torch_dtype": "bfloat16",
    }
    if model.experts:
        found |= {
            "n_routed_experts": model.experts,
            "num_experts_per_tok": model.experts_per_token,
            "moe_intermediate_size": model.expert_intermediate,
            "kv_lora_rank": model.kv_lora_rank,
            "qk_rope_head_dim": model.rope_dim,
        }
    weights = models.checkpoint(repository.checkpoint, model.name)
    if weights is not None and weights.native_fp8 and weights.block:
        block = [weights.block, weights.block]
        found["quantization_config"] = {
            "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": block
        }  # fmt: skip
    return found


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
