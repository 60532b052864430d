"""The shell's own commands, as far as they matter for the words that reach a program."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

from seatrial.manifests.shell.command import Word
from seatrial.manifests.shell.conditions import bracket
from seatrial.manifests.shell.interpreter import BreakLoop, ContinueLoop, ExitShell, ReturnFunction
from seatrial.manifests.shell.invocation import LONG_OPTIONS, Invocation, unwrap
from seatrial.manifests.shell.output import Call, cat, echo, hostname, opens_socket, printf, recorded, seq
from seatrial.manifests.shell.parser import parse
from seatrial.manifests.shell.syntax import Literal
from seatrial.manifests.shell.values import EMPTY, Unsupported, Value, joined, unknown

Builtin = Callable[[Call], int | None]


def _test(call: Call) -> int | None:
    arguments = [word.value for word in call.words[1:]]
    if call.words[0].text == "[":
        if not arguments or arguments[-1].text != "]":
            return 2
        arguments.pop()
    status = bracket(arguments)
    if status is None:
        call.shell.ask_test(arguments)
    return status


def _exit(call: Call) -> NoReturn:
    raise ExitShell(_status(call))


def _return(call: Call) -> NoReturn:
    raise ReturnFunction(_status(call))


def _status(call: Call) -> int | None:
    if len(call.words) < 2:
        return call.shell.state.status
    return int(call.words[1].text) & 255 if call.words[1].known and call.words[1].text.isdigit() else None


def _break(call: Call) -> int:
    if not call.shell.run.loops:
        return 0
    raise (BreakLoop if call.words[0].text == "break" else ContinueLoop)(0, _levels(call.words))


def _levels(words: Sequence[Word]) -> int:
    return max(1, int(words[1].text)) if len(words) > 1 and words[1].text.isdigit() else 1


def _set(call: Call) -> int:
    call.shell.record(call.words, Invocation(tuple(call.words)), call.node)
    options, at = call.shell.state.options, 1
    while at < len(call.words):
        text = call.words[at].text
        if text == "--" or text[:1] not in {"-", "+"} or len(text) == 1 or not call.words[at].known:
            if text in {"--", "-"}:
                at += 1
            call.shell.state.positional = [word.value for word in call.words[at:]]
            break
        letters = set(text[1:])
        at += 1
        if "o" in letters and at < len(call.words):
            letters |= LONG_OPTIONS.get(call.words[at].text, set())
            at += 1
        letters.discard("o")
        if text[0] == "-":
            options |= letters
        else:
            options -= letters
    return 0


def _shift(call: Call) -> int:
    count = int(call.words[1].text) if len(call.words) > 1 and call.words[1].text.isdigit() else 1
    if count > len(call.shell.state.positional):
        return 1
    call.shell.state.positional = call.shell.state.positional[count:]
    return 0


def _unset(call: Call) -> int:
    for word in call.words[1:]:
        call.shell.state.variables.pop(word.text, None)
        call.shell.exported.discard(word.text)
        call.shell.state.functions.pop(word.text, None)
    return 0


def _exec(call: Call) -> int | None:
    if not unwrap(call.words).through:
        call.shell.record(call.words, Invocation(tuple(call.words)), call.node)
        return None if opens_socket(call) else 0
    raise ExitShell(call.shell.external(call.words, call.node))


def _command(call: Call) -> int | None:
    rest = [word for word in call.words[1:] if word.text not in {"-p", "--"}]
    name = rest[0].text if rest else ""
    if name in BUILTINS:
        return BUILTINS[name](replace(call, words=rest))
    return call.shell.external(call.words, call.node)


def _eval(call: Call) -> int | None:
    text = joined([word.value for word in call.words[1:]] or [EMPTY], " ")
    if not text.known:
        raise Unsupported("eval of a text that is not known")
    with call.shell.run.deeper():
        return call.shell.block(parse(text.text).body)


def _source(call: Call) -> int | None:
    file = call.shell.state.files.get(call.words[1].text.removeprefix("./")) if len(call.words) > 1 else None
    if file is not None and file.known:
        with call.shell.run.deeper():
            return call.shell.block(parse(file.text).body)
    call.shell.state.sourced = True
    return call.shell.external(call.words, call.node)


def _read(call: Call) -> int | None:
    names = [word.text for word in call.words[1:] if not word.text.startswith("-")]
    options = "".join(word.text for word in call.words[1:] if word.text.startswith("-"))
    body = call.shell.redirect(call.node) or call.shell.input
    if body is None or not body.known or set(options) - set("-ra"):
        for name in names:
            call.shell.state.assign(name, unknown("$" + name, body.sources if body else frozenset()))
        return None
    line = Value(body.text.split("\n", 1)[0], True, body.sources)
    fields = call.shell.expansion.split(line)
    if "a" in options:
        call.shell.state.assign_array(names[0] if names else "REPLY", fields)
    elif len(names) > 1 and len(fields) > len(names):
        for name in names:
            call.shell.state.assign(name, unknown("$" + name, body.sources))
    elif len(names) == 1:
        call.shell.state.assign(names[0], Value(line.text.strip(), True, line.sources))
    else:
        for at, name in enumerate(names):
            call.shell.state.assign(name, fields[at] if at < len(fields) else EMPTY)
    return 0


def _let(call: Call) -> int | None:
    value = EMPTY
    for word in call.words[1:]:
        value = call.shell.expansion.arithmetic((Literal(word.text, True),)) if word.known else unknown(word.text)
    return int(value.text == "0") if value.known else None


BUILTINS: dict[str, Builtin] = {
    ":": lambda _: 0, "true": lambda _: 0, "false": lambda _: 1,
    "echo": echo, "printf": printf, "[": _test, "test": _test,
    "exit": _exit, "return": _return, "break": _break, "continue": _break, "set": _set, "shift": _shift,
    "unset": _unset, "exec": _exec, "command": _command, "builtin": _command, "eval": _eval, "source": _source,
    ".": _source, "read": _read, "let": _let, "hostname": hostname, "seq": seq, "cat": cat,
    "cd": recorded, "trap": recorded, "ulimit": recorded, "umask": recorded, "wait": recorded, "shopt": recorded,
    "hash": recorded, "alias": recorded, "jobs": recorded, "pushd": recorded, "popd": recorded,
}  # fmt: skip
