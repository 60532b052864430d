"""Typed records out of the TOML files beside this module.

Every record carries `source` (where the fact was read) and `date` (when it was true).
"""

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@functools.cache
def document(name: str) -> Mapping[str, Any]:
    """The parsed file `<name>.toml`; callers must not change it."""
    with (Path(__file__).parent / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


def records(name: str, table: str, cls: type[T]) -> tuple[T, ...]:
    """Every `[[table]]` of `<name>.toml` as `cls`; lists become tuples.

    Raises TypeError when a record has a field that `cls` does not know, or lacks one.
    """
    return tuple(cls(**{key: _frozen(value) for key, value in raw.items()}) for raw in document(name)[table])


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
