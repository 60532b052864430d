"""Every option of seatrial's on pytest's command line, declared once; help and documentation come from here."""

from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class Option:
    """One command line option."""

    flag: str
    help: str
    metavar: str | None = None
    repeatable: bool = False
    default: Any = None

    @property
    def dest(self) -> str:
        return "seatrial_" + self.flag.removeprefix("--").replace("-", "_")


OPTIONS = (
    Option(
        "--manifests",
        "folder of manifests to judge, a file, or - for rendered YAML on standard input; may be repeated. "
        "The topmost folder that holds YAML is one set. Default: the sets that come with seatrial.",
        "PATH",
        repeatable=True,
    ),
    Option("--target", "facts about where the sets will run; default: seatrial.toml in the folder of each set", "FILE"),
    Option("--namespace", "namespace of objects that name none (default: default)", "NAME", default="default"),
    Option(
        "--crd", "CustomResourceDefinition of LeaderWorkerSet to validate against instead of the known releases", "FILE"
    ),
    Option("--report-dir", "folder for results.jsonl and report.json (default: reports/latest)", "DIR"),
    Option("--list-requirements", "print the requirements of the selected tests and exit"),
)


def add(parser: pytest.Parser) -> None:
    """Register the options. pytest's own `--strict` also makes warnings of seatrial fail the run."""
    group = parser.getgroup("seatrial", "seatrial: acceptance of LLM deployments on Kubernetes")
    for option in OPTIONS:
        if option.metavar is None:
            group.addoption(option.flag, dest=option.dest, action="store_true", help=option.help)
        else:
            group.addoption(
                option.flag,
                dest=option.dest,
                action="append" if option.repeatable else "store",
                metavar=option.metavar,
                default=option.default,
                help=option.help,
            )


def value(config: pytest.Config, flag: str) -> Any:
    """The value of an option by its flag. Raises KeyError for a flag that is not declared here."""
    option = next((option for option in OPTIONS if option.flag == flag), None)
    if option is None:
        raise KeyError(flag)
    return config.getoption(option.dest)


def strict(config: pytest.Config) -> bool:
    """Whether a SHOULD that does not hold fails the run."""
    return bool(config.getini("strict"))
