"""What the evaluation of a script reports: the commands it reaches, their words, and what is wrong on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from seatrial.manifests.shell.values import Value

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command line as the program gets it.

    ``path`` leads from the container to the YAML scalar the word stands in, ``line`` is its 0-based line in that
    scalar. A word that is not ``certain`` is there on some of the ways through the script only.
    """

    text: str
    known: bool = True
    certain: bool = True
    sources: frozenset[str] = frozenset()
    path: Path = ()
    line: int = 0
    column: int = 0

    @property
    def value(self) -> Value:
        return Value(self.text, self.known, self.sources)


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command that is reached.

    ``words`` are its words as written, ``program`` those behind wrappers such as ``exec`` or ``numactl``;
    ``targets`` are the files it redirects to, ``body`` the here-document it reads;
    ``loop`` says that it stands in a loop, ``traced`` that the shell prints it (``set -x``).
    """

    words: tuple[Word, ...]
    program: tuple[Word, ...]
    line: int = 0
    loop: bool = False
    background: bool = False
    traced: bool = False
    certain: bool = True
    targets: tuple[Word, ...] = ()
    body: Value | None = None
    environment: Mapping[str, Value] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The program's name without its directory; empty when it is not known."""
        return self.program[0].text.rsplit("/", 1)[-1] if self.program and self.program[0].known else ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a command line or script that will not do what it says.

    ``kind`` is one of "syntax", "undefined", "default is a name", "dollar in exec form",
    "kubelet reference in script", "unsupported"; ``variable`` is the name concerned, or empty.
    """

    kind: str
    variable: str
    message: str
    path: Path = ()
    line: int = 0
