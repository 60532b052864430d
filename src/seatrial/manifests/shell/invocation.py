"""What a command line really starts, behind wrappers such as ``env``, ``numactl`` or ``tini``, and through shells."""

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.manifests.shell.command import Word
from seatrial.manifests.shell.values import Value

SHELLS = frozenset({"bash", "sh", "dash", "ash", "zsh", "ksh"})


@dataclass(frozen=True, slots=True)
class Wrapper:
    """``valued`` options take the next word, ``operands`` words stand before the wrapped command."""

    valued: frozenset[str] = frozenset()
    operands: int = 0


def _wrapper(valued: str = "", operands: int = 0) -> Wrapper:
    return Wrapper(frozenset(valued.split()), operands)


WRAPPERS = {
    "nohup": _wrapper(),
    "setsid": _wrapper(),
    "stdbuf": _wrapper("-i -o -e --input --output --error"),
    "nice": _wrapper("-n --adjustment"),
    "ionice": _wrapper("-c -n -P -u --class --classdata"),
    "chrt": _wrapper("-T -P -D", 1),
    "timeout": _wrapper("-s -k --signal --kill-after", 1),
    "taskset": _wrapper("", 1),
    "numactl": _wrapper("-i -w -N -C -m -p -l --interleave --cpunodebind --physcpubind --membind --preferred"),
    "time": _wrapper("-f -o --format --output"),
    "tini": _wrapper("-p -e"),
    "dumb-init": _wrapper("-r --rewrite"),
    "catatonit": _wrapper(),
    "sudo": _wrapper("-u -g -h -p -C -D --user --group"),
    "gosu": _wrapper("", 1),
    "su-exec": _wrapper("", 1),
    "prlimit": _wrapper(),
    "nvidia_entrypoint.sh": _wrapper(),
    "exec": _wrapper("-a"),
    "command": _wrapper(),
    "builtin": _wrapper(),
}  # fmt: skip
"""Programs that run the command given to them, by their manual pages."""


@dataclass(frozen=True, slots=True)
class ShellCall:
    """A shell and what it is to run: a ``script`` given with -c, or a ``file``; ``options`` are the set letters."""

    name: str
    options: frozenset[str]
    script: Word | None
    file: Word | None
    arguments: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Invocation:
    """``words`` is the wrapped command, ``assignments`` what ``env`` sets, ``clean`` whether it drops the rest."""

    words: tuple[Word, ...]
    assignments: tuple[tuple[str, Value], ...] = ()
    clean: bool = False
    through: tuple[str, ...] = ()


def basename(word: Word) -> str:
    return word.text.rsplit("/", 1)[-1] if word.known else ""


def unwrap(words: Sequence[Word]) -> Invocation:
    """Follow wrappers to the command they run. A wrapper with nothing to run is the command itself."""
    current, assignments, through, clean = tuple(words), [], [], False
    while current:
        name = basename(current[0])
        if name == "env":
            rest, added, dropped = _env(current[1:])
        elif name == "busybox" and len(current) > 1:
            rest, added, dropped = current[1:], [], False
        elif name in WRAPPERS and not _queries(name, current):
            rest, added, dropped = _behind(current[1:], WRAPPERS[name]), [], False
        else:
            break
        if not rest:
            break
        current, clean = rest, clean or dropped
        assignments += added
        through.append(name)
    return Invocation(current, tuple(assignments), clean, tuple(through))


def _queries(name: str, words: Sequence[Word]) -> bool:
    """``command -v python3`` asks for a program and does not run it."""
    return name == "command" and len(words) > 1 and words[1].text[:2] in {"-v", "-V"}


def _behind(words: tuple[Word, ...], wrapper: Wrapper) -> tuple[Word, ...]:
    at = 0
    while at < len(words) and words[at].text.startswith("-") and words[at].text != "-":
        option = words[at].text
        at += 1
        if option == "--":
            break
        if option in wrapper.valued:
            at += 1
    return words[at + wrapper.operands :]


def _env(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], list[tuple[str, Value]], bool]:
    assignments: list[tuple[str, Value]] = []
    clean, at = False, 0
    while at < len(words):
        text = words[at].text
        if text in {"-i", "-", "--ignore-environment"}:
            clean = True
        elif text in {"-u", "-C", "--unset", "--chdir"}:
            at += 1
        elif text in {"-S", "--split-string"} and at + 1 < len(words):
            split = words[at + 1]
            inner = [
                Word(part, split.known, split.certain, split.sources, split.path, split.line)
                for part in split.text.split()
            ]
            return (*inner, *words[at + 2 :]), assignments, clean
        elif "=" in text and not text.startswith("-"):
            name, _, value = text.partition("=")
            assignments.append((name, Value(value, words[at].known, words[at].sources)))
        elif not text.startswith("-"):
            break
        at += 1
    return words[at:], assignments, clean


def shell_call(words: Sequence[Word]) -> ShellCall | None:
    """The shell call that these (unwrapped) words are, or None."""
    if not words or basename(words[0]) not in SHELLS:
        return None
    options: set[str] = set()
    at, with_script = 1, False
    while at < len(words):
        text = words[at].text
        if text in {"-", "--"}:
            at += 1
            break
        if text[:1] not in {"-", "+"} or len(text) < 2 or not words[at].known:
            break
        at += 1
        if text.startswith("--"):
            at += text in {"--rcfile", "--init-file"}
            continue
        letters = text[1:]
        with_script = with_script or "c" in letters
        if "o" in letters.lower() and at < len(words):
            if text[0] == "-":
                options |= LONG_OPTIONS.get(words[at].text, set())
            at += 1
        options = options | set(letters) if text[0] == "-" else options - set(letters)
    operand = words[at] if at < len(words) else None
    script, file = (operand, None) if with_script else (None, operand)
    return ShellCall(basename(words[0]), frozenset(options), script, file, tuple(words[at + 1 :]))


LONG_OPTIONS = {
    "xtrace": {"x"},
    "errexit": {"e"},
    "nounset": {"u"},
    "noglob": {"f"},
    "allexport": {"a"},
    "pipefail": {"pipefail"},
}
"""Options of ``set -o`` that matter here, and their letters."""
