"""The last words of a program, for a message of one line."""

import json
from pathlib import Path

_TAIL = 8192


def last_lines(log: Path, count: int = 3) -> str:
    """The last lines of a log, joined by " | "; those that tell of an error are preferred."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "it wrote no log"
    return telling(text, count) or "it wrote nothing"


def telling(text: str, count: int = 3) -> str:
    """The last lines that tell of an error, else the last lines."""
    lines = [_said(line) for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "fail" in line.lower() or "panic" in line.lower()]
    return " | ".join(line[:300] for line in (errors or lines)[-count:])


def _said(line: str) -> str:
    """Logs in JSON say it in two fields."""
    if not line.startswith("{"):
        return line.strip()
    try:
        entry = json.loads(line)
    except ValueError:
        return line.strip()
    parts = (str(entry[key]).strip() for key in ("msg", "err", "error") if entry.get(key))
    return ": ".join(parts) or line.strip()
