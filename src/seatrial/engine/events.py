"""The events of a completion, one after the other, each tied to the token that it has to wait for."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from seatrial.engine.answers.answer import Answer, Piece
from seatrial.engine.openai.plan import Plan, Told, Usage
from seatrial.engine.truth import what


class Event(NamedTuple):
    """Bytes that leave when token `token` (from 0) of the request is there, and `after_ns` have passed since."""

    token: int
    payload: bytes
    code: int
    """Kind and tokens, see `truth.what`."""
    after_ns: int = 0
    ending: str = ""
    """What becomes of the connection after it: `truncate`, `reset` or `silence`; empty for nothing."""


AT_ONCE = -1
"""The token of an event that waits for none: it leaves when the request has come."""
_ROLE, _FINISH, _USAGE, _DONE, _BODY = what("role"), what("finish"), what("usage"), what("done"), what("body")


def stream(plan: Plan, per_event: int) -> Iterator[Event]:
    """The events of a stream. Raises nothing: whatever can be wrong with a request was found before."""
    if per_event == 1 and len(plan.answers) == 1:
        return _single(plan)
    return _general(plan, per_event)


def _single(plan: Plan) -> Iterator[Event]:
    """One choice, one token an event: what is measured against, so it is written for speed."""
    encoder, answer = plan.encoder, plan.answers[0]
    codes = {kind: what(kind, 1) for kind in ("reasoning", "content", "tool")}
    encode, continuous = encoder.piece, plan.continuous_usage
    source = answer.pieces()
    token = reasoning = silent = 0
    if opening := encoder.role(0):
        yield Event(0, opening, _ROLE)
    piece = next(source, None)
    while piece is not None:
        kind, text, escaped = piece
        following = next(source, None)
        if kind == "reasoning":
            reasoning += 1
        if text:
            usage = Usage(plan.prompt_tokens, token + 1, reasoning) if continuous else None
            payload = encode(0, kind, escaped, usage)
            code = codes[kind] if not silent else what(kind, 1 + silent)
            silent = 0
            yield Event(token, payload, code)
        else:
            silent += 1
        piece = following
        token += 1
    yield from _ending(plan, [answer], max(token - 1, 0), Usage(plan.prompt_tokens, token, reasoning))


def _general(plan: Plan, per_event: int) -> Iterator[Event]:
    encoder = plan.encoder
    sources = {index: _ahead(answer.pieces()) for index, answer in enumerate(plan.answers)}
    tokens = dict.fromkeys(sources, 0)
    completion = reasoning = 0
    opened = False
    while sources:
        for index, source in tuple(sources.items()):
            group = list(islice(source, per_event))
            at = tokens[index] = tokens[index] + len(group)
            if not opened and (opening := encoder.role(index)):
                yield Event(max(at - 1, 0), opening, _ROLE)
            for kind, count, escaped in _runs(group):
                completion += count
                reasoning += count if kind == "reasoning" else 0
                if escaped:
                    usage = Usage(plan.prompt_tokens, completion, reasoning) if plan.continuous_usage else None
                    yield Event(at - 1, encoder.piece(index, kind, escaped, usage), what(kind, count))
            if len(group) < per_event or source.exhausted:
                del sources[index]
                answer = plan.answers[index]
                if closing := encoder.finish(index, answer.finish_reason, answer.matched_stop):
                    yield Event(max(at - 1, 0), closing, _FINISH)
        opened = True
    last = max(max(tokens.values()) - 1, 0)
    yield from _ending(plan, [], last, Usage(plan.prompt_tokens, completion, reasoning))


def _ending(plan: Plan, unfinished: list[Answer], last: int, usage: Usage) -> Iterator[Event]:
    encoder = plan.encoder
    for index, answer in enumerate(unfinished):
        if closing := encoder.finish(index, answer.finish_reason, answer.matched_stop):
            yield Event(last, closing, _FINISH)
    if plan.include_usage:
        yield Event(last, encoder.usage(usage), _USAGE)
    if end := encoder.done():
        yield Event(last, end, _DONE)


class _ahead:
    """An iterator that knows whether something follows."""

    def __init__(self, source: Iterator[Piece]) -> None:
        self._source = source
        self._next = next(source, None)

    @property
    def exhausted(self) -> bool:
        return self._next is None

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        if self._next is None:
            raise StopIteration
        found, self._next = self._next, next(self._source, None)
        return found


def _runs(group: list[Piece]) -> Iterator[tuple[str, int, bytes]]:
    """Neighbours of one kind as kind, tokens and text."""
    kind, count, text = "", 0, b""
    for piece in group:
        if piece.kind != kind and count:
            yield kind, count, text
            count, text = 0, b""
        kind, count, text = piece.kind, count + 1, text + piece.json
    if count:
        yield kind, count, text


def whole(plan: Plan) -> Event:
    """The answer of a request that does not stream, tied to its last token."""
    told, usage, longest = tell(plan)
    return Event(max(longest - 1, 0), plan.encoder.body(told, usage), what("body", usage.completion))


def tell(plan: Plan) -> tuple[tuple[Told, ...], Usage, int]:
    """Every choice as it will have been generated, the usage, and the tokens of the longest choice."""
    told: list[Told] = []
    completion = reasoning = longest = 0
    for answer in plan.answers:
        texts = {"reasoning": "", "content": "", "tool": ""}
        count = 0
        for kind, text, _ in answer.pieces():
            texts[kind] += text
            count += 1
            reasoning += kind == "reasoning"
        completion += count
        longest = max(longest, count)
        told.append(Told(texts["reasoning"], texts["content"], answer.finish_reason, answer.matched_stop))
    return tuple(told), Usage(plan.prompt_tokens, completion, reasoning), longest
