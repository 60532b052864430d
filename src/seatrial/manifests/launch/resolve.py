"""Which arguments the SGLang process of one pod gets, word for word, and where each word comes from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seatrial.manifests.launch.engine import engine_call, is_engine, mentions_engine
from seatrial.manifests.launch.environment import Environment
from seatrial.manifests.launch.merge import merge_commands, merge_environments, merge_words, unsettled
from seatrial.manifests.launch.ways import CommandLine, Way, command_line, ways
from seatrial.manifests.shell.command import Command, Path, Problem, Word
from seatrial.manifests.shell.lexemes import REFERENCE
from seatrial.manifests.shell.values import EMPTY, Unsupported, Value

_DOLLAR = re.compile(r"\$\$|\$\((?P<reference>[^)]*)\)|\$\{(?P<braced>[A-Za-z_]\w*)[^}]*\}|\$(?P<name>[A-Za-z_]\w*)")
_ENV_LIKE = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
_ENGINE_IMAGE = re.compile(r"(^|/)sglang([:@]|$)")
_CODE_OPTIONS = frozenset({"-c", "-e"})


@dataclass(frozen=True, slots=True)
class Launch:
    """The launch line of one container in one pod.

    ``form``
        "exec", "script" (a shell runs ``script``, which stands at ``script_path`` below the container) or "none".
    ``argv``
        SGLang's own arguments, None when they cannot be told: ``unresolved`` says why.
    ``uncertain``
        Why SGLang may not be started at all although it usually is; None when it is started on every way.
    ``alternatives``
        The different argument lists of the ways through the script; one when nothing is undecided.
    ``traces``
        Whether the shell prints the launch line (``set -x``); ``trace_place`` is the (path, line) that turns it on.
    ``environment``
        The variables that the SGLang process gets, those exported by the script included. Where the ways through the
        script differ, the value is not known; ``unsettled`` are those that only some ways set.
    """

    form: str
    shell: str | None = None
    script: str | None = None
    script_path: Path = ()
    traces: bool = False
    trace_place: tuple[Path, int] | None = None
    engine: str | None = None
    launcher: str | None = None
    argv: tuple[Word, ...] | None = None
    alternatives: tuple[tuple[Word, ...], ...] = ()
    uncertain: str | None = None
    unresolved: str | None = None
    commands: tuple[Command, ...] = ()
    problems: tuple[Problem, ...] = ()
    environment: Mapping[str, Value] = field(default_factory=dict, compare=False, repr=False)
    unsettled: frozenset[str] = frozenset()


def resolve(container: Mapping[str, Any], environment: Environment) -> Launch:
    """The launch of a raw container in a pod with this environment. Never raises on bad manifests."""
    try:
        line = command_line(container, environment)
    except Unsupported as reason:
        return Launch("none", unresolved=str(reason))
    if not line.words:
        return Launch("none", unresolved="neither command nor args is set, and what the image starts is not known")
    found, complete = ways(line, environment, is_engine)
    problems = dict.fromkeys((*_outside_scripts(line, environment), *_inside_scripts(line, found)))
    shape = _shape(line, environment)
    return _launch(container, line, found, complete, tuple(problems), shape)


def _shape(line: CommandLine, environment: Environment) -> dict[str, Any]:
    if line.script is None or line.call is None:
        return {"form": "exec"}
    text = REFERENCE.sub(lambda found: (environment.reference(found[1]) or EMPTY).text, line.script.text)
    return {"form": "script", "shell": line.call.name, "script": text, "script_path": line.script.path}


def _launch(
    container: Mapping[str, Any],
    line: CommandLine,
    found: list[Way],
    complete: bool,
    problems: tuple[Problem, ...],
    shape: dict[str, Any],
) -> Launch:
    reached = [(way, command) for way in found if (command := way.first(is_engine))]
    followed = [way for way, _ in reached] or [way for way in found if not way.abandoned] or found
    commands = merge_commands([way.run.commands for way in followed])
    shape.update(commands=commands, problems=problems)
    entry_point = _entry_point(container, line)
    if not reached or entry_point is not None:
        reason = entry_point or _why_unresolved(line, found, problems)
        traces = any(command.traced for command in commands)
        return Launch(**shape, unresolved=reason, traces=traces, trace_place=_trace_place(line, commands, traces))
    command = reached[0][1]
    calls = [call for _, reached_command in reached if (call := engine_call(reached_command.program))]
    alternatives = tuple(dict.fromkeys(call.arguments for call in calls))
    environments = [reached_command.environment for _, reached_command in reached]
    return Launch(
        **shape,
        engine="sglang",
        launcher=calls[0].launcher,
        argv=merge_words(alternatives),
        alternatives=alternatives,
        uncertain=_why_uncertain(found, complete),
        traces=command.traced,
        trace_place=_trace_place(line, commands, command.traced),
        environment=merge_environments(environments),
        unsettled=unsettled(environments),
    )


def _entry_point(container: Mapping[str, Any], line: CommandLine) -> str | None:
    """Why args without a command do not say what is run; SGLang's image runs its args as they are."""
    if any(path[0] == "command" for path, _ in line.written):
        return None
    image = container.get("image")
    if isinstance(image, str) and _ENGINE_IMAGE.search(image) and not line.words[0].text.startswith("-"):
        return None
    return f"args without a command go to the entry point of image {image or '(none)'}, which is not known"


def _why_unresolved(line: CommandLine, found: list[Way], problems: Sequence[Problem]) -> str:
    syntax = next((problem for problem in problems if problem.kind == "syntax"), None)
    if syntax is not None:
        return f"the script does not parse: {syntax.message}"
    unsupported = next((way.unsupported for way in found if way.unsupported), None)
    if unsupported:
        return f"the script goes beyond what can be evaluated: {unsupported}"
    unreadable = next((part for way in found for part in way.run.unreadable), None)
    if unreadable is not None:
        return f"line {unreadable.line + 1} of the script cannot be read here"
    programs = [command.program for way in found for command in way.run.commands if command.program]
    through = next((words for words in programs if mentions_engine(words)), None)
    if through is not None:
        return f"SGLang is started through {through[0].text}, which is not known to pass arguments on"
    last = programs[-1] if programs else line.words
    if line.call is not None and line.script is None and line.call.file is not None:
        return f"{line.call.name} runs {line.call.file.text}, which is not part of the manifests"
    return f"no command starts SGLang; the last one that is reached is {' '.join(word.text for word in last)[:80]!r}"


def _why_uncertain(found: list[Way], complete: bool) -> str | None:
    if not complete:
        return "more conditions are undecided than can be followed"
    for way in found:
        if way.first(is_engine):
            continue
        if way.unsupported:
            return f"one way through the script cannot be evaluated: {way.unsupported}"
        if not way.failed and not way.abandoned:
            return f"SGLang is started only if {_questions(way)}"
    unreadable = next((part for way in found for part in way.run.unreadable), None)
    return f"line {unreadable.line + 1} of the script cannot be read here" if unreadable else None


def _questions(way: Way) -> str:
    question = next(reversed(way.run.choices.memory), None)
    if not isinstance(question, tuple) or len(question) < 2:
        return "a condition holds that is not known here"
    kind, *rest = question
    texts = rest[0] if isinstance(rest[0], tuple) else rest
    return f"this {kind} turns out right: {' '.join(str(text) for text in texts)[:80]}"


def _trace_place(line: CommandLine, commands: Sequence[Command], traces: bool) -> tuple[Path, int] | None:
    if not traces:
        return None
    for command in commands:
        options = [word.text for word in command.words[1:]]
        if command.name == "set" and any("xtrace" in text or re.match(r"-\w*x", text) for text in options):
            return command.words[0].path, command.line
    option = next((word for word in line.words if re.match(r"-\w*x\w*\Z|xtrace\Z", word.text)), line.words[0])
    return option.path, option.line


def _inside_scripts(line: CommandLine, found: list[Way]) -> Iterator[Problem]:
    """What the ways report, but for variables that the script sets in some branch: leaving those unset is meant."""
    text = line.script.text if line.script else ""
    for problem in (problem for way in found for problem in way.run.problems):
        name = re.escape(problem.variable)
        sets = rf"(^|[\s;(&|{{]){name}(\[[^]]*\])?\+?=|\bfor\s+{name}\b|\b(read|getopts|mapfile)\b[^\n;]*\b{name}\b"
        if problem.kind != "undefined" or not name or not re.search(sets, text):
            yield problem


def _outside_scripts(line: CommandLine, environment: Environment) -> Iterator[Problem]:
    """Dollars in words that no shell will read. ``$$`` is meant to arrive as ``$``."""
    if line.script is not None:
        return
    is_code = False
    for path, text in line.written:
        for found in _DOLLAR.finditer("" if is_code else text):
            problem = _dollar(found, environment, path, text)
            if problem is not None:
                yield problem
        is_code = text in _CODE_OPTIONS


def _dollar(found: re.Match[str], environment: Environment, path: Path, text: str) -> Problem | None:
    line = text.count("\n", 0, found.start())
    reference, name = found["reference"], found["braced"] or found["name"]
    if reference is not None:
        if environment.reference(reference) is not None or not reference:
            return None
        if _ENV_LIKE.match(reference):
            return Problem(
                "undefined", reference, f"$({reference}) stays as it is: the variable is set nowhere", path, line
            )
        return Problem("dollar in exec form", reference, f"no shell runs, so {found[0]} stays as it is", path, line)
    if name and (name in environment or _ENV_LIKE.match(name)):
        message = f"no shell expands {found[0]}; the kubelet expands $({name}) only"
        return Problem("dollar in exec form", name, message, path, line)
    return None
