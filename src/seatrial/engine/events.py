"""The events of a completion, one after the other, each tied to the token that it has to wait for."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple, final

from seatrial.engine.answers.answer import Answer, Piece
from seatrial.engine.openai.plan import Plan, Told, Usage
from seatrial.engine.truth import what


@final
class Event(NamedTuple):
    """Bytes that leave when token `token` (from 0) of the request is there, and `after_ns` have passed since."""

    token: int
    payload: bytes
    code: int
    """Kind and tokens, see `truth.what`."""
    after_ns: int = 0
    ending: str = ""
    """What becomes of the connection after it: `truncate`, `reset` or `silence`; empty for nothing."""


@final
class Run(NamedTuple):
    """Events of neighbouring tokens, one token each, that differ in nothing but their text."""

    token: int
    """Of the first event; the next one has the next token."""
    before: bytes
    texts: list[bytes]
    after: bytes
    code: int

    def payloads(self, chunked: bool) -> list[bytes]:
        """The events' bytes, each in a chunk of HTTP's if asked for."""
        before, after = self.before, self.after
        if not chunked:
            return [before + text + after for text in self.texts]
        around = len(before) + len(after)
        heads = {size: b"%x\r\n%b" % (around + size, before) for size in set(map(len, self.texts))}
        after += b"\r\n"
        return [heads[len(text)] + text + after for text in self.texts]

    def events(self) -> Iterator[Event]:
        """The same, one by one."""
        for token, payload in enumerate(self.payloads(chunked=False), self.token):
            yield Event(token, payload, self.code)


_LONGEST_RUN = 64
AT_ONCE = -1
"""The token of an event that waits for none: it leaves when the request has come."""
_ROLE, _FINISH, _USAGE, _DONE, _BODY = what("role"), what("finish"), what("usage"), what("done"), what("body")


def stream(plan: Plan, per_event: int) -> Iterator[Event]:
    """The events of a stream. Raises nothing: whatever can be wrong with a request was found before."""
    for item in runs(plan, per_event):
        if isinstance(item, Run):
            yield from item.events()
        else:
            yield item


def runs(plan: Plan, per_event: int) -> Iterator[Event | Run]:
    """The same stream with runs in it, which cost less."""
    if per_event == 1 and len(plan.answers) == 1:
        return _single(plan)
    return _general(plan, per_event)


def _single(plan: Plan) -> Iterator[Event | Run]:
    """One choice, one token an event: what is measured against, so it is written for speed."""
    encoder, answer = plan.encoder, plan.answers[0]
    codes = {kind: what(kind, 1) for kind in ("reasoning", "content", "tool")}
    token = reasoning = silent = 0
    if opening := encoder.role(0):
        yield Event(0, opening, _ROLE)
    for block, ends in _blocks(answer.pieces()):
        at, size = 0, len(block)
        joined = size - 1 if ends and plan.last is not None else size
        """The place in the block of the event that also says how the choice ended."""
        while at < size:
            kind, text, escaped = block[at]
            parts = encoder.around(0, kind) if text and not silent and not plan.continuous_usage else None
            if parts is not None and at < joined:
                end = _end_of_alike(block, at, joined)
                yield Run(token, parts[0], [piece.json for piece in block[at:end]], parts[1], codes[kind])
                reasoning += end - at if kind == "reasoning" else 0
                token, at = token + end - at, end
                continue
            reasoning += kind == "reasoning"
            if text or at == joined:
                usage = Usage(plan.prompt_tokens, token + 1, reasoning) if plan.continuous_usage else None
                if at == joined and plan.last is not None:
                    payload = plan.last(0, kind, escaped, usage, answer.finish_reason, answer.matched_stop)
                else:
                    payload = encoder.piece(0, kind, escaped, usage)
                yield Event(token, payload, what(kind, 1 + silent))
                silent = 0
            else:
                silent += 1
            token, at = token + 1, at + 1
    unfinished = [answer] if plan.last is None or not token else []
    yield from _ending(plan, unfinished, max(token - 1, 0), Usage(plan.prompt_tokens, token, reasoning))


def _end_of_alike(block: list[Piece], start: int, end: int) -> int:
    kind = block[start].kind
    return next((at for at in range(start, end) if block[at].kind != kind or not block[at].text), end)


def _blocks(source: Iterator[Piece]) -> Iterator[tuple[list[Piece], bool]]:
    """Pieces, so many at a time, and whether they are the last."""
    block = list(islice(source, _LONGEST_RUN))
    while block:
        following = list(islice(source, _LONGEST_RUN))
        yield block, not following
        block = following


def _general(plan: Plan, per_event: int) -> Iterator[Event]:
    """Several choices, which advance together, or several tokens an event."""
    choices = [_Choice(plan, index) for index in range(len(plan.answers))]
    running = choices
    while running:
        for choice in running:
            yield from choice.step(per_event)
        running = [choice for choice in running if not choice.ended]
    last = max((choice.usage.completion for choice in choices), default=1) - 1
    completion = sum(choice.usage.completion for choice in choices)
    reasoning = sum(choice.usage.reasoning for choice in choices)
    yield from _ending(plan, [], max(last, 0), Usage(plan.prompt_tokens, completion, reasoning))


class _Choice:
    """One of several choices on its way out; usage in the middle of a stream is a choice's own."""

    def __init__(self, plan: Plan, index: int) -> None:
        self._plan, self._index = plan, index
        self._source = _ahead(plan.answers[index].pieces())
        self.usage = Usage(plan.prompt_tokens, 0)
        self.ended = False

    def step(self, count: int) -> Iterator[Event]:
        """The events of the next tokens, so many at most."""
        plan, index, opens = self._plan, self._index, not self.usage.completion
        group = list(islice(self._source, count))
        self.ended = self._source.exhausted
        at = self.usage.completion + len(group) - 1
        if opens and (opening := plan.encoder.role(index)):
            yield Event(max(at, 0), opening, _ROLE)
        runs = list(_runs(group))
        for number, (kind, tokens, escaped) in enumerate(runs, 1):
            _, completion, reasoning, _ = self.usage
            reasoning += tokens if kind == "reasoning" else 0
            self.usage = Usage(plan.prompt_tokens, completion + tokens, reasoning)
            usage = self.usage if plan.continuous_usage else None
            if self.ended and number == len(runs) and plan.last is not None:
                answer = plan.answers[index]
                payload = plan.last(index, kind, escaped, usage, answer.finish_reason, answer.matched_stop)
                yield Event(at, payload, what(kind, tokens))
            elif escaped:
                yield Event(at, plan.encoder.piece(index, kind, escaped, usage), what(kind, tokens))
        if self.ended and (plan.last is None or not runs):
            answer = plan.answers[index]
            if closing := plan.encoder.finish(index, answer.finish_reason, answer.matched_stop):
                yield Event(max(at, 0), closing, _FINISH)


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


def broken_off(plan: Plan) -> Event:
    """What ends the stream of a request that was aborted, as one event."""
    told, usage, _ = tell(plan)
    encoder = plan.encoder
    ends = [encoder.finish(index, one.finish_reason, None) for index, one in enumerate(told)]
    payload = b"".join((*ends, encoder.usage(usage) if plan.include_usage else b"", encoder.done()))
    return Event(AT_ONCE, payload, _FINISH)


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
        ended = answer.finish_reason, answer.matched_stop
        told.append(Told(texts["reasoning"], texts["content"], *ended, texts["tool"], count))
    return tuple(told), Usage(plan.prompt_tokens, completion, reasoning), longest
