"""Nodes in a sentence."""

from collections.abc import Iterable

from seatrial.live.objects import LiveObject

_SHOWN = 3


def listed(nodes: Iterable[LiveObject]) -> str:
    """Names of nodes, the first three of many."""
    names = [node.name for node in nodes]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
