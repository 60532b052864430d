"""Types of the fields of a request, and what pydantic makes of values of other types.

The tables are those of `ChatCompletionRequest` and `CompletionRequest` in `srt/openai_api/protocol.py` @0.4.3.post2
and `srt/entrypoints/openai/protocol.py` @0.5.9. Fields that are not in them are ignored, as pydantic ignores them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

_TRUE, _FALSE = frozenset(("1", "true", "t", "yes", "y", "on")), frozenset(("0", "false", "f", "no", "n", "off"))
_WHOLE = re.compile(r"\s*[-+]?\d{1,4300}(?:\.0*)?\s*")
Reader = Callable[[Any], Any]


class WrongType(ValueError):
    """A value that the field cannot have; the message is pydantic's."""


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and (word := value.strip().lower()) in _TRUE | _FALSE:
        return word in _TRUE
    raise WrongType("Input should be a valid boolean")


def integer(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value.split(".")[0])
    raise WrongType("Input should be a valid integer")


def number(value: Any) -> float:
    if isinstance(value, int | float | str):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise WrongType("Input should be a valid number")


def string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise WrongType("Input should be a valid string")


def mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise WrongType("Input should be a valid dictionary")


def list_of(one: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise WrongType("Input should be a valid list")
        return [one(item) for item in value]

    return read


def either(*readers: Reader) -> Reader:
    def read(value: Any) -> Any:
        last = WrongType("Input should be valid")
        for reader in readers:
            try:
                return reader(value)
            except WrongType as error:
                last = error
        raise last

    return read


def one_of(*words: str) -> Reader:
    def read(value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return value
        raise WrongType(f"Input should be {', '.join(map(repr, words[:-1]))} or {words[-1]!r}")

    return read


def optional(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def _message(value: Any) -> Any:
    message = mapping(value)
    role, content = string(message.get("role")), message.get("content")
    if role.lower() not in ("system", "assistant", "tool", "function", "developer", "user"):
        raise WrongType("'role' must be one of 'system', 'developer', 'assistant', 'tool', or 'function'")
    if isinstance(content, list):
        for part in content:
            string(mapping(part).get("type"))
            if part["type"] == "text":
                string(part.get("text"))
    elif content is not None or role == "user":
        string(content)
    optional(list_of(mapping))(message.get("tool_calls"))
    return message


def _tool(value: Any) -> Any:
    string(mapping(mapping(value).get("function")).get("name"))
    return value


def _tool_choice(value: Any) -> Any:
    if isinstance(value, dict):
        mapping(value.get("function"))
        return value
    return one_of("auto", "required", "none")(value)


def _response_format(value: Any) -> Any:
    one_of("text", "json_object", "json_schema", "structural_tag")(mapping(value).get("type"))
    optional(mapping)(value.get("json_schema"))
    return value


def _stream_options(value: Any) -> Any:
    given = {name: mapping(value).get(name) for name in ("include_usage", "continuous_usage_stats")}
    return {name: boolean(one) for name, one in given.items() if one is not None}


_BOTH: Mapping[str, Reader] = {
    "model": string,
    "frequency_penalty": number,
    "logit_bias": optional(mapping),
    "n": integer,
    "presence_penalty": number,
    "seed": optional(integer),
    "stop": optional(either(string, list_of(string))),
    "stream": boolean,
    "stream_options": optional(_stream_options),
    "user": optional(string),
    "min_tokens": integer,
    "stop_token_ids": optional(list_of(integer)),
    "no_stop_trim": boolean,
    "ignore_eos": boolean,
    "skip_special_tokens": boolean,
    "rid": optional(either(string, list_of(string))),
    "response_format": optional(_response_format),
}
CHAT: Mapping[str, Reader] = {
    **_BOTH,
    "messages": list_of(_message),
    "logprobs": boolean,
    "top_logprobs": optional(integer),
    "max_tokens": optional(integer),
    "max_completion_tokens": optional(integer),
    "temperature": optional(number),
    "top_p": optional(number),
    "top_k": optional(integer),
    "min_p": optional(number),
    "repetition_penalty": optional(number),
    "tools": optional(list_of(_tool)),
    "tool_choice": optional(_tool_choice),
    "separate_reasoning": boolean,
    "stream_reasoning": boolean,
    "chat_template_kwargs": optional(mapping),
}
TEXT: Mapping[str, Reader] = {
    **_BOTH,
    "prompt": either(string, list_of(string), list_of(integer), list_of(list_of(integer))),
    "echo": boolean,
    "logprobs": optional(integer),
    "max_tokens": integer,
    "temperature": number,
    "top_p": number,
    "top_k": integer,
    "min_p": number,
    "repetition_penalty": number,
}

SAMPLING: Mapping[str, Reader] = {name: reader for name, reader in TEXT.items() if name != "prompt"} | {
    "max_tokens": optional(integer)
}
"""`sampling_params` of /generate, named as in the other APIs."""


def read(raw: Mapping[str, Any], table: Mapping[str, Reader]) -> dict[str, Any]:
    """The fields that are known, with the types that they have to have; absent ones stay absent. Raises WrongType."""
    found: dict[str, Any] = {}
    for name, value in raw.items():
        reader = table.get(name)
        if reader is None:
            continue
        try:
            found[name] = reader(value)
        except WrongType as error:
            raise WrongType(f"body.{name}: {error}") from None
    return found
