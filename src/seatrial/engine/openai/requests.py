"""Bodies of requests, checked as far and in the words that the release checks them (sglang-server facts 3.4, 4.1)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.engine.answers import known, structured, tokens
from seatrial.engine.http.messages import Request
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai import fields
from seatrial.engine.openai.errors import Refused

BAD = "Bad Request"
WRONG = "BadRequestError"
_LARGEST = 1 << 64
MOST_CHOICES = 128
"""Our own limit, that one request does not take all memory; SGLang has none."""


class Crash(Exception):
    """What the release does not check, and ends in an exception that nobody catches."""


def read(request: Request, args: ServerArgs, *, any_type: bool = False) -> dict[str, Any]:
    """The body as an object. `any_type`: whatever the content type says. Raises Refused, Crash."""
    content_type = request.headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if not any_type and args.release.since("0.4.9.post6") and content_type != b"application/json":
        raise Refused(400, BAD, "Unsupported Media Type: Only 'application/json' is allowed")
    strict = args.release.since("0.5.23")
    try:
        body = json.loads(
            request.body,
            parse_constant=_constant if strict else None,
            parse_int=_whole if strict else None,
        )
    except (ValueError, RecursionError) as error:
        raise invalid(args, f"Invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise invalid(args, "Input should be a valid dictionary")
    return body


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")


def _whole(digits: str) -> int:
    if abs(value := int(digits)) >= _LARGEST:
        raise ValueError("a number is too large")
    return value


def invalid(args: ServerArgs, message: str) -> Exception:
    """What a body that is no request ends in: the framework's 400, and before the rewrite of the layer a crash."""
    if args.release.since("0.4.9.post6"):
        return Refused(400, BAD, f"1 validation error:\n  {message}")
    return Crash(message)


def _needed(args: ServerArgs, name: str) -> tuple[str, ...]:
    """What a request has to have: the model's name only in old releases."""
    return (name,) if args.release.since("0.5.2") else (name, "model")


class Body:
    """A completion request. Wrong types are refused as the release refuses them."""

    def __init__(
        self, raw: dict[str, Any], args: ServerArgs, table: Mapping[str, fields.Reader], needed: Sequence[str]
    ) -> None:
        """Raises Refused, Crash."""
        self.args = args
        for name in needed:
            if name not in raw:
                raise invalid(args, f"body.{name}: Field required")
        try:
            self.fields = fields.read(raw, table)
        except fields.WrongType as error:
            raise invalid(args, str(error)) from None

    def get(self, name: str, default: Any = None) -> Any:
        """A field; the default where it is absent or null."""
        value = self.fields.get(name)
        return default if value is None else value

    @property
    def model(self) -> str:
        """The model's name as it is echoed. Raises Refused where it names an adapter (facts 0.7)."""
        name = str(self.get("model", "default"))
        base, _, adapter = name.partition(":")
        if adapter and base and self.args.release.since("0.5.2"):
            message = f"LoRA adapter '{adapter}' was requested, but LoRA is not enabled."
            raise Refused(400, WRONG, f"{message} Please launch the server with --enable-lora.")
        return name

    @property
    def stream(self) -> bool:
        return bool(self.get("stream", False))

    @property
    def stops(self) -> tuple[str, ...]:
        found = self.get("stop", [])
        return tuple(word for word in ([found] if isinstance(found, str) else found) if word)

    @property
    def choices(self) -> int:
        """Raises Refused."""
        n = self.get("n", 1)
        if not 1 <= n <= MOST_CHOICES:
            raise Refused(400, WRONG, f"n must be between 1 and {MOST_CHOICES}, got {n}.")
        return int(n)

    @property
    def own_rid(self) -> str | None:
        """The id that the client wants the response to have."""
        rid = self.get("rid") if self.args.release.since("0.5.2") else None
        return rid if isinstance(rid, str) and rid else None

    @property
    def most(self) -> int | None:
        """Tokens that are asked for at most."""
        found: int | None = self.get("max_tokens")
        return found

    @property
    def least(self) -> int:
        return int(self.get("min_tokens", 0))

    def limit(self, prompt_tokens: int) -> int:
        """The most tokens of an answer. Raises Refused where prompt and answer do not fit the context."""
        args, asked = self.args, self.most
        whole, cuts = args.context_length, args.on("allow_auto_truncate")
        room = max(whole - prompt_tokens, 1) if cuts else whole - prompt_tokens
        if room <= 0:
            raise Refused(
                400, WRONG, f"The input ({prompt_tokens} tokens) is longer than the model's context length "
                f"({whole} tokens)."
            )  # fmt: skip
        if asked is None:
            return room
        over = asked > room if args.release.since("0.5.23") else asked >= room
        if over and not cuts:
            raise Refused(
                400, WRONG, f"Requested token count exceeds the model's maximum context length of {whole} tokens. "
                f"You requested a total of {prompt_tokens + asked} tokens: {prompt_tokens} tokens from the input "
                f"messages and {asked} tokens for the completion. Please reduce the number of tokens in the input "
                "messages or the completion to fit within the limit."
            )  # fmt: skip
        return max(min(int(asked), room), 1)

    def check_sampling(self) -> None:
        """Raises Refused for values that no sampling has (`srt/sampling/sampling_params.py`)."""
        for name, low, high, said in (
            ("temperature", 0.0, float("inf"), "non-negative"),
            ("min_p", 0.0, 1.0, "in [0, 1]"),
            ("frequency_penalty", -2.0, 2.0, "in [-2, 2]"),
            ("presence_penalty", -2.0, 2.0, "in [-2, 2]"),
            ("repetition_penalty", 0.0, 2.0, "in [0, 2]"),
        ):
            value = self.get(name, 1.0 if name != "min_p" else 0.0)
            if not low <= value <= high:
                raise Refused(400, WRONG, f"{name} must be {said}, got {value}.")
        if not 0 < (top_p := self.get("top_p", 1.0)) <= 1:
            raise Refused(400, WRONG, f"top_p must be in (0, 1], got {top_p}.")
        if (top_k := self.get("top_k", -1)) < 1 and top_k != -1:
            raise Refused(400, WRONG, f"top_k must be -1 (disable) or at least 1, got {top_k}.")
        most, least = self.most, self.least
        if most is not None and most < 0:
            raise Refused(400, WRONG, f"max_new_tokens must be at least 0, got {most}.")
        if least < 0:
            raise Refused(400, WRONG, f"min_new_tokens must be in [0, max_new_tokens], got {least}.")
        if most is not None and least > most:
            raise Refused(400, WRONG, f"min_new_tokens must be in [0, max_new_tokens({most})], got {least}.")

    @property
    def usage_options(self) -> tuple[bool, bool]:
        """Whether usage is told at the end of a stream, and on every event."""
        options = self.get("stream_options", {})
        default = self.args.on("stream_response_default_include_usage")
        continuous = bool(options.get("continuous_usage_stats")) and self.args.release.since("0.5.5.post3")
        return bool(options.get("include_usage", default)), continuous

    def formatted(self, answer: str | None) -> str | None:
        """What is to be said, in the form that `response_format` asks for."""
        form = self.get("response_format", {})
        if form.get("type") == "json_object":
            return structured.object_of(answer)
        if form.get("type") == "json_schema":
            schema = (form.get("json_schema") or {}).get("schema") or form.get("schema")
            return structured.instance(schema if isinstance(schema, dict) else {}, answer)
        return answer


class Chat(Body):
    """A request to /v1/chat/completions."""

    def __init__(self, raw: dict[str, Any], args: ServerArgs) -> None:
        super().__init__(raw, args, fields.CHAT, _needed(args, "messages"))

    @property
    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.fields["messages"]
        return found

    @property
    def most(self) -> int | None:
        newer = self.get("max_completion_tokens") if self.args.release.since("0.5.2") else None
        found: int | None = newer or self.get("max_tokens")
        return found

    def check(self) -> None:
        """What is wrong though its types are right. Raises Refused, Crash."""
        args, functions = self.args, self.functions
        if not self.messages:
            raise Refused(400, WRONG, "Messages cannot be empty.") if args.release.since("0.4.9.post6") else Crash()
        choice = self.get("tool_choice", "auto")
        if choice == "required" and not functions:
            raise Refused(400, WRONG, "Tools cannot be empty if tool choice is set to required.")
        if isinstance(choice, dict):
            name = choice["function"].get("name")
            if not functions:
                raise Refused(400, WRONG, "Tools cannot be empty if tool choice is set to a specific tool.")
            if name not in functions:
                raise Refused(400, WRONG, f"Tool '{name}' not found in tools list.")
        length, most = args.get("context_length"), self.most
        if length and most and most > length and args.release.since("0.5.2") and not args.on("allow_auto_truncate"):
            said = f"max_completion_tokens is too large: {most}.This model supports at most {length} completion tokens."
            raise Refused(400, WRONG, said)
        form = self.get("response_format", {})
        if form.get("type") == "json_schema" and not ((form.get("json_schema") or form).get("schema")):
            raise Refused(400, WRONG, "schema_ is required for json_schema response format request.")

    @property
    def functions(self) -> dict[str, dict[str, Any]]:
        """The tools by name."""
        return {one["function"]["name"]: one["function"] for one in self.get("tools", [])}

    @property
    def question(self) -> str:
        """The last thing that the user said."""
        return next((text_of(one) for one in reversed(self.messages) if one["role"].lower() == "user"), "")

    @property
    def answer(self) -> str | None:
        """What is to be said, where it is known: the right answer, or what a tool has found out."""
        last = self.messages[-1]
        if last["role"].lower() == "tool" and (found := text_of(last).strip()):
            return self.formatted(found)
        return self.formatted(known.answer(self.question))

    @property
    def call(self) -> tuple[str, str] | None:
        """Name and arguments of the tool that is to be called; None where none is."""
        functions, choice = self.functions, self.get("tool_choice", "auto")
        if not functions or choice == "none" or self.args.tool_call_parser is None:
            return None
        if isinstance(choice, dict):
            name = choice["function"]["name"]
        elif choice == "required":
            name = next(iter(functions))
        else:
            name = self._fitting(functions)
        if name is None:
            return None
        return name, structured.instance(functions[name].get("parameters") or {"type": "object"})

    def _fitting(self, functions: dict[str, dict[str, Any]]) -> str | None:
        """The first tool whose name or description has a word of the question; none once a tool has answered."""
        if self.messages[-1]["role"].lower() == "tool":
            return None
        words = known.words(self.question)
        told = ((name, f"{name} {function.get('description') or ''}") for name, function in functions.items())
        return next((name for name, text in told if words & known.words(text)), None)

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the chat with its template and its tools."""
        told = sum(tokens.TEMPLATE_TOKENS + tokens.count(text_of(one)) for one in self.messages)
        tools = tokens.count(json.dumps(self.get("tools"), ensure_ascii=False)) if self.functions else 0
        return 1 + told + tools


class Text(Body):
    """A request to /v1/completions."""

    def __init__(self, raw: dict[str, Any], args: ServerArgs) -> None:
        super().__init__(raw, args, fields.TEXT, _needed(args, "prompt"))

    @property
    def most(self) -> int | None:
        return int(self.get("max_tokens", 16))

    @property
    def prompts(self) -> tuple["Prompt", ...]:
        """Each prompt that is to be completed."""
        found = self.fields["prompt"]
        if isinstance(found, list) and (not found or not isinstance(found[0], int)):
            return tuple(map(Prompt, found))
        return (Prompt(found),)

    def check(self) -> None:
        """Raises Refused, Crash."""
        if not any(prompt.tokens for prompt in self.prompts):
            raise Refused(400, WRONG, "Prompt cannot be empty")
        if self.most is not None and self.most <= 0 and self.args.release.since("0.5.2"):
            raise invalid(self.args, "body.max_tokens: Value error, max_tokens must be positive")


class Prompt:
    """Text, or the ids of tokens."""

    def __init__(self, given: str | list[int]) -> None:
        self.text = given if isinstance(given, str) else ""
        self.tokens = tokens.count(given) if isinstance(given, str) else len(given)
        self.key = given if isinstance(given, str) else repr(given)


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, also of one in parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content)
    return content if isinstance(content, str) else ""
