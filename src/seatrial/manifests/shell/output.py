"""Commands of the shell that print, and where their output goes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.manifests.shell.command import Word
from seatrial.manifests.shell.interpreter import Interpreter
from seatrial.manifests.shell.invocation import Invocation
from seatrial.manifests.shell.syntax import Simple
from seatrial.manifests.shell.values import EMPTY, Value, joined, unknown

_ESCAPE = re.compile(r"\\(?:([abefnrtv\\])|0([0-7]{0,3})|x([0-9a-fA-F]{1,2}))")
_NAMED = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_FORMAT = re.compile(r"%(?:%|(-?\d*)([sdiq]))")
_MOST_NUMBERS = 4096


@dataclass(frozen=True, slots=True)
class Call:
    """A built-in command as it is called."""

    shell: Interpreter
    words: Sequence[Word]
    node: Simple


def recorded(call: Call) -> int:
    call.shell.record(call.words, Invocation(tuple(call.words)), call.node)
    return 0


def _print(call: Call, value: Value) -> int | None:
    """Text on standard output: into a file, into the substitution around it, or away."""
    call.shell.record(call.words, Invocation(tuple(call.words)), call.node)
    target = call.shell.output_file(call.node)
    if target is not None:
        name = target.text.removeprefix("./")
        appends = any(redirect.operator == ">>" for redirect in call.node.redirects)
        before = call.shell.state.files.get(name, EMPTY) if appends else EMPTY
        call.shell.state.files[name] = joined((before, value))
    elif call.shell.output is not None and not call.node.diverts_output:
        call.shell.output.append(value)
    return None if opens_socket(call) else 0


def opens_socket(call: Call) -> bool:
    """Bash connects when it redirects to /dev/tcp/HOST/PORT; whether that works is not known here."""
    words = [
        word for redirect in call.node.redirects if redirect.target for word in call.shell.words((redirect.target,))
    ]
    if not any(word.text.startswith(("/dev/tcp/", "/dev/udp/")) for word in words):
        return False
    call.shell.question = (("connection", tuple(word.text for word in words)), True)
    return True


def echo(call: Call) -> int | None:
    at, newline, escapes = 1, "\n", call.shell.shell in {"sh", "dash"}
    while at < len(call.words) and re.fullmatch(r"-[neE]+", call.words[at].text):
        newline = "" if "n" in call.words[at].text else newline
        escapes = "e" in call.words[at].text or escapes
        at += 1
    value = joined([word.value for word in call.words[at:]] or [EMPTY], " ")
    text = _ESCAPE.sub(_escape, value.text) if escapes and value.known else value.text
    return _print(call, Value(text + newline, value.known, value.sources))


def _escape(found: re.Match[str]) -> str:
    if found[1]:
        return _NAMED[found[1]]
    return chr(int(found[3], 16) if found[3] else int(found[2] or "0", 8) & 0xFF)


def printf(call: Call) -> int | None:
    sources = frozenset().union(*(word.sources for word in call.words))
    if len(call.words) > 2 and call.words[1].text == "-v":
        call.shell.state.assign(call.words[2].text, _formatted(call.words[3:], sources))
        return 0
    return _print(call, _formatted(call.words[1:], sources))


def _formatted(words: Sequence[Word], sources: frozenset[str]) -> Value:
    if not words or not all(word.known for word in words):
        return unknown("printf", sources)
    pattern = _ESCAPE.sub(_escape, words[0].text)
    arguments = [word.text for word in words[1:]]
    slots = len([m for m in _FORMAT.finditer(pattern) if m[0] != "%%"])
    if "%" in _FORMAT.sub("", pattern) or "%q" in pattern:
        return unknown("printf", sources)
    rounds = -(-len(arguments) // slots) if slots and arguments else 1
    queue = iter(arguments)

    def slot(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        text = next(queue, "" if found[2] == "s" else "0")
        return (
            format(text, ("<" if found[1].startswith("-") else ">") + found[1].lstrip("-"))
            if found[1].strip("-")
            else text
        )

    if any((width.startswith("0") and len(width) > 1) or len(width) > 4 for width, _ in _FORMAT.findall(pattern)):
        return unknown("printf", sources)
    return Value("".join(_FORMAT.sub(slot, pattern) for _ in range(rounds)), True, sources)


def hostname(call: Call) -> int | None:
    held = call.shell.state.variables.get("HOSTNAME")
    if len(call.words) > 1 or not isinstance(held, Value):
        return call.shell.external(call.words, call.node)
    return _print(call, Value(held.text + "\n", held.known, held.sources))


def seq(call: Call) -> int | None:
    numbers = call.words[1:]
    if not all(word.known and re.fullmatch(r"-?\d{1,9}", word.text) for word in numbers) or not 1 <= len(numbers) <= 3:
        return call.shell.external(call.words, call.node)
    values = tuple(int(word.text) for word in call.words[1:])
    first, last = (values[0] if len(values) > 1 else 1), values[-1]
    step = values[1] if len(values) == 3 else 1
    if step == 0 or abs(last - first) // abs(step) > _MOST_NUMBERS:
        return call.shell.external(call.words, call.node)
    sources = frozenset().union(*(word.sources for word in call.words))
    text = "".join(f"{number}\n" for number in range(first, last + (1 if step > 0 else -1), step))
    return _print(call, Value(text, True, sources))


def cat(call: Call) -> int | None:
    body = call.shell.redirect(call.node) or call.shell.input
    if len(call.words) > 1 or body is None:
        return call.shell.external(call.words, call.node)
    return _print(call, body)
