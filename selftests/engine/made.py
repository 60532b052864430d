"""Answers and an encoder of the plainest kind, for tests of what is done with them."""

from collections.abc import Iterator

from seatrial.engine.answers.answer import Piece
from seatrial.engine.openai.plan import Plan, Told, Usage


class Words:
    """`length` tokens, the first `reasoning` of them reasoning; a silent one at the end if it stops by itself."""

    def __init__(self, length: int, reasoning: int = 0, stops: bool = False) -> None:
        self.length = length + stops
        self._words, self._reasoning, self._stops = length, reasoning, stops
        self.finish_reason = "stop" if stops else "length"
        self.matched_stop = 1 if stops else None

    def pieces(self) -> Iterator[Piece]:
        for token in range(self._words):
            text = f" w{token}"
            yield Piece("reasoning" if token < self._reasoning else "content", text, text.encode())
        if self._stops:
            yield Piece("content", "", b"")


class Plain:
    """Events that are easy to read in a test."""

    cached = 0

    def role(self, index: int) -> bytes:
        return b"data: role %d\n\n" % index

    def piece(self, index: int, kind: str, json_text: bytes, usage: Usage | None) -> bytes:
        counted = b"" if usage is None else b" so far %d" % usage.completion
        return b"data: %s %d%s%s\n\n" % (kind.encode(), index, json_text, counted)

    def around(self, index: int, kind: str) -> tuple[bytes, bytes] | None:
        return b"data: %s %d" % (kind.encode(), index), b"\n\n"

    def finish(self, index: int, reason: str, matched_stop: int | str | None) -> bytes:
        return b'data: "finish_reason":"%s" %d\n\n' % (reason.encode(), index)

    def usage(self, usage: Usage) -> bytes:
        return b'data: "completion_tokens":%d\n\n' % usage.completion

    def error(self, status: int, kind: str, message: str) -> bytes:
        return b"data: error %d\n\n" % status

    def done(self) -> bytes:
        return b"data: [DONE]\n\n"

    def body(self, texts: tuple[Told, ...], usage: Usage) -> bytes:
        told = ",".join(f"{one.reasoning}|{one.content}|{one.finish_reason}" for one in texts)
        return f'{{"model":"m","told":"{told}","usage":{{"completion_tokens":{usage.completion}}}}}'.encode()


def plan(*answers: Words, stream: bool = True, include_usage: bool = True, continuous: bool = False) -> Plan:
    return Plan("r1", stream, 7, answers, Plain(), include_usage, continuous)
