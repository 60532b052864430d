"""A tokenizer that load clients can read and use.

Tokens are the marks of DeepSeek-R1's chat, every byte, and every word that the engine answers with: what it counts as a
token is one to a client, too. Other text splits and joins without loss, into more tokens than the model's own.
Source: huggingface/tokenizers (`BPE` with `ignore_merges`, `ByteLevel`), openai/gpt-2 (letters that stand for bytes),
deepseek-ai/DeepSeek-R1 (marks).
"""

from collections.abc import Mapping
from typing import Any

from seatrial.engine.answers.composed import BREAK
from seatrial.engine.answers.words import pieces

_BEGIN, _END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
_USER, _ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
_MARKS = (_BEGIN, _END, _USER, _ASSISTANT)
_MOST_TOKENS = 16384
"""Of a prompt, as R1's configuration says."""
_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '" + _USER + "' + message['content'] }}"
    "{% elif message['role'] == 'assistant' %}{{ '" + _ASSISTANT + "' + message['content'] + eos_token }}"
    "{% else %}{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '" + _ASSISTANT + "<think>\\n' }}{% endif %}"
)


def configuration() -> Mapping[str, Any]:
    """tokenizer_config.json. The class is the general one, which takes tokenizer.json as it is."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": _BEGIN,
        "eos_token": _END,
        "pad_token": _END,
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": _MOST_TOKENS,
        "chat_template": _TEMPLATE,
    }


def tokenizer() -> Mapping[str, Any]:
    """tokenizer.json: marks first, then the bytes in their order, then words."""
    letters = byte_letters()
    known = [BREAK, *(piece.text for piece in pieces("content"))]
    words = ["".join(letters[byte] for byte in word.encode()) for word in known]
    vocabulary = {token: number for number, token in enumerate([*_MARKS, *letters, *words])}
    by_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(number, mark) for number, mark in enumerate(_MARKS)],
        "normalizer": None,
        "pre_tokenizer": by_bytes,
        "post_processor": _opening(),
        "decoder": by_bytes,
        "model": {"type": "BPE", "unk_token": None, "ignore_merges": True, "vocab": vocabulary, "merges": []},
    }


def byte_letters() -> list[str]:
    """The letter that stands for each byte: itself where it can be seen, else the next free one from U+0100 on."""
    seen = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in seen]
    return [chr(byte if byte in seen else 0x100 + hidden.index(byte)) for byte in range(256)]


def _added(number: int, mark: str) -> dict[str, Any]:
    manner = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": mark, **manner}


def _opening() -> dict[str, Any]:
    """Puts the mark of the beginning before each text, as the model's own does."""
    begin = {"SpecialToken": {"id": _BEGIN, "type_id": 0}}
    first, second = ({"Sequence": {"id": name, "type_id": number}} for number, name in enumerate("AB"))
    return {
        "type": "TemplateProcessing",
        "single": [begin, first],
        "pair": [begin, first, second],
        "special_tokens": {_BEGIN: {"id": _BEGIN, "ids": [0], "tokens": [_BEGIN]}},
    }
