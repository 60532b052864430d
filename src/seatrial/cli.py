"""The `seatrial` command: what is not a test."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import seatrial
from seatrial import shipped
from seatrial.printable import printable


class _Parser(argparse.ArgumentParser):
    """Ends with exit code 4 on bad usage, as pytest does."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(4, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, 4 for bad usage, as pytest has it, 1 when it cannot write."""
    parser = _Parser(
        prog="seatrial",
        description="Sea trials for multi-node LLM deployments. Judging is pytest's: pytest -m static --manifests DIR",
    )
    parser.add_argument("--version", action="version", version=f"seatrial {seatrial.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    requirements = commands.add_parser(
        "requirements", help="list the requirements, or explain some of them", description="Explain requirements."
    )
    requirements.add_argument("id", nargs="*", metavar="ID", help="TOP-04, or an area such as TOP; none lists all")
    requirements.add_argument("--layer", choices=shipped.LAYERS, help="only those of one layer")
    requirements.add_argument("--markdown", action="store_true", help="print the catalogue of a layer as a page")
    facts = commands.add_parser(
        "facts", help="list what seatrial.toml may state", description="List the facts of a target."
    )
    facts.add_argument("--markdown", action="store_true", help="print them as a page")
    _add_assets(commands)
    engine = commands.add_parser(
        "engine",
        help="run the simulated SGLang on this machine, with set latencies",
        description="Serve SGLang's API without a model or GPUs, at set times, and tell the truth about each token.",
    )
    from seatrial.engine.command import add_arguments

    add_arguments(engine)
    _add_cluster(commands)
    rbac = commands.add_parser(
        "rbac",
        help="print the rights that a mode of pytest -m cluster --kubeconfig needs",
        description="Print a ClusterRole with the least rights for a mode, to be applied with kubectl: read suffices "
        "without further options, deploy and disruptive are needed beside it for --deploy and --disruptive.",
    )
    rbac.add_argument("mode", choices=shipped.MODES, metavar="MODE", help=", ".join(shipped.MODES))
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        if arguments.command == "facts":
            code = _facts(arguments.markdown)
        elif arguments.command == "assets":
            from seatrial.clusters.assets import command

            code = command.run(arguments.action, getattr(arguments, "name", ()), getattr(arguments, "into", None))
        elif arguments.command == "engine":
            from seatrial.engine.command import run

            code = run(arguments)
        elif arguments.command == "rbac":
            print(shipped.role(arguments.mode), end="")
            code = 0
        elif arguments.command == "cluster":
            code = _cluster(arguments)
        else:
            code = _requirements(arguments.id, arguments.layer, arguments.markdown)
        sys.stdout.flush()
        return code
    except OSError as error:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 0  # the reader, such as `head`, has seen enough
        print(f"seatrial: cannot write: {error.strerror}", file=sys.stderr)
        return 1


def _add_assets(commands: "argparse._SubParsersAction[_Parser]") -> None:
    assets = commands.add_parser(
        "assets",
        help="build, list or remove the programs that clusters are made of",
        description="The programs that pytest -m cluster starts: Kubernetes, etcd, kwok and LWS, built with Go from "
        "pinned modules on first use and kept in $XDG_CACHE_HOME/seatrial/assets (~/.cache/seatrial/assets).",
    )
    actions = assets.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser("build", help="build what is not there yet", description="Build what is not there yet.")
    build.add_argument("name", nargs="*", metavar="NAME", help="as seatrial assets list has them; none builds all")
    build.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        help="also copy them to a folder for --assets, such as for a machine offline",
    )
    actions.add_parser("list", help="what there is", description="List programs: version, size, when built, where.")
    actions.add_parser(
        "clean",
        help="remove them, and what killed runs left",
        description="Remove all programs from the cache, and the clusters of runs that were killed. What is being "
        "built stays. Go's own caches stay too: go clean -cache -modcache.",
    )


def _add_cluster(commands: "argparse._SubParsersAction[_Parser]") -> None:
    cluster = commands.add_parser(
        "cluster",
        help="bring up a kwok cluster and keep it until Ctrl-C",
        description="A real control plane with the real LWS controller on this machine, its nodes dressed for a set; "
        "it is there until Ctrl-C. Nothing of the set is applied.",
    )
    cluster.add_argument("--manifests", type=Path, metavar="DIR", help="the set that nodes and storage are made for")
    cluster.add_argument("--lws", metavar="VERSION", help="release of LWS (default: the newest that can be built)")
    cluster.add_argument("--nodes", type=_count, metavar="N", help="nodes of the pool, instead of what the target says")
    cluster.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="write the kubeconfig here; removed at the end"
    )
    cluster.add_argument("--assets", type=Path, metavar="DIR", action="append", default=[], help="folder with programs")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{printable(text)} is no number of nodes, such as 8")
    return int(text)


def _cluster(arguments: argparse.Namespace) -> int:
    try:
        from seatrial import cluster_command
    except ModuleNotFoundError as missing:
        if missing.name != "kubernetes":
            raise
        print("seatrial: clusters need the package kubernetes: pip install 'seatrial[cluster]'", file=sys.stderr)
        return 1
    from seatrial.clusters.assets import LWS_VERSIONS

    version = arguments.lws or LWS_VERSIONS[-1]
    return cluster_command.run(arguments.manifests, version, arguments.nodes, arguments.assets, arguments.kubeconfig)


def _facts(markdown: bool) -> int:
    from seatrial import explain
    from seatrial.target.facts import FACTS

    if markdown:
        print("\n".join(explain.facts_page()))
    else:
        for fact in FACTS:
            print(f"{fact.name:<28} {fact.meaning}; {fact.entry(fact.name)}")
    return 0


def _requirements(ids: list[str], layer: str | None, markdown: bool) -> int:
    from seatrial import catalogue, explain

    if markdown:
        print("\n".join(explain.page(layer or "static")))
        return 0
    known = catalogue.requirements(layer) if layer else catalogue.everything()
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
        print(f"seatrial: {printable(str(unknown))}; seatrial requirements lists them", file=sys.stderr)
        return 4
    print("\n\n".join("\n".join(explain.text(requirement)) for requirement in chosen))
    return 0
