"""An answer as a sequence of tokens."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Piece(NamedTuple):
    """What one token adds. The end-of-sentence token adds nothing: its text is empty."""

    kind: str
    """`reasoning`, `content` or `tool`."""
    text: str
    json: bytes
    """The text escaped for JSON, without quotes."""


class Answer(Protocol):
    """One choice of a completion, made lazily: an answer of thousands of tokens costs nothing before it is sent."""

    @property
    def length(self) -> int:
        """Tokens that it has at most; fewer when a stop string ends it."""
        ...

    def pieces(self) -> Iterator[Piece]:
        """The tokens from the first on, one piece each; always the same ones."""
        ...

    @property
    def finish_reason(self) -> str:
        """`stop`, `length` or `tool_calls`; final once all pieces were taken."""
        ...

    @property
    def matched_stop(self) -> int | str | None: ...
