"""The ways a container's command line can go in one pod, each with the commands it reaches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.manifests.launch.environment import Environment
from seatrial.manifests.launch.references import expanded, marked
from seatrial.manifests.shell.choices import Choices, explore
from seatrial.manifests.shell.command import Command, Path, Word
from seatrial.manifests.shell.interpreter import Abandoned, Halt, Interpreter, Leave, Run
from seatrial.manifests.shell.invocation import ShellCall, shell_call, unwrap
from seatrial.manifests.shell.state import environment_state
from seatrial.manifests.shell.values import Unsupported, Value

_LONGEST_SCRIPT = 1 << 17


@dataclass(frozen=True, slots=True)
class CommandLine:
    """``written`` are the raw elements, ``words`` what the kubelet makes of them; a script keeps its marks."""

    written: tuple[tuple[Path, str], ...]
    words: tuple[Word, ...]
    script: Word | None
    call: ShellCall | None


@dataclass(frozen=True, slots=True)
class Way:
    """One way through: what was run, how it ended, and why it could not be followed to its end, if so.

    ``failed`` means that the shell leaves with a known non-zero status; ``abandoned`` that the way only waits on.
    """

    run: Run
    failed: bool = False
    abandoned: bool = False
    unsupported: str | None = None

    def first(self, wanted: Callable[[Sequence[Word]], bool]) -> Command | None:
        return next((command for command in self.run.commands if wanted(command.program)), None)


def command_line(container: Mapping[str, Any], environment: Environment) -> CommandLine:
    """Command and args of a raw container after the kubelet's expansion. Elements of wrong types are skipped.

    Raises Unsupported when a value grows out of all proportion.
    """
    written = tuple(
        ((field, at), element if isinstance(element, str) else str(element))
        for field in ("command", "args")
        for at, element in enumerate(_elements(container.get(field)))
        if isinstance(element, str | int | float)
    )
    raw = tuple(Word(text, path=path) for path, text in written)
    call = shell_call(unwrap(raw).words)
    script = call.script if call else None
    words = tuple(_marked(word, environment) if word is script else _expanded(word, environment) for word in raw)
    return CommandLine(
        written, words, None if script is None else words[raw.index(script)], shell_call(unwrap(words).words)
    )


def _expanded(word: Word, environment: Environment) -> Word:
    value = expanded(word.text, environment.reference)
    return Word(value.text, value.known, True, value.sources, word.path)


def _marked(word: Word, environment: Environment) -> Word:
    return Word(marked(word.text, environment.reference), path=word.path)


def ways(
    line: CommandLine, environment: Environment, stops: Callable[[Sequence[Word]], bool]
) -> tuple[list[Way], bool]:
    """Every way, at most a few dozen; the flag says whether all were seen. Never raises."""
    if line.script is not None and len(line.script.text) > _LONGEST_SCRIPT:
        run = _run(Choices(), environment, stops)
        return [Way(run, unsupported="the script is longer than 128 KiB")], True

    return explore(lambda choices: _follow(line, _run(choices, environment, stops), environment))


def _run(choices: Choices, environment: Environment, stops: Callable[[Sequence[Word]], bool]) -> Run:
    choices.memory.update({("nonempty", text): True for text in environment.filled})
    return Run(choices, stops, environment.reference)


def _follow(line: CommandLine, run: Run, environment: Environment) -> Way:
    values = dict(environment.values)
    if environment.hostname is not None:
        values.setdefault("HOSTNAME", Value(environment.hostname, True, frozenset({"HOSTNAME"})))
    state = environment_state(values, environment.may_be_set)
    shell = Interpreter(run, state, set(values), ())
    try:
        status = shell.external(line.words)
    except Halt:
        status = None
    except Abandoned:
        return Way(run, abandoned=True)
    except Leave as leave:
        status = leave.status
    except Unsupported as reason:
        return Way(run, unsupported=str(reason))
    except RecursionError:
        return Way(run, unsupported="the script is nested too deeply")
    return Way(run, failed=bool(status))


def _elements(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else []
