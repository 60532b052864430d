"""What a running shell remembers: variables, positional parameters, functions, options, written files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from seatrial.manifests.shell.syntax import Node
from seatrial.manifests.shell.values import EMPTY, Value, unknown

Array = dict[int, Value]

SHELL_VARIABLES = frozenset({
    "BASH", "BASHPID", "BASH_SOURCE", "BASH_VERSION", "BASH_VERSINFO", "BASH_REMATCH", "BASH_COMMAND",
    "BASH_LINENO", "BASH_SUBSHELL", "BASHOPTS", "COLUMNS", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID",
    "FUNCNAME", "GROUPS", "HOME", "HOSTNAME", "HOSTTYPE", "IFS", "LINENO", "LINES", "MACHTYPE", "OLDPWD",
    "OPTARG", "OPTERR", "OPTIND", "OSTYPE", "PATH", "PIPESTATUS", "PPID", "PS1", "PS2", "PS3", "PS4", "PWD",
    "RANDOM", "REPLY", "SECONDS", "SHELL", "SHELLOPTS", "SHLVL", "SRANDOM", "TERM", "UID", "_",
})  # fmt: skip
"""Set by bash, dash or the container runtime; their values are not known here (bash manual, Shell Variables)."""

IMAGE_VARIABLES = frozenset({
    "CUDA_HOME", "CUDA_PATH", "CUDA_VERSION", "CUDNN_VERSION", "DEBIAN_FRONTEND", "LANG", "LANGUAGE", "LC_ALL",
    "LD_LIBRARY_PATH", "LIBRARY_PATH", "CONDA_PREFIX", "VIRTUAL_ENV", "NCCL_VERSION", "NVARCH",
    "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_REQUIRE_CUDA", "NVIDIA_PRODUCT_NAME",
    "PYTHONPATH", "TZ", "TORCH_CUDA_ARCH_LIST", "CPATH", "C_INCLUDE_PATH", "PKG_CONFIG_PATH",
})  # fmt: skip
"""Commonly set by CUDA, Python and serving images (ENV lines of nvidia/cuda, lmsysorg/sglang, vllm/vllm-openai)."""


def image_may_set(name: str) -> bool:
    return name in IMAGE_VARIABLES or name.startswith("NV_")


@dataclass(slots=True)
class State:
    """``may_be_set`` says whether a name that nobody assigned may still be set, by whom the manifests do not tell."""

    variables: dict[str, Value | Array]
    may_be_set: Callable[[str], bool]
    positional: list[Value] = field(default_factory=list)
    zero: Value = EMPTY
    functions: dict[str, Node] = field(default_factory=dict)
    options: set[str] = field(default_factory=set)
    files: dict[str, Value] = field(default_factory=dict)
    status: int | None = 0
    sourced: bool = False

    def copy(self) -> "State":
        """What a subshell starts with."""
        arrays = {name: value if isinstance(value, Value) else dict(value) for name, value in self.variables.items()}
        return State(
            arrays, self.may_be_set, list(self.positional), self.zero, dict(self.functions), set(self.options),
            dict(self.files), self.status, self.sourced,
        )  # fmt: skip

    def scalar(self, name: str) -> Value | None:
        """The value of a plain variable (element 0 of an array); None when nobody set it."""
        value = self.variables.get(name)
        if value is None:
            if name in SHELL_VARIABLES or self.sourced or image_may_set(name) or self.may_be_set(name):
                return unknown("$" + name, frozenset({name}))
            return None
        return value if isinstance(value, Value) else value.get(0)

    def elements(self, name: str) -> list[Value]:
        """The elements of an array; a plain variable is an array of one."""
        value = self.variables.get(name)
        if isinstance(value, dict):
            return [value[index] for index in sorted(value)]
        scalar = self.scalar(name)
        return [] if scalar is None else [scalar]

    def special(self, name: str) -> Value | None:
        """``$1``, ``$#``, ``$?`` and their like; ``$@`` and ``$*`` are lists and not answered here."""
        if name.isdigit():
            index = int(name) if len(name) < 6 else 1 << 20
            if index == 0:
                return self.zero
            return self.positional[index - 1] if index <= len(self.positional) else None
        if name == "#":
            return Value(str(len(self.positional)))
        if name == "?":
            return Value(str(self.status)) if self.status is not None else unknown("$?")
        if name == "-":
            return unknown("$-")
        return unknown("$" + name)

    def assign(self, name: str, value: Value, append: bool = False, index: int | None = None) -> None:
        held = self.variables.get(name)
        if index is None and not isinstance(held, dict):
            self.variables[name] = _added(held, value) if append else value
            return
        array = held if isinstance(held, dict) else ({} if held is None else {0: held})
        at = index or 0
        if at < 0:
            at += max(array, default=-1) + 1
        array[at] = _added(array.get(at), value) if append else value
        self.variables[name] = array

    def assign_array(self, name: str, items: list[Value], append: bool = False) -> None:
        held = self.variables.get(name) if append else None
        array: Array = dict(held) if isinstance(held, dict) else ({} if held is None else {0: held})
        first = max(array, default=-1) + 1
        array.update({first + i: item for i, item in enumerate(items)})
        self.variables[name] = array


def environment_state(variables: Mapping[str, Value], may_be_set: Callable[[str], bool]) -> State:
    return State(dict(variables), may_be_set)


def _added(held: Value | None, value: Value) -> Value:
    held = held or EMPTY
    return Value(held.text + value.text, held.known and value.known, held.sources | value.sources)
