"""What a request asks the engine to generate, and how it wants it told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from seatrial.engine.answers.answer import Answer


class Usage(NamedTuple):
    """Token counts of a request, over all its choices."""

    prompt: int
    completion: int
    reasoning: int = 0
    cached: int = 0


class Encoder(Protocol):
    """The events of one stream, or the body of one answer, as the release writes them.

    Events are whole SSE events (`data: …` up to the blank line), without HTTP's chunks.
    """

    cached: int
    """Tokens of the prompt that the KV cache had; known when the first token comes."""

    def role(self, index: int, /) -> bytes:
        """The event before the first token of a choice; empty where the API has none."""
        ...

    def piece(self, index: int, kind: str, json_text: bytes, usage: Usage | None, /) -> bytes:
        """A token event; `json_text` is escaped for JSON; `usage` so far where it is asked for on each event."""
        ...

    def around(self, index: int, kind: str, /) -> tuple[bytes, bytes] | None:
        """What stands before and behind the text of token events without usage; None where it is never the same."""
        ...

    def finish(self, index: int, reason: str, matched_stop: int | str | None) -> bytes:
        """The event that ends a choice; empty where the last token event says it."""
        ...

    def usage(self, usage: Usage, /) -> bytes: ...

    def error(self, status: int, kind: str, message: str, /) -> bytes: ...

    def done(self) -> bytes: ...

    def body(self, texts: "tuple[Told, ...]", usage: Usage) -> bytes:
        """The whole answer of a request that does not stream."""
        ...


class Told(NamedTuple):
    """A choice as it was generated."""

    reasoning: str
    content: str
    finish_reason: str
    matched_stop: int | str | None
    arguments: str = ""
    """Arguments (JSON) of the tool call that it is; the encoder knows the tool's name."""
    tokens: int = 0


Last = Callable[[int, str, bytes, Usage | None, str, int | str | None], bytes]


@dataclass(frozen=True, slots=True)
class Plan:
    """A completion to be generated."""

    rid: str
    """The id of the response."""
    stream: bool
    prompt_tokens: int
    answers: tuple[Answer, ...]
    """One for each of `n` choices."""
    encoder: Encoder
    include_usage: bool = False
    """One usage event at the end of the stream."""
    continuous_usage: bool = False
    """Cumulative usage on every token event."""
    prefix: bytes = b""
    """Stands for the prompt in the prefix cache."""
    limit: int = 0
    """Tokens that a choice may have at most."""
    content_type: bytes = b"application/json"
    last: Last | None = None
    """Writes a choice's last token event where that says how it ended: index, kind, text, usage, reason, stop."""
