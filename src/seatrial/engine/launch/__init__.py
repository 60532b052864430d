"""From a command line to a running engine."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from seatrial.engine import settings
from seatrial.engine.release import Release
from seatrial.engine.settings import InvalidSetting, Settings

if TYPE_CHECKING:
    from seatrial.engine.launch.server_args import ServerArgs

RELEASE = f"{settings.PREFIX}RELEASE"
"""The variable that says which release is imitated: a version, or the tag of an image."""
USAGE = 4


def main(
    argv: Sequence[str] | None = None, environment: Mapping[str, str] | None = None, *, advise: bool = True
) -> int:
    """``python3 -m sglang.launch_server``: returns the exit code."""
    from seatrial.engine.launch.parser import serve_advice

    given = os.environ if environment is None else environment
    try:
        chosen = Settings(**settings.from_environment(given))
        release = release_of(given.get(RELEASE))
    except InvalidSetting as error:
        print(f"seatrial engine: {error}", file=sys.stderr)
        return USAGE
    if advise and (advice := serve_advice(release)) is not None:
        print(advice, file=sys.stderr)
    return _start(sys.argv[1:] if argv is None else argv, release, chosen, given)


def alone(argv: Sequence[str], chosen: Settings, *, host: str, port: int, release: str | None, model: str) -> int:
    """``seatrial engine``: SGLang's arguments may be left out. Returns the exit code."""
    try:
        found = release_of(release or os.environ.get(RELEASE))
    except InvalidSetting as error:
        print(f"seatrial engine: {error}", file=sys.stderr)
        return USAGE
    words = [*argv]
    if not any(word.split("=")[0] in ("--model-path", "--model") for word in words):
        words = ["--model-path", model, *words]
    if not any(word.split("=")[0] == "--host" for word in words):
        words += ["--host", host]
    if not any(word.split("=")[0] == "--port" for word in words):
        words += ["--port", str(port)]
    if found.since("0.4.6") and not any(word.startswith("--reasoning-parser") for word in words):
        words += ["--reasoning-parser", "deepseek-r1"]
    return _start(words, found, chosen, os.environ)


def release_of(text: str | None) -> Release:
    """A release by its version or an image's tag; the newest known one where nothing is said.

    Raises InvalidSetting where it names none.
    """
    from seatrial.knowledge.sglang import nearest, version_of_tag, versions

    if not text:
        return Release(versions()[-1])
    version = version_of_tag(text)
    known = nearest(version) if version else None
    if known is None:
        raise InvalidSetting(f"{text!r} names no release of SGLang; write a version such as {versions()[-1]}")
    if known != version:
        print(f"seatrial engine: SGLang {version} is not known, {known} is imitated", file=sys.stderr)
    return Release(known)


def _start(argv: Sequence[str], release: Release, chosen: Settings, environment: Mapping[str, str]) -> int:
    from seatrial.engine.launch.checks import check, traceback
    from seatrial.engine.launch.parser import Exit, parse
    from seatrial.engine.start import missing_config

    try:
        args, warnings = parse(argv, release)
        for warning in warnings:
            print(f"WARNING: {warning}", file=sys.stderr)
        if release.since("0.5.0") and missing_config(args):
            raise Exit(
                1, error=traceback(f"OSError: {args.model_path} does not appear to have a file named config.json.")
            )
        check(args, longer_context=environment.get("SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN") == "1")
    except Exit as end:
        sys.stdout.write(end.out)
        sys.stderr.write(end.error)
        return end.code
    return _live(args, chosen)


def _live(args: "ServerArgs", chosen: Settings) -> int:
    from seatrial.engine import life
    from seatrial.engine.launch.log import Log, arguments

    log = Log(args)
    arguments(log, args)
    try:
        ending = life.run(args, chosen, log)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        log.line(f"ERROR:    [Errno {error.errno}] {args.host}:{args.port}: {error.strerror}")
        return 1
    except OverflowError:
        log.line(f"ERROR:    port {args.port} is none: ports are 0 to 65535")
        return 1
    except ValueError as error:
        print(f"seatrial engine: {error}", file=sys.stderr)
        return USAGE
    if ending.by is not None:
        sys.stderr.flush()
        ending.carry_out()
    return ending.code
