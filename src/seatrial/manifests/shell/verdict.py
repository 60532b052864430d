"""Bash's own word on whether a script parses. Nothing is executed: the shell only reads (``-n``)."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache, lru_cache

from seatrial.manifests.shell.lexemes import REFERENCE_END, REFERENCE_START

_SECONDS = 5
_MESSAGE = re.compile(r"line (\d+): (.*)")
_POSIX_SHELLS = frozenset({"sh", "dash", "ash"})


@dataclass(frozen=True, slots=True)
class SyntaxVerdict:
    """``parses`` is None when no bash is at hand; ``line`` is 0-based."""

    parses: bool | None
    message: str = ""
    line: int = 0


@lru_cache(maxsize=512)
def bash_verdict(text: str, shell: str = "bash") -> SyntaxVerdict:
    """Ask ``bash -n`` (``bash --posix -n`` for sh, dash and ash) about ``text``; at most 5 seconds."""
    program = _bash()
    if program is None:
        return SyntaxVerdict(None, "no bash on PATH to ask")
    options = ["--posix", "-n"] if shell in _POSIX_SHELLS else ["-n"]
    source = text.replace(REFERENCE_START, "_").replace(REFERENCE_END, "_")
    try:
        run = subprocess.run(
            [program, "--norc", "--noprofile", *options],
            input=source.encode(errors="surrogatepass"),
            capture_output=True,
            timeout=_SECONDS,
            env={"LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return SyntaxVerdict(None, f"bash could not be asked: {type(error).__name__}")
    errors = _MESSAGE.search(run.stderr.decode(errors="replace"))
    if run.returncode == 0 and errors is None:
        return SyntaxVerdict(True)
    if errors is None:
        return SyntaxVerdict(run.returncode == 0 or None, "bash refused the script without a message")
    if "here-document" in errors[2] and run.returncode == 0:
        return SyntaxVerdict(True)
    return SyntaxVerdict(False, errors[2], max(0, int(errors[1]) - 1))


@cache
def _bash() -> str | None:
    return shutil.which("bash")
