"""One command-line flag of one SGLang release."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Action = Literal["store", "store_true", "boolean", "const", "ignored", "retired", "help"]
Arity = Literal["0", "1", "?", "*", "+"]
Type = Literal["str", "int", "float", "bool", "human-int", "json", "json-list", "nullable-str"]
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Flag:
    """A registration in SGLang's argument parser.

    ``names`` are in the order of registration, which is the order in messages. ``default`` is what argparse
    stores when the flag is absent; ``computed_default`` says that SGLang replaces it while it starts.
    ``deprecated`` flags warn and go on, or stop SGLang when ``action`` is ``retired``; ``replacement`` is what
    to write instead. ``source`` is the file below the package that declares the flag.
    """

    dest: str
    names: tuple[str, ...]
    arity: Arity = "1"
    type: Type = "str"
    choices: tuple[str | int | float | None, ...] | None = None
    default: Json = None
    computed_default: bool = False
    required: bool = False
    deprecated: bool = False
    replacement: str | None = None
    source: str = ""
    action: Action = "store"
    const: Json = None

    @property
    def display(self) -> str:
        """The name that argparse uses for the flag in its messages."""
        return "/".join(self.names)


HELP = Flag("help", ("-h", "--help"), arity="0", action="help", source="argparse")
