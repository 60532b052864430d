"""The `seatrial` command: what is not a test."""

import argparse
import sys
from collections.abc import Sequence

import seatrial


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 4 for bad usage, as pytest has it."""
    parser = argparse.ArgumentParser(
        prog="seatrial",
        description="Sea trials for multi-node LLM deployments. Judging is pytest's: pytest -m static --manifests DIR",
    )
    parser.add_argument("--version", action="version", version=f"seatrial {seatrial.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    requirements = commands.add_parser(
        "requirements", help="list the requirements, or explain some of them", description="Explain requirements."
    )
    requirements.add_argument("id", nargs="*", metavar="ID", help="TOP-04, or an area such as TOP; none lists all")
    requirements.add_argument("--markdown", action="store_true", help="print the catalogue as a page")
    parser.exit = _exit  # type: ignore[method-assign,assignment]  # usage errors are 4 here, as in pytest
    requirements.exit = _exit  # type: ignore[method-assign,assignment]
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        return _requirements(arguments.id, arguments.markdown)
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _exit(status: int = 0, message: str | None = None) -> None:
    if message:
        sys.stderr.write(message)
    raise SystemExit(4 if status == 2 else status)


def _requirements(ids: list[str], markdown: bool) -> int:
    from seatrial import catalogue, explain

    if markdown:
        print("\n".join(explain.page()))
        return 0
    known = catalogue.requirements("static")
    areas = {requirement.area for requirement in known}
    if not ids:
        for requirement in known:
            print(f"{requirement.id}  {requirement.sentence}")
        return 0
    try:
        chosen = [
            requirement
            for id in ids
            for requirement in (
                [r for r in known if r.area == id.upper()] if id.upper() in areas else [explain.find(id)]
            )
        ]
    except explain.UnknownRequirement as unknown:
        print(f"seatrial: {unknown}; seatrial requirements lists them", file=sys.stderr)
        return 4
    print("\n\n".join("\n".join(explain.text(requirement)) for requirement in chosen))
    return 0
