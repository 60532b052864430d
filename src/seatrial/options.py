"""Every option of seatrial's on pytest's command line, declared once; help and documentation come from here."""

import difflib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from seatrial.clusters.capability import Capability

if TYPE_CHECKING:
    from seatrial.live.settings import Settings

_KIND = "pytest-kind"
"""The name under which pytest loads pytest-kind."""


@dataclass(frozen=True, slots=True)
class Option:
    """One command line option."""

    flag: str
    help: str
    metavar: str | None = None
    repeatable: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()

    @property
    def dest(self) -> str:
        if self.flag == "--kubeconfig":
            return "kubeconfig"  # as pytest-kind has it, whoever registers it
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
    Option(
        "--namespace",
        "namespace of objects that name none (default: default); existing cluster without --manifests: the only one "
        "that is looked at (default: all)",
        "NAME",
    ),
    Option(
        "--crd", "CustomResourceDefinition of LeaderWorkerSet to validate against instead of the known releases", "FILE"
    ),
    Option(
        "--cluster",
        "where the cluster of `-m cluster` comes from; auto: existing with --kubeconfig, else kwok",
        "NAME",
        default="auto",
        choices=("auto", "kwok", "existing"),
    ),
    Option("--kubeconfig", "an existing cluster; it is only read unless --deploy or --disruptive is given", "FILE"),
    Option("--context", "context of the kubeconfig (default: its current one)", "NAME"),
    Option("--deploy", "existing cluster: bring the set up in a namespace of its own, judge it, delete it"),
    Option("--disruptive", "existing cluster: also judge what changes or breaks things that run"),
    Option("--assets", "folder with Kubernetes' and LWS' programs, looked at before the cache", "DIR", repeatable=True),
    Option(
        "--require",
        "fail, rather than say `cannot tell`, what needs this capability of the cluster; may be repeated",
        "CAPABILITY",
        repeatable=True,
    ),
    Option("--wait", "how long a set may take to become available (default: 120 on a cluster of our own)", "SECONDS"),
    Option("--report-dir", "folder for results.jsonl and report.json (default: reports/latest)", "DIR"),
    Option("--list-requirements", "print the requirements of the selected tests and exit"),
)


def add(parser: pytest.Parser, plugins: pytest.PytestPluginManager) -> None:
    """Register the options. pytest's own `--strict` also makes warnings of seatrial fail the run."""
    group = parser.getgroup("seatrial", "seatrial: acceptance of LLM deployments on Kubernetes")
    for option in OPTIONS:
        if option.flag == "--kubeconfig" and _kind_brings_kubeconfig(plugins):
            continue
        if option.metavar is None:
            group.addoption(option.flag, dest=option.dest, action="store_true", help=option.help)
        else:
            group.addoption(
                option.flag,
                dest=option.dest,
                action="append" if option.repeatable else "store",
                metavar=option.metavar,
                default=option.default,
                choices=option.choices or None,
                help=option.help,
            )


def _kind_brings_kubeconfig(plugins: pytest.PytestPluginManager) -> bool:
    """Whether pytest-kind is there or will be: it registers --kubeconfig, and a second registration ends pytest."""
    if plugins.hasplugin(_KIND):
        return True
    loads = not (os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD") or "--disable-plugin-autoload" in sys.argv)
    return loads and not plugins.is_blocked(_KIND) and importlib.util.find_spec("pytest_kind") is not None


def value(config: pytest.Config, flag: str) -> Any:
    """The value of an option by its flag. Raises KeyError for a flag that is not declared here."""
    option = next((option for option in OPTIONS if option.flag == flag), None)
    if option is None:
        raise KeyError(flag)
    return config.getoption(option.dest)


def strict(config: pytest.Config) -> bool:
    """Whether a SHOULD that does not hold fails the run."""
    return bool(config.getini("strict"))


def report_dir(config: pytest.Config) -> Path:
    """Where the report goes. Not below pytest's root folder, which it may take from the path after --manifests."""
    chosen = value(config, "--report-dir")
    return Path(chosen) if chosen else config.invocation_params.dir / "reports" / "latest"


def cluster(config: pytest.Config) -> "Settings":
    """What the options say about the cluster. Raises pytest's UsageError for what cannot be."""
    from seatrial.live.settings import Settings

    kubeconfig = value(config, "--kubeconfig")
    _check_cluster(config)
    return Settings(
        provider=value(config, "--cluster"),
        kubeconfig=Path(kubeconfig) if kubeconfig is not None else None,
        context=value(config, "--context"),
        namespace=value(config, "--namespace"),
        named=bool(value(config, "--manifests")),
        deploy=value(config, "--deploy"),
        disruptive=value(config, "--disruptive"),
        assets=tuple(Path(folder) for folder in value(config, "--assets") or ()),
        require=frozenset(_capability(name) for name in value(config, "--require") or ()),
        wait_s=_seconds(value(config, "--wait")),
    )


def _check_cluster(config: pytest.Config) -> None:
    """Raises pytest's UsageError where options about clusters contradict each other, or would have no effect."""
    chosen, kubeconfig = value(config, "--cluster"), value(config, "--kubeconfig")
    if kubeconfig is not None and not kubeconfig:
        raise pytest.UsageError("--kubeconfig: an empty name; name the kubeconfig of the cluster")
    if kubeconfig is not None and chosen == "kwok":
        raise pytest.UsageError("--cluster kwok makes a cluster of its own; leave out --kubeconfig, or --cluster")
    if kubeconfig is None and chosen == "existing":
        raise pytest.UsageError("--cluster existing: which one? Add --kubeconfig FILE")
    for flag in ("--context", "--deploy", "--disruptive"):
        if kubeconfig is None and value(config, flag):
            raise pytest.UsageError(f"{flag} is about an existing cluster; add --kubeconfig FILE, or leave it out")
    if value(config, "--deploy") and not value(config, "--manifests"):
        raise pytest.UsageError("--deploy: which set is to be brought up? Add --manifests DIR")


def _capability(name: str) -> Capability:
    try:
        return Capability(name)
    except ValueError:
        close = difflib.get_close_matches(name, list(Capability), n=1, cutoff=0)
        raise pytest.UsageError(f"--require {name}: there is no such capability; the closest is {close[0]}") from None


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e6:
        raise pytest.UsageError(f"--wait {text}: give a number of seconds, such as 300")
    return seconds
