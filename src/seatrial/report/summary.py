"""report.json: the run as one document, with everything needed to read it later."""

import json
import os
import platform
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import seatrial
from seatrial import options
from seatrial.items import trials
from seatrial.report.tally import Tally

SCHEMA_VERSION = 1


def write(path: Path, config: pytest.Config, tally: Tally, outcome: str, started: datetime, elapsed_s: float) -> None:
    """Write the report beside results.jsonl, whole or not at all. Raises OSError."""
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "seatrial", "version": seatrial.__version__},
        "layers": [trial.layer for trial in trials(config)],
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "duration_s": round(elapsed_s, 3),
        "outcome": outcome,
        "verdicts": {str(verdict): count for verdict, count in sorted(tally.total.items())},
        "sets": {name: {str(v): n for v, n in sorted(counts.items())} for name, counts in tally.counts.items()},
        "targets": {name: facts for trial in trials(config) for name, facts in trial.targets().items()},
        "options": _options(config),
        "environment": _environment(),
        "results": tally.open,
    }
    draft = path.with_suffix(f".{os.getpid()}.part")  # two runs may share the folder
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    try:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _options(config: pytest.Config) -> dict[str, Any]:
    """Each option with its effective value and where it came from."""
    return {
        option.flag: {
            "value": config.getoption(option.dest),
            "source": "default" if config.getoption(option.dest) in (option.default, False) else "command line",
        }
        for option in options.OPTIONS
    } | {"--strict": {"value": options.strict(config), "source": "pytest"}}


def _environment() -> dict[str, Any]:
    packages = ("pytest", "PyYAML", "jsonschema-rs", "tree-sitter", "tree-sitter-bash")
    return {
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "packages": {name: metadata.version(name) for name in packages},
    }
