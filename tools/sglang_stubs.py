"""Build a release's own argument parser, with everything heavy replaced by stubs, to prove the extraction.

Run in a process of its own per release, because the stubs and the release's modules stay imported.
Releases from 0.5.20 on need msgspec installed; other third-party packages are never needed.
"""

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import types
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sglang_flags import Extractor, dest_of
from sglang_source import Release

# What runs as it is; everything else of the release is stubbed. KINDS: names of functions that the table calls alike.
REAL = (
    "sglang.jit_kernel.kv_canary.consts",
    "sglang.kernels.ops.kv_canary.consts",
    "sglang.srt.arg_groups",
    "sglang.srt.conversation",
    "sglang.srt.debug_utils",
    "sglang.srt.environ",
    "sglang.srt.function_call",
    "sglang.srt.kv_canary",
    "sglang.srt.lora",
    "sglang.srt.model_executor.cuda_graph_config",
    "sglang.srt.parser",
    "sglang.srt.reasoning_parser",
    "sglang.srt.server_args",
    "sglang.srt.utils",
    "sglang.utils",
)
KINDS = {"parse_cuda_graph_config_arg": "loads", "parse_cuda_graph_backend_arg": "str"}
INSTALLED = ("msgspec", "orjson", "typing_extensions")


class Stub:
    """Stands for anything of a module that is not there: callable, subclassable, empty and false."""

    def __init__(self, name: str = "stub") -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = "stub"

    def __getattr__(self, name: str) -> "Stub":
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        return Stub(name)

    def __call__(self, *args: Any, **_: Any) -> Any:
        return args[0] if len(args) == 1 and isinstance(args[0], type | types.FunctionType) else Stub("result")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()

    def __instancecheck__(self, instance: object) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __getitem__(self, key: object) -> "Stub":
        return Stub("item")

    def __or__(self, other: object) -> "Stub":
        return self

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *args: object) -> None:
        return None

    def __lt__(self, other: object) -> bool:
        return False

    def __int__(self) -> int:
        return 0

    __ror__ = __add__ = __radd__ = __mul__ = __sub__ = __or__
    __gt__ = __le__ = __ge__ = __lt__
    __index__ = __int__


class StubModule(types.ModuleType):
    """A module whose every attribute is a stub."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__version__",):
            raise AttributeError(name)
        return Stub(name)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Load the modules of REAL from the release, and stub all others that are not of Python itself."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._names = frozenset(zipfile.ZipFile(archive).namelist())

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,  # noqa: ARG002  # the finders' protocol
        target: types.ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """Decide who loads a module."""
        top, stem = name.split(".")[0], name.replace(".", "/")
        there = not self._names.isdisjoint((f"{stem}.py", f"{stem}/__init__.py"))
        if top in sys.stdlib_module_names or top in INSTALLED or (there and name.startswith(REAL)):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Make the stub; packages of the release go on finding their real submodules."""
        module = StubModule(spec.name)
        inside = spec.name == "sglang" or spec.name.startswith("sglang.")
        module.__path__ = [f"{self._archive}/{spec.name.replace('.', '/')}"] if inside else []
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: a stub has no code."""


def own_parser(archive: Path) -> argparse.ArgumentParser:
    """Return the parser that the release in *archive* builds."""
    sys.path.insert(0, str(archive))
    sys.meta_path.insert(0, Finder(archive))
    module = importlib.import_module("sglang.srt.server_args")
    parser = argparse.ArgumentParser(add_help=False)
    module.ServerArgs.add_cli_args(parser)
    return parser


def described(action: argparse.Action) -> dict[str, Any]:
    """Return what a record of the table says about the same flag."""
    choices = action.choices
    ordered = sorted(choices) if isinstance(choices, set | frozenset) else choices and list(choices)
    return {
        "names": list(action.option_strings),
        "dest": action.dest,
        "arity": "1" if action.nargs is None else str(action.nargs),
        "kind": KINDS.get(getattr(action.type, "__name__", "str"), getattr(action.type, "__name__", "str")),
        "choices": ordered,
        "default": action.default,
        "required": action.required,
    }


def expected(record: dict[str, Any]) -> dict[str, Any]:
    """Return the same description of an extracted record."""
    kinds = {"human-int": "human_readable_int", "json": "loads", "json-list": "json_list_type"}
    kinds |= {"nullable-str": "nullable_str"}
    kind = record.get("type", "str")
    return {
        "names": record["names"],
        "dest": dest_of(record),
        "arity": record.get("arity", "1"),
        "kind": "str" if record.get("arity") == "0" else kinds.get(kind, kind),
        "choices": record.get("choices"),
        "default": record.get("default"),
        "required": record.get("required", False),
    }


def differences(version: str, archive: Path) -> list[str]:
    """Return one line per difference between the extracted table and the release's own parser."""
    extractor = Extractor(Release(archive))
    extracted, renamed = [expected(record) for record in extractor.records()], extractor.renamed()
    command = [sys.executable, __file__, str(archive)]
    own = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    lines = [f"{version}: {len(extracted)} flags extracted, {len(own)} in the parser"] * (len(own) != len(extracted))
    for ours, theirs in zip(extracted, own, strict=False):
        ours = json.loads(json.dumps(ours))
        theirs["dest"] = renamed.get(theirs["dest"], theirs["dest"])
        lines += [
            f"{version}: {theirs['names'][0]} {key}: extracted {ours[key]!r}, own parser {theirs[key]!r}"
            for key in ours
            if ours[key] != theirs[key]
        ]
    return lines


if __name__ == "__main__":
    actions = own_parser(Path(sys.argv[1]))._actions
    print(json.dumps([described(action) for action in actions], default=str))
