"""``seatrial engine``: the simulated SGLang on this machine, with set latencies."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from seatrial.engine import settings
from seatrial.engine.settings import InvalidSetting, Settings

USAGE = 4
"""Exit code of bad usage, as pytest has it."""
_EPILOG = """\
Each option can be given as a variable too: SEATRIAL_ENGINE_TTFT=50ms. What follows -- goes to SGLang's own argument
parser: seatrial engine --ttft 50ms -- --enable-metrics --api-key KEY.

GET /truth tells when each event was due and sent, DELETE /truth forgets it; PUT /misbehave switches what goes wrong
(see --misbehave), and so does the header x-seatrial-misbehave for one request. Ctrl-C ends the engine.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=30000, help="port to listen on (30000); 0 takes a free one")
    parser.add_argument("--release", metavar="VERSION", help="SGLang release to imitate, or an image tag (the newest)")
    parser.add_argument(
        "--model", default="deepseek-ai/DeepSeek-R1", help="served model name (deepseek-ai/DeepSeek-R1)"
    )
    for name in settings.names():
        about = settings.metadata(name)
        default = about["default"]
        shown = f" ({default})" if isinstance(default, str | int | float) and default not in ("", False) else ""
        if isinstance(default, bool):
            parser.add_argument(settings.flag(name), dest=name, action="store_const", const="1", help=about["help"])
        else:
            metavar = about["metavar"] or None
            parser.add_argument(settings.flag(name), dest=name, metavar=metavar, help=about["help"] + shown)
    parser.add_argument("sglang", nargs="*", metavar="-- ARGS", help="arguments of sglang.launch_server")


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes. Returns the exit code."""
    try:
        given = chosen(arguments)
    except InvalidSetting as error:
        print(f"seatrial engine: {error}", file=sys.stderr)
        return USAGE
    if find_spec("httptools") is None:
        print("seatrial engine: httptools is missing; pip install 'seatrial[engine]'", file=sys.stderr)
        return USAGE
    from seatrial.engine.launch import alone

    return alone(
        arguments.sglang,
        given,
        host=arguments.host,
        port=arguments.port,
        release=arguments.release,
        model=arguments.model,
    )


def chosen(arguments: argparse.Namespace) -> Settings:
    """The settings that variables and, before them, flags give. Raises InvalidSetting."""
    values: dict[str, Any] = settings.from_environment(os.environ)
    for name in settings.names():
        text = getattr(arguments, name)
        if text is not None:
            values[name] = settings.read(name, text, settings.flag(name))
    return Settings(**values)


def main(argv: Sequence[str] | None = None) -> int:
    """The command alone, without the rest of seatrial: as it is in an image."""
    parser = argparse.ArgumentParser(prog="seatrial engine", description="A simulated SGLang that knows the truth.")
    add_arguments(parser)
    return run(parser.parse_args(argv))
