"""All requirements of a layer, read from the suites without running pytest."""

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from seatrial import shipped
from seatrial.requirement import Requirement, declared, read

_DECLARATION = re.compile(r'@requirement\(\s*"([A-Z][A-Z0-9]{1,3}-\d\d)"')


@cache
def requirements(layer: str) -> tuple[Requirement, ...]:
    """The requirements of `suites/<layer>`, sorted by id. Raises BadRequirement for one that breaks the rules."""
    found = [
        read(function)
        for path in sorted((shipped.suites() / layer).glob("test_*.py"))
        for function in vars(_module(path)).values()
        if declared(function)
    ]
    return tuple(sorted(found, key=lambda requirement: requirement.id))


def everything() -> tuple[Requirement, ...]:
    """The requirements of all layers, layer by layer. Raises BadRequirement."""
    return tuple(requirement for layer in shipped.LAYERS for requirement in requirements(layer))


@cache
def ids() -> frozenset[str]:
    """Every id that is declared in any layer; read from the text, so that nothing is imported."""
    return frozenset(
        id
        for path in shipped.suites().glob("*/test_*.py")
        for id in _DECLARATION.findall(path.read_text(encoding="utf-8"))
    )


def _module(path: Path) -> ModuleType:
    name = f"seatrial_suites_{path.parent.name}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # so that the next attempt names the same cause
        raise
    return module
