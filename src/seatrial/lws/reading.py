"""Reading nodes of raw YAML that may have any type: a node of the wrong type reads as absent.

That a node has the wrong type is reported elsewhere, by the schema; nothing here raises.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

EMPTY: Final[dict[str, Any]] = {}
"""Stands for an absent mapping; never written to."""


def mapping(node: object) -> dict[str, Any]:
    """The node if it is a mapping, else an empty one."""
    return node if isinstance(node, dict) else EMPTY


def items(node: object) -> list[Any]:
    """The node if it is a list, else an empty one."""
    return node if isinstance(node, list) else []


def at(node: object, *path: str) -> Any:
    """The node found by following keys, or None where a step is missing or no mapping."""
    for key in path:
        if not isinstance(node, dict):
            return None
        node = node.get(key)
    return node


def integer(node: object) -> int | None:
    """The node if it is a whole number (true and false are not), else None."""
    return node if isinstance(node, int) and not isinstance(node, bool) else None


def text(node: object) -> str:
    """The node if it is a string, else an empty one."""
    return node if isinstance(node, str) else ""


def texts(node: object) -> dict[str, str]:
    """The entries of a mapping whose key and value are both strings, as labels and annotations have to be."""
    if not isinstance(node, dict) or not node:
        return {}
    return {key: value for key, value in node.items() if isinstance(key, str) and isinstance(value, str)}


def containers(pod_spec: Mapping[str, Any], field: str) -> Iterator[dict[str, Any]]:
    """The containers of a pod spec's list field; one of the wrong type reads as empty, so that indices stay true."""
    return map(mapping, items(pod_spec.get(field)))
