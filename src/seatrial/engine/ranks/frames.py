"""What nodes say to each other: one line of JSON each, bounded; whoever says something else is no rank."""

import asyncio
import json
from typing import Any

LONGEST = 16 * 1024
HELLO = "seatrial-rank"


class NoRank(Exception):
    """The other side does not speak as a rank does: a scanner, a probe, an HTTP client."""


async def read(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next message. Raises NoRank, EOFError when the other side is gone."""
    try:
        line = await reader.readline()
    except (ValueError, asyncio.LimitOverrunError) as error:
        raise NoRank("a line that is too long") from error
    except OSError as error:
        raise EOFError from error
    if not line:
        raise EOFError
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NoRank("no JSON") from error
    if not line.endswith(b"\n") or not isinstance(found, dict):
        raise NoRank("no message")
    return found


def write(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
