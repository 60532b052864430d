"""The command line, read as the release's argparse reads it, and refused in its words."""

import argparse
from collections.abc import Sequence

from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.release import Release
from seatrial.knowledge.sglang import FlagTable, Parsed, flag_table

REFUSED = 2
"""argparse's exit code."""
_SERVE_ADVICE = (
    "UserWarning: 'python -m sglang.launch_server' is still supported, "
    "but 'sglang serve' is the recommended entrypoint."
)


class Exit(Exception):
    """The process ends here: `out` and `error` are what it writes before."""

    def __init__(self, code: int, *, out: str = "", error: str = "") -> None:
        super().__init__(f"exit {code}")
        self.code, self.out, self.error = code, out, error


def parse(argv: Sequence[str], release: Release) -> tuple[ServerArgs, list[str]]:
    """The arguments of a launch line, and the warnings that the release prints. Raises Exit."""
    table = flag_table(release.version)
    parsed = table.parse(argv)
    first = parsed.first
    if first is not None and first.kind == "help":
        raise Exit(0, out=usage(table))
    if parsed.message is not None:
        raise Exit(REFUSED, error=f"{usage(table)}{parsed.message}\n")
    if parsed.config_file is not None:
        raise Exit(1, error="--config: the simulated engine reads no configuration files; write its options as flags\n")
    return ServerArgs.of(release, parsed.values), list(_warnings(parsed))


def _warnings(parsed: Parsed) -> list[str]:
    found = [use.flag for use in parsed.uses if use.flag.deprecated]
    return [
        f"{flag.display} is deprecated" + (f", use {flag.replacement}" if flag.replacement else "") for flag in found
    ]


def serve_advice(release: Release) -> str | None:
    """What newer releases say when they are started by the module's name (sglang-server facts 1.2)."""
    return _SERVE_ADVICE if release.since("0.5.23") else None


def usage(table: FlagTable) -> str:
    """Argparse's usage of all flags of a release."""
    parser = argparse.ArgumentParser(prog=table.prog)
    for flag in table.flags:
        if flag.action == "help":
            continue
        if flag.arity == "0":
            parser.add_argument(*flag.names, dest=flag.dest, action="store_true")
        else:
            nargs = None if flag.arity == "1" else flag.arity
            parser.add_argument(*flag.names, dest=flag.dest, nargs=nargs, choices=flag.choices, required=flag.required)
    return parser.format_usage()
