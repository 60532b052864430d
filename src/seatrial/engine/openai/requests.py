"""Bodies of requests, checked as far and in the words that the release checks them."""

import json
from typing import Any

from seatrial.engine.answers import tokens
from seatrial.engine.http.messages import Request
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai.errors import Refused

BAD = "Bad Request"
WRONG = "BadRequestError"


class Crash(Exception):
    """What the release does not check, and ends in an exception that nobody catches."""


def read(request: Request, args: ServerArgs) -> dict[str, Any]:
    """The body as an object. Raises Refused, Crash."""
    checks = args.release.since("0.4.9.post6")
    content_type = request.headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if checks and content_type != b"application/json":
        raise Refused(400, BAD, "Unsupported Media Type: Only 'application/json' is allowed")
    try:
        body = json.loads(request.body, parse_constant=_constant if args.release.since("0.5.23") else None)
    except (ValueError, RecursionError) as error:
        raise _bad(args, f"Invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise _bad(args, "Input should be a valid dictionary")
    return body


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")


def _bad(args: ServerArgs, message: str) -> Exception:
    return Refused(400, BAD, message) if args.release.since("0.4.9.post6") else Crash(message)


class Body:
    """The fields of a completion request. Wrong types are refused as the release refuses them."""

    def __init__(self, raw: dict[str, Any], args: ServerArgs) -> None:
        self._raw, self._args = raw, args

    def get(self, name: str, types: type | tuple[type, ...], default: Any = None) -> Any:
        """A field of one of some types, or its default where it is absent or null. Raises Refused, Crash."""
        value = self._raw.get(name)
        if value is None:
            return default
        wanted = types if isinstance(types, tuple) else (types,)
        if (isinstance(value, bool) and bool not in wanted) or not isinstance(value, wanted):
            raise _bad(self._args, f"1 validation error:\n  body.{name}: wrong type {type(value).__name__}")
        return value

    def number(self, name: str, default: float) -> float:
        return float(self.get(name, (int, float), default))

    @property
    def stream(self) -> bool:
        return bool(self.get("stream", bool, False))

    @property
    def model(self) -> str:
        if "model" not in self._raw and not self._args.release.since("0.5.2"):
            raise _bad(self._args, "1 validation error:\n  body.model: field required")
        return str(self.get("model", str, "default"))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The chat's messages. Raises Refused, Crash."""
        found = self.get("messages", list)
        if found is None:
            raise _bad(self._args, "1 validation error:\n  body.messages: field required")
        if not found:
            if self._args.release.since("0.4.9.post6"):
                raise Refused(400, WRONG, "Messages cannot be empty.")
            raise Crash("no messages")
        if not all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in found):
            raise _bad(self._args, "1 validation error:\n  body.messages: each needs a role")
        return [*found]

    @property
    def prompt(self) -> str:
        """The prompt of /v1/completions; a list of token ids counts as so many tokens."""
        found = self.get("prompt", (str, list))
        if found is None:
            raise _bad(self._args, "1 validation error:\n  body.prompt: field required")
        if found in ("", []):
            raise Refused(400, WRONG, "Prompt cannot be empty")
        return found if isinstance(found, str) else " ".join(map(str, found))

    @property
    def stops(self) -> tuple[str, ...]:
        found = self.get("stop", (str, list), [])
        words = [found] if isinstance(found, str) else found
        if not all(isinstance(word, str) for word in words):
            raise _bad(self._args, "1 validation error:\n  body.stop: wrong type")
        return tuple(word for word in words if word)

    @property
    def choices(self) -> int:
        n = self.get("n", int, 1)
        if not 1 <= n <= 128:
            raise Refused(400, WRONG, f"n must be between 1 and 128, got {n}.")
        return int(n)

    def limit(self, prompt_tokens: int, *, chat: bool) -> int:
        """The most tokens of an answer. Raises Refused where prompt and answer do not fit the context."""
        args = self._args
        asked = self.get("max_completion_tokens", int) if chat and args.release.since("0.5.0") else None
        asked = asked if asked is not None else self.get("max_tokens", int, None if chat else 16)
        room = args.context_length - prompt_tokens
        if room <= 0:
            raise Refused(
                400, WRONG, f"The input ({prompt_tokens} tokens) is longer than the model's context length "
                f"({args.context_length} tokens)."
            )  # fmt: skip
        if asked is None:
            return room
        if asked <= 0:
            raise Refused(400, BAD, "max_tokens must be positive")
        if asked > room and not args.on("allow_auto_truncate"):
            raise Refused(
                400, WRONG, "Requested token count exceeds the model's maximum context length of "
                f"{args.context_length} tokens. You requested a total of {prompt_tokens + asked} tokens."
            )  # fmt: skip
        return min(int(asked), room)

    def check_sampling(self) -> None:
        """Raises Refused for values that no sampling has."""
        if (temperature := self.number("temperature", 1.0)) < 0:
            raise Refused(400, WRONG, f"temperature must be non-negative, got {temperature}.")
        if not 0 < (top_p := self.number("top_p", 1.0)) <= 1:
            raise Refused(400, WRONG, f"top_p must be in (0, 1], got {top_p}.")

    @property
    def usage_options(self) -> tuple[bool, bool]:
        """Whether usage is told at the end of a stream, and on every event."""
        options = self.get("stream_options", dict, {})
        default = self._args.on("stream_response_default_include_usage")
        continuous = bool(options.get("continuous_usage_stats")) and self._args.release.since("0.5.5.post3")
        return bool(options.get("include_usage", default)), continuous

    @property
    def tool(self) -> tuple[str, dict[str, Any]] | None:
        """The tool that has to be called, with its parameters; None where none has to. Raises Refused."""
        tools = [one for one in self.get("tools", list, []) if isinstance(one, dict)]
        choice = self.get("tool_choice", (str, dict), "auto" if tools else "none")
        functions = {str(one.get("function", {}).get("name")): one.get("function", {}) for one in tools}
        if choice == "required" and not functions:
            raise Refused(400, WRONG, "tools cannot be empty if tool_choice is set to required.")
        if isinstance(choice, dict):
            name = str((choice.get("function") or {}).get("name"))
            if name not in functions:
                raise Refused(400, WRONG, f"Tool '{name}' not found in tools list.")
        elif choice == "required":
            name = next(iter(functions))
        else:
            return None
        if self._args.tool_call_parser is None:
            return None
        return name, functions[name].get("parameters") or {}


def prompt_tokens(messages: list[dict[str, Any]]) -> int:
    """Tokens of a chat with its template."""
    return 1 + sum(tokens.TEMPLATE_TOKENS + tokens.count(text_of(one)) for one in messages)


def text_of(message: dict[str, Any]) -> str:
    """The text of a message, also of one in parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def arguments_for(schema: dict[str, Any]) -> str:
    """Arguments that a JSON schema of simple types accepts."""
    return json.dumps(_value(schema, 0), ensure_ascii=False)


_VALUES: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def _value(schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > 8:
        return {}
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        properties = schema.get("properties") or {}
        return (
            {name: _value(one, depth + 1) for name, one in properties.items()} if isinstance(properties, dict) else {}
        )
    if kind == "array":
        return [_value(schema.get("items", {"type": "string"}), depth + 1)]
    return _VALUES.get(kind if isinstance(kind, str) else "string")
