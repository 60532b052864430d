"""Walks a script as the shell would, without running anything.

Programs have no output and no exit status here: what depends on them is unknown. In ``a && b`` an unknown ``a`` is
taken to succeed, since the script goes on only then; other undecided conditions are explored both ways (``choices``).
"""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from seatrial.manifests.shell import syntax
from seatrial.manifests.shell.choices import Choices
from seatrial.manifests.shell.command import Command, Path, Problem, Word
from seatrial.manifests.shell.conditions import DoubleBracket, matches
from seatrial.manifests.shell.expansion import Expansion
from seatrial.manifests.shell.invocation import Invocation, ShellCall, shell_call, unwrap
from seatrial.manifests.shell.lexemes import REFERENCE
from seatrial.manifests.shell.parser import parse
from seatrial.manifests.shell.state import Array, State
from seatrial.manifests.shell.values import EMPTY, Unsupported, Value, joined, unknown
from seatrial.manifests.shell.verdict import bash_verdict

_MOST_STEPS = 20_000
_MOST_ROUNDS = 1_000
_DEEPEST = 40
_NO_SOURCES: frozenset[str] = frozenset()
_ENV_LIKE = re.compile(r"[A-Z][A-Z0-9_]+\Z")
_GUARDS = frozenset({"exit", "return", "true", ":", "echo", "printf", "false", "break", "continue"})


Held = Value | Array | None
"""What a variable holds, to be put back later."""


class Leave(Exception):
    """Control leaves the shell, function or loop it is in; ``status`` as far as it is known."""

    def __init__(self, status: int | None = 0, levels: int = 1) -> None:
        self.status, self.levels = status, levels


class ExitShell(Leave): ...


class ReturnFunction(Leave): ...


class BreakLoop(Leave): ...


class ContinueLoop(Leave): ...


class Halt(Exception):
    """Nothing behind this point is reached: the engine runs in the foreground, or a loop never ends."""


class Abandoned(Exception):
    """This way only repeats a wait: another way shows how it ends."""


@dataclass(slots=True)
class Run:
    """What one way through a command line leaves behind; shared by nested shells."""

    choices: Choices
    stops: Callable[[Sequence[Word]], bool]
    references: Callable[[str], Value | None]
    commands: list[Command] = field(default_factory=list)
    problems: dict[Problem, None] = field(default_factory=dict)
    unreadable: list[syntax.Unreadable] = field(default_factory=list)
    steps: int = 0
    depth: int = 0
    loops: int = 0
    detached: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise Unsupported(f"the script takes more than {_MOST_STEPS} steps")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unsupported("functions, subshells or shells are nested too deeply")
        try:
            yield
        finally:
            self.depth -= 1


class Interpreter:
    """One shell process: its state, and the script it walks."""

    def __init__(
        self, run: Run, state: State, exported: set[str], path: Path, first_line: int = 0, shell: str = "bash"
    ) -> None:
        self.run, self.state, self.exported, self.path, self.first_line = run, state, exported, path, first_line
        self.shell = shell
        self.guarded = 0
        self.waiting = 0
        self.output: list[Value] | None = None
        self.input: Value | None = None
        self.locals: list[dict[str, Held]] = []
        self.question: tuple[Hashable, bool] = (None, True)
        self.expansion = self._expansion()

    def _expansion(self) -> Expansion:
        return Expansion(
            self.state,
            self.run.references,
            self.capture,
            self._nonempty,
            self.report,
            self.shell not in {"sh", "dash", "ash"},
        )

    def _nonempty(self, value: Value) -> bool:
        return self.run.choices.decide(("nonempty", value.text))

    def report(self, kind: str, variable: str, message: str, line: int) -> None:
        self.run.problems[Problem(kind, variable, message, self.path, self.first_line + line)] = None

    # scripts -------------------------------------------------------------------------------------------------------

    def script(self, text: str) -> int | None:
        """Run a whole script; its exit status."""
        script = parse(text)
        if script.suspect is not None and not self._parses(text):
            raise ExitShell(2)
        try:
            return self.block(script.body)
        except ExitShell as leave:
            return leave.status
        except (ReturnFunction, BreakLoop, ContinueLoop) as leave:
            return leave.status

    def _parses(self, text: str) -> bool:
        verdict = bash_verdict(text, self.shell)
        if verdict.parses is False:
            self.report("syntax", "", f"{self.shell} refuses the script: {verdict.message}", verdict.line)
        elif verdict.parses is None:
            self.report("unsupported", "", f"cannot tell whether the script parses: {verdict.message}", 0)
        return verdict.parses is not False

    def block(self, block: syntax.Block) -> int | None:
        status: int | None = 0
        for node, background in block.statements:
            status = self.background(node) if background else self.execute(node)
            self.state.status = status
        return status

    def execute(self, node: syntax.Node) -> int | None:
        self.run.step()
        return _EXECUTE[type(node)](self, node)

    def background(self, node: syntax.Node) -> int:
        self.run.detached += 1
        try:
            self.isolated(lambda: self.execute(node))
        except (Halt, Abandoned):
            pass
        finally:
            self.run.detached -= 1
        return 0

    def isolated(self, action: Callable[[], int | None]) -> int | None:
        """Run in a copy of the state, as a subshell does."""
        before, exported, expansion = self.state, self.exported, self.expansion
        self.state, self.exported = before.copy(), set(exported)
        self.expansion = self._expansion()
        try:
            with self.run.deeper():
                return action()
        except Leave as leave:
            return leave.status
        finally:
            self.state, self.exported, self.expansion = before, exported, expansion

    # simple commands -----------------------------------------------------------------------------------------------

    def simple(self, node: syntax.Simple) -> int | None:
        from seatrial.manifests.shell.builtins import BUILTINS  # they work on this class
        from seatrial.manifests.shell.output import Call

        words = self.words(node.words)
        if not words:
            status = self.assign_all(node)
            self.redirect(node)
            return self.checked(status)
        name = words[0].text if words[0].known else ""
        held = self._prefixed(node)
        try:
            if name in self.state.functions:
                status = self.call(self.state.functions[name], words)
            elif name in BUILTINS:
                status = BUILTINS[name](Call(self, words, node))
            else:
                status = self.external(words, node)
        finally:
            self._restore(held)
        return self.checked(status)

    def words(self, words: Sequence[syntax.Word]) -> tuple[Word, ...]:
        """The words of a command after expansion, each with its place in the script."""
        testing = bool(words) and syntax.plain(words[0].parts) in {"[", "test"}
        found: list[Word] = []
        whole = bool(words) and syntax.plain(words[0].parts) == "let"  # its arguments are arithmetic, not patterns
        for word in words:
            line = self.first_line + word.line
            if word.fixed is not None:
                found.append(Word(word.fixed, True, True, _NO_SOURCES, self.path, line, word.column))
                continue
            self.expansion.tolerated = None if testing and _deliberate(words, word) else _NO_SOURCES
            for value in (self.expansion.value(word.parts),) if whole else self.expansion.fields(word):
                found.append(Word(value.text, value.known, True, value.sources, self.path, line, word.column))
        self.expansion.tolerated = frozenset()
        return tuple(found)

    def assign_all(self, node: syntax.Simple) -> int | None:
        status: int | None = 0
        for assignment in node.assignments:
            self.assign(assignment)
            if self._substitutes(assignment):
                status = None
        return status

    def _substitutes(self, assignment: syntax.Assignment) -> bool:
        parts = assignment.value.parts if isinstance(assignment.value, syntax.Word) else ()
        return any(isinstance(part, syntax.Substitution) for part in parts)

    def assign(self, assignment: syntax.Assignment) -> None:
        name = assignment.name
        self.expansion.tolerated = frozenset({name})
        try:
            if isinstance(assignment.value, syntax.Word):
                self._assign_value(assignment, self.expansion.value(assignment.value.parts))
            else:
                items = [value for word in assignment.value for value in self.expansion.fields(word)]
                self.state.assign_array(name, items, assignment.append)
        finally:
            self.expansion.tolerated = frozenset()
        if "a" in self.state.options:
            self.exported.add(name)

    def _assign_value(self, assignment: syntax.Assignment, value: Value) -> None:
        index = None
        if assignment.index is not None:
            at = self.expansion.arithmetic(assignment.index)
            if not at.known:
                raise Unsupported(f"an index of {assignment.name} is not known")
            index = int(at.text)
        self.state.assign(assignment.name, value, assignment.append, index)

    def _prefixed(self, node: syntax.Simple) -> dict[str, tuple[Held, bool]]:
        """``NAME=value command``: set for the command only; gives what to put back."""
        held: dict[str, tuple[Held, bool]] = {}
        for assignment in node.assignments:
            held[assignment.name] = (self.state.variables.get(assignment.name), assignment.name in self.exported)
            self.assign(assignment)
            self.exported.add(assignment.name)
        return held

    def _restore(self, held: dict[str, tuple[Held, bool]]) -> None:
        for name, (value, exported) in held.items():
            self.set_raw(name, value)
            if not exported:
                self.exported.discard(name)

    def set_raw(self, name: str, value: Held) -> None:
        if value is None:
            self.state.variables.pop(name, None)
        else:
            self.state.variables[name] = value

    def checked(self, status: int | None) -> int | None:
        """``set -e`` ends the shell at a failure that nobody looks at."""
        if status and "e" in self.state.options and not self.guarded:
            raise ExitShell(status)
        return status

    def external(self, words: Sequence[Word], node: syntax.Simple | None = None) -> int | None:
        """A program: recorded, and followed when it is a shell."""
        invocation = unwrap(words)
        call = shell_call(invocation.words)
        body = self.redirect(node) if node else None
        command = self.record(self._readable(words) if call else words, invocation, node, body)
        if self.run.stops(command.program):
            if not self.run.detached:
                raise Halt
            return 0
        if call is not None:
            return self.nested(call, invocation, body)
        if self.output is not None and not (node and node.diverts_output):
            self.output.append(unknown("$(" + words[0].text + ")", _sources(words, self.input)))
        self.question = (("command", tuple(word.text for word in words)), True)
        return None

    def _readable(self, words: Sequence[Word]) -> Sequence[Word]:
        """Words without the marks that stand for the kubelet's values in a script."""

        def text(found: re.Match[str]) -> str:
            return (self.run.references(found[1]) or EMPTY).text

        return [replace(word, text=REFERENCE.sub(text, word.text)) for word in words]

    def record(
        self,
        words: Sequence[Word],
        invocation: Invocation,
        node: syntax.Simple | None = None,
        body: Value | None = None,
    ) -> Command:
        targets = tuple(word for redirect in node.redirects for word in self._target(redirect)) if node else ()
        line = words[0].line
        command = Command(
            tuple(words), invocation.words, line, self.run.loops > 0, self.run.detached > 0, "x" in self.state.options,
            True, targets, body, self._environment(invocation),
        )  # fmt: skip
        self.run.commands.append(command)
        return command

    def _target(self, redirect: syntax.Redirect) -> Sequence[Word]:
        return self.words((redirect.target,)) if redirect.target is not None else ()

    def _environment(self, invocation: Invocation) -> dict[str, Value]:
        variables = self.state.variables
        held = {} if invocation.clean else {
            name: value for name in self.exported if isinstance(value := variables.get(name), Value)
        }  # fmt: skip
        held.update(invocation.assignments)
        return held

    def nested(self, call: ShellCall, invocation: Invocation, body: Value | None) -> int | None:
        """Another shell: a script in its arguments, in a file written here, or on its standard input."""
        text = call.script
        first_line, path = (text.line, text.path) if text is not None else (0, self.path)
        value = text.value if text is not None else self._file(call, body)
        if value is None:
            return None
        if not value.known:
            raise Unsupported(f"the script that {call.name} runs is not known")
        environment = self._environment(invocation)
        state = State(dict(environment), self.state.may_be_set, zero=Value(call.name), options=set(call.options))
        state.files, state.sourced = self.state.files, self.state.sourced
        arguments = [word.value for word in call.arguments]
        if text is not None and arguments:
            state.zero = arguments.pop(0)
        state.positional = arguments
        inner = Interpreter(self.run, state, set(environment), path, first_line, call.name)
        inner.output = self.output
        with self.run.deeper():
            try:
                return inner.script(value.text)
            except ExitShell as leave:
                return leave.status

    def _file(self, call: ShellCall, body: Value | None) -> Value | None:
        if call.file is None:
            return body if body is not None else self.input
        return self.state.files.get(call.file.text.removeprefix("./"))

    def redirect(self, node: syntax.Simple) -> Value | None:
        """The text on standard input, when the command has a here-document or here-string."""
        body = None
        for redirect in node.redirects:
            if redirect.body is not None and redirect.descriptor in {"", "0"}:
                body = self.expansion.value(redirect.body.parts)
                body = Value(body.text + "\n", body.known, body.sources) if redirect.operator == "<<<" else body
        return body

    def output_file(self, node: syntax.Simple) -> Word | None:
        """Where standard output goes, if to a file."""
        for redirect in node.redirects:
            if redirect.operator in {">", ">>", ">|"} and redirect.descriptor in {"", "1"} and redirect.target:
                return next(iter(self._target(redirect)), None)
        return None

    def call(self, body: syntax.Node, words: Sequence[Word]) -> int | None:
        positional = self.state.positional
        self.state.positional = [word.value for word in words[1:]]
        self.locals.append({})
        try:
            with self.run.deeper():
                return self.execute(body)
        except ReturnFunction as leave:
            return leave.status
        finally:
            self.state.positional = positional
            for name, value in self.locals.pop().items():
                self.set_raw(name, value)

    def capture(self, part: syntax.Substitution) -> Value:
        """The output of a command substitution, as far as the shell itself produces it."""
        name = _env_like_command(part)
        if name is not None and name not in self.state.functions:
            message = f"$({name}) was not replaced by the kubelet, so the shell runs a command of that name"
            self.report("kubelet reference in script", name, message, _line(part))
            return EMPTY
        outer, self.output = self.output, []
        tolerated = self.expansion.tolerated
        guarded, self.guarded = self.guarded, self.guarded + 1
        try:
            self.state.status = self.isolated(lambda: self.block(part.body))
            value = joined(self.output or [EMPTY])
        finally:
            self.output, self.guarded = outer, guarded
            self.expansion.tolerated = tolerated
        return Value(value.text.rstrip("\n"), True, value.sources) if value.known else unknown(part.text, value.sources)

    # compound commands ---------------------------------------------------------------------------------------------

    def declaration(self, node: syntax.Declaration) -> int | None:
        flags = ""
        for item in node.items:
            if isinstance(item, syntax.Assignment):
                self._declare(node.keyword, flags, item.name)
                self.assign(item)
                continue
            for value in self.expansion.fields(item):
                if value.text.startswith(("-", "+")):
                    flags += value.text[1:] if value.text[0] == "-" else "-" + value.text[1:]
                else:
                    name, equals, text = value.text.partition("=")
                    self._declare(node.keyword, flags, name)
                    if equals:
                        self.state.assign(name, Value(text, value.known, value.sources))
        return 0

    def _declare(self, keyword: str, flags: str, name: str) -> None:
        if "A" in flags:
            raise Unsupported(f"the associative array {name}")
        is_local = keyword == "local" or (keyword in {"declare", "typeset"} and "g" not in flags)
        if is_local and self.locals and name not in self.locals[-1]:
            self.locals[-1][name] = self.state.variables.get(name)
            if keyword == "local":
                self.state.variables.pop(name, None)
        if (keyword == "export" and "n" not in flags) or (keyword != "export" and "x" in flags and "-x" not in flags):
            self.exported.add(name)

    @contextmanager
    def guard(self) -> Iterator[None]:
        self.guarded += 1
        try:
            yield
        finally:
            self.guarded -= 1

    def truth(self, status: int | None) -> bool:
        if status is not None:
            return status == 0
        question, polarity = self.question
        return self.run.choices.decide(question) == polarity

    def and_or(self, node: syntax.AndOr) -> int | None:
        with self.guard():
            left = self.execute(node.left)
        self.state.status = left
        if left is None:
            if self.waiting:
                self.execute(node.right)
                return None
            if node.operator == "&&" and not _is_test(node.left):
                return self.execute(node.right)
            if node.operator == "||" and not _is_test(node.left) and _is_guard(node.right):
                return 0
            left = 0 if self.truth(left) else 1
        if (left == 0) == (node.operator == "&&"):
            return self.execute(node.right)
        return left

    def pipeline(self, node: syntax.Pipeline) -> int | None:
        if len(node.commands) == 1:
            with self.guard():
                status = self.execute(node.commands[0])
        else:
            status = self._stages(node)
        if not node.negated:
            return status if len(node.commands) == 1 else self.checked(status)
        question, polarity = self.question
        self.question = (question, not polarity)
        return None if status is None else int(status == 0)

    def _stages(self, node: syntax.Pipeline) -> int | None:
        outer_output, outer_input = self.output, self.input
        status: int | None = 0
        try:
            for at, command in enumerate(node.commands):
                last = at == len(node.commands) - 1
                self.output = outer_output if last else []
                with self.guard():
                    status = self.isolated(partial(self.execute, command))
                self.input = joined(self.output) if self.output and not last else None
        finally:
            self.output, self.input = outer_output, outer_input
        return status

    def conditional(self, node: syntax.If) -> int | None:
        for condition, body in node.arms:
            with self.guard():
                status = self.block(condition)
            if self.truth(status):
                return self.block(body)
        return self.block(node.otherwise) if node.otherwise else 0

    def loop(self, node: syntax.While) -> int | None:
        with self._in_loop():
            for _ in range(_MOST_ROUNDS):
                asked, before = self.run.choices.asked, dict(self.state.variables)
                positional = self.state.positional
                status = self._wait_condition(node.condition)
                if status is None:
                    return self._once(node.body)
                if (status == 0) == node.until:
                    return 0
                if not self._round(node.body):
                    return 0
                if before == self.state.variables and positional == self.state.positional:
                    raise Abandoned if self.run.choices.asked > asked else Halt
            raise Unsupported(f"a loop runs more than {_MOST_ROUNDS} times")

    def _wait_condition(self, condition: syntax.Block) -> int | None:
        self.waiting += 1
        try:
            with self.guard():
                return self.block(condition)
        finally:
            self.waiting -= 1

    @contextmanager
    def _in_loop(self) -> Iterator[None]:
        self.run.loops += 1
        waiting, self.waiting = self.waiting, 0
        try:
            yield
        finally:
            self.waiting = waiting
            self.run.loops -= 1

    def _round(self, body: syntax.Block) -> bool:
        """One round of a loop; false when it was the last."""
        try:
            self.block(body)
        except ContinueLoop as leave:
            if leave.levels > 1:
                raise ContinueLoop(0, leave.levels - 1) from None
        except BreakLoop as leave:
            if leave.levels > 1:
                raise BreakLoop(0, leave.levels - 1) from None
            return False
        return True

    def _once(self, body: syntax.Block) -> int:
        """See the body of a loop whose rounds cannot be counted; what it changes is unknown afterwards."""
        before = dict(self.state.variables)
        self._round(body)
        for name, value in self.state.variables.items():
            if before.get(name) is not value:
                sources = value.sources if isinstance(value, Value) else frozenset()
                self.state.variables[name] = unknown("$" + name, sources)
        return 0

    def counted(self, node: syntax.For) -> int | None:
        values = list(self.state.positional) if node.words is None else [
            value for word in node.words for value in self.expansion.fields(word)
        ]  # fmt: skip
        with self._in_loop():
            for value in values:
                self.state.assign(node.name, value)
                if not value.known and len(values) == 1:
                    return self._once(node.body)
                self.run.step()
                if not self._round(node.body):
                    break
        return 0

    def c_style(self, node: syntax.CFor) -> int | None:
        self.expansion.arithmetic(node.setup)
        with self._in_loop():
            for _ in range(_MOST_ROUNDS):
                condition = (
                    self.expansion.arithmetic(node.condition) if syntax.plain(node.condition) != "" else Value("1")
                )
                if not condition.known:
                    return self._once(node.body)
                if condition.text == "0" or not self._round(node.body):
                    return 0
                self.expansion.arithmetic(node.step)
        raise Unsupported(f"a loop runs more than {_MOST_ROUNDS} times")

    def case(self, node: syntax.Case) -> int | None:
        self.expansion.tolerated = None
        subject = self.expansion.value(node.subject.parts)
        self.expansion.tolerated = frozenset()
        falling = False
        status: int | None = 0
        for patterns, body, terminator in node.arms:
            if not falling and not any(self._covers(subject, pattern) for pattern in patterns):
                continue
            status = self.block(body)
            if terminator == ";;":
                break
            falling = terminator == ";&"
        return status

    def _covers(self, subject: Value, pattern: syntax.Word) -> bool:
        pieces, value = self.expansion.pattern(pattern.parts)
        if value.text == "*" and value.known:
            return True
        answer = matches(subject.text, pieces) if subject.known and value.known else None
        if answer is None:
            return self.run.choices.decide(("case", subject.text, value.text))
        return answer

    def function(self, node: syntax.Function) -> int:
        self.state.functions[node.name] = node.body
        return 0

    def subshell(self, node: syntax.Subshell) -> int | None:
        return self.checked(self.isolated(lambda: self.block(node.body)))

    def group(self, node: syntax.Group) -> int | None:
        return self.block(node.body)

    def test(self, node: syntax.Test) -> int | None:
        self.expansion.tolerated = None
        try:
            status = DoubleBracket(self.expansion, node.words).status()
            if status is None:
                self.ask_test([self.expansion.value(word.parts) for word in node.words])
        finally:
            self.expansion.tolerated = frozenset()
        return self.checked(status)

    def ask_test(self, arguments: Sequence[Value]) -> None:
        """Remember what an undecided test asks, so that the same question gets one answer."""
        match [value.text for value in arguments]:
            case ["-n", text] | [text]:
                self.question = (("nonempty", text), True)
            case ["-z", text] | [text, "=" | "==", ""]:
                self.question = (("nonempty", text), False)
            case [text, "!=", ""]:
                self.question = (("nonempty", text), True)
            case texts:
                self.question = (("test", tuple(texts)), True)

    def arithmetic(self, node: syntax.ArithmeticCommand) -> int | None:
        value = self.expansion.arithmetic(node.expression)
        if not value.known:
            self.question = (("arithmetic", value.text), True)
            return None
        return self.checked(int(value.text == "0"))

    def redirected(self, node: syntax.Redirected) -> int | None:
        return self.execute(node.body)

    def unreadable(self, node: syntax.Unreadable) -> int | None:
        """Skipped; names it may assign are unknown from here on."""
        line = self.first_line + node.line
        self.run.unreadable.append(syntax.Unreadable(node.text, line))
        for name in re.findall(r"(?:^|[\s;(])([A-Za-z_]\w*)\+?=", node.text):
            self.state.variables[name] = unknown("$" + name)
        return None


_EXECUTE: dict[type, Callable[..., int | None]] = {
    syntax.Simple: Interpreter.simple,
    syntax.Declaration: Interpreter.declaration,
    syntax.Pipeline: Interpreter.pipeline,
    syntax.AndOr: Interpreter.and_or,
    syntax.If: Interpreter.conditional,
    syntax.While: Interpreter.loop,
    syntax.For: Interpreter.counted,
    syntax.CFor: Interpreter.c_style,
    syntax.Case: Interpreter.case,
    syntax.Function: Interpreter.function,
    syntax.Subshell: Interpreter.subshell,
    syntax.Group: Interpreter.group,
    syntax.Test: Interpreter.test,
    syntax.ArithmeticCommand: Interpreter.arithmetic,
    syntax.Redirected: Interpreter.redirected,
    syntax.Unreadable: Interpreter.unreadable,
}


def _deliberate(words: Sequence[syntax.Word], word: syntax.Word) -> bool:
    """Whether a test asks on purpose for something that may be unset: quoted, or with -z."""
    if any(syntax.plain(other.parts) == "-z" for other in words):
        return True
    return all(not isinstance(part, syntax.Parameter) or part.quoted for part in word.parts)


def _is_test(node: syntax.Node) -> bool:
    while isinstance(node, syntax.Pipeline) and len(node.commands) == 1:
        node = node.commands[0]
    if isinstance(node, syntax.Simple) and node.words:
        return syntax.plain(node.words[0].parts) in {"[", "test"}
    return isinstance(node, syntax.Test | syntax.ArithmeticCommand)


def _is_guard(node: syntax.Node) -> bool:
    return isinstance(node, syntax.Simple) and bool(node.words) and syntax.plain(node.words[0].parts) in _GUARDS


def _sources(words: Sequence[Word], piped: Value | None) -> frozenset[str]:
    return frozenset().union(*(word.sources for word in words), piped.sources if piped else ())


def _env_like_command(part: syntax.Substitution) -> str | None:
    """``NAME`` when the substitution runs just ``NAME`` and that looks like an environment variable."""
    if len(part.body.statements) != 1 or not part.text.startswith("$("):
        return None
    node = part.body.statements[0][0]
    if not isinstance(node, syntax.Simple) or len(node.words) != 1 or node.assignments:
        return None
    name = syntax.plain(node.words[0].parts)
    return name if name is not None and _ENV_LIKE.match(name) else None


def _line(part: syntax.Substitution) -> int:
    node = part.body.statements[0][0]
    return node.line if isinstance(node, syntax.Simple) else 0
