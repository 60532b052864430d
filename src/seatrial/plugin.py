"""The pytest plugin, in the order in which pytest calls it. Each hook only delegates."""

import importlib.util
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import options, shipped
from seatrial.printable import printable
from seatrial.requirement import declared
from seatrial.shipped import LAYERS

if TYPE_CHECKING:
    from seatrial.cluster_trial import ClusterTrial
    from seatrial.trial import Trial


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    options.add(parser, pluginmanager)


def pytest_configure(config: pytest.Config) -> None:
    from seatrial.items import STRICT, TRIAL

    for layer in LAYERS:
        config.addinivalue_line("markers", f"{layer}: requirements of the {layer} layer")
    _find_suites(config)
    config.stash[STRICT] = options.strict(config)
    config.stash[TRIAL] = _trial(config, options.value(config, "--manifests") or [])


def _trial(config: pytest.Config, manifests: list[str]) -> "Trial":
    from seatrial.manifest_set import DEFAULT_NAMESPACE
    from seatrial.trial import Trial

    return Trial(
        manifests,
        options.value(config, "--target"),
        options.value(config, "--namespace") or DEFAULT_NAMESPACE,
        options.value(config, "--crd"),
        datetime.now(UTC).date(),
    )


def _find_suites(config: pytest.Config) -> None:
    """Outside a checkout `pytest -m static --manifests DIR` means the suites that came with the wheel."""
    if config.args_source is pytest.Config.ArgsSource.INVOCATION_DIR and _wanted(config):
        config.args = [str(shipped.suites())]
    testpaths = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if testpaths and options.value(config, "--manifests") and not _only_ours(config):
        # A project with tests of its own: those run as well.
        config.args = [*config.args, str(shipped.suites())]


def _only_ours(config: pytest.Config) -> bool:
    """Whether the run is about the shipped suites and nothing else."""
    suites = shipped.suites().resolve()
    named = (argument.partition("::")[0] for argument in config.args)
    return all((config.invocation_params.dir / argument).resolve().is_relative_to(suites) for argument in named)


def _wanted(config: pytest.Config) -> bool:
    """Whether the command line speaks of requirements."""
    named = options.value(config, "--manifests") or options.value(config, "--list-requirements")
    return bool(named) or config.getoption("markexpr") in LAYERS


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A layer that nobody asked for is not even imported, and starts no cluster."""
    left_out = collection_path.name in LAYERS and collection_path.parent.resolve() == shipped.suites().resolve()
    return True if left_out and collection_path.name not in _layers(config) else None


def _layers(config: pytest.Config) -> tuple[str, ...]:
    """The layers of this run: those of -m; the cluster layer only when the command line speaks of it."""
    expression = str(config.getoption("markexpr"))
    if expression in LAYERS:
        return (expression,)
    named = any("cluster" in Path(argument.partition("::")[0]).parts for argument in config.args)
    return LAYERS if "cluster" in expression or named else ("static",)


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> Any:
    if not declared(obj):
        return None
    from seatrial import items

    return items.make(collector, name, obj)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    from seatrial import collection
    from seatrial.items import CLUSTER, ClusterItem

    collection.check(items)
    yield
    listing = config.option.collectonly or options.value(config, "--list-requirements")
    if any(isinstance(item, ClusterItem) for item in items) and not listing:
        _check_input(config, ("cluster",))
        items[:] = collection.per_set(items, config.stash[CLUSTER].names)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if "cluster" in _layers(session.config):
        _prepare_cluster(session.config)
    if hasattr(session.config, "workerinput"):
        return  # a worker of pytest-xdist: the controller records
    from seatrial.report.recorder import Recorder

    session.config.pluginmanager.register(Recorder(session.config), "seatrial.recorder")
    if session.config.pluginmanager.hasplugin("dsession") and _wanted(session.config):
        _prepare_controller(session.config)


def _prepare_cluster(config: pytest.Config) -> None:
    if importlib.util.find_spec("kubernetes") is None:
        raise pytest.UsageError("the cluster layer needs the package kubernetes: pip install 'seatrial[cluster]'")
    from seatrial.cluster_trial import ClusterTrial
    from seatrial.items import CLUSTER
    from seatrial.report.progress import ProgressLine

    trial = _trial(config, options.value(config, "--manifests") or [str(shipped.manifests() / shipped.STOOD_BEHIND)])
    config.stash[CLUSTER] = ClusterTrial(trial, options.cluster(config), options.report_dir(config))
    config.stash[CLUSTER].progress = ProgressLine(config).show
    # The default action would end the process at once and leave the cluster's programs running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _prepare_controller(config: pytest.Config) -> None:
    """The controller of pytest-xdist collects nothing, and workers that refuse their input look as if they crashed."""
    if options.value(config, "--list-requirements"):
        raise pytest.UsageError("--list-requirements lists in one process; leave out -n")
    if "-" in (options.value(config, "--manifests") or ()):
        raise pytest.UsageError("--manifests -: only one process can read standard input; leave out -n, or use a file")
    _check_input(config, _layers(config))
    if _only_ours(config):
        _leave_the_summary_to_us(config)


@pytest.hookimpl(tryfirst=True)  # the sets are read before the terminal describes them
def pytest_collection_finish(session: pytest.Session) -> None:
    from seatrial.items import RequirementItem

    judging = any(isinstance(item, RequirementItem) for item in session.items)
    if judging and all(isinstance(item, RequirementItem) for item in session.items):
        _leave_the_summary_to_us(session.config)
    if not judging or session.config.option.collectonly or options.value(session.config, "--list-requirements"):
        return
    _check_input(session.config, _layers_of(session.items))
    recorder = session.config.pluginmanager.getplugin("seatrial.recorder")
    if recorder is not None:
        try:
            recorder.open()
        except OSError as error:
            raise pytest.UsageError(recorder.cannot_write(error)) from None


def _layers_of(items: list[pytest.Item]) -> tuple[str, ...]:
    from seatrial.items import ClusterItem, RequirementItem

    kinds = {type(item) for item in items}
    return tuple(layer for layer, kind in (("static", RequirementItem), ("cluster", ClusterItem)) if kind in kinds)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str] | None:
    if options.value(config, "--list-requirements") or config.option.collectonly:
        return None
    trials = _trials(config, _layers_of(items))
    lines = [line for trial in trials for line in (f"judging {trial.described}", *trial.notes)]
    return [printable(line) for line in lines] or None


def _trials(config: pytest.Config, layers: tuple[str, ...]) -> "list[Trial | ClusterTrial]":
    from seatrial.items import CLUSTER, TRIAL

    return [config.stash[CLUSTER] if layer == "cluster" else config.stash[TRIAL] for layer in layers]


def _check_input(config: pytest.Config, layers: tuple[str, ...]) -> None:
    from seatrial.clusters.provider import ClusterError
    from seatrial.items import IN_USE
    from seatrial.trial import UsageError

    config.stash[IN_USE] = _trials(config, layers)
    try:
        with _standard_input(config):
            for trial in config.stash[IN_USE]:
                trial.check(_progress(config))
    except (UsageError, ClusterError) as problem:
        problems = problem.problems if isinstance(problem, UsageError) else [str(problem)]
        lines = (printable(line).replace("\n", "\\n") for line in problems)
        raise pytest.UsageError("\n".join(lines)) from None


def _progress(config: pytest.Config) -> Callable[[int, int], None]:
    """A line that says how far reading is, on a terminal and when it takes longer than a moment."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    started = time.monotonic()

    def tell(done: int, total: int) -> None:
        due = done % 20 == 0 or done == total
        if due and reporter is not None and reporter.isatty and time.monotonic() - started > 1:
            reporter.rewrite(f"reading sets: {done} of {total}", erase=True)

    return tell


@contextmanager
def _standard_input(config: pytest.Config) -> Iterator[None]:
    """Pytest's capture puts /dev/null in the place of standard input; `--manifests -` needs the real one."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is None or "-" not in (options.value(config, "--manifests") or ()):
        yield
        return
    capture.suspend_global_capture(in_=True)
    try:
        yield
    finally:
        capture.resume_global_capture()


def _leave_the_summary_to_us(config: pytest.Config) -> None:
    """Findings stand in seatrial's own summary, grouped by file; pytest's sections would say them again."""
    given = [argument.partition("=")[0] for argument in config.invocation_params.args]
    if "--tb" not in given:
        config.option.tbstyle = "no"
    if not any(argument.startswith("-r") for argument in given):
        reporter = config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.reportchars = "E"


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if not options.value(session.config, "--list-requirements"):
        return None
    from seatrial.report.listing import show

    show(session)
    return True


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The last requirement of a set takes its cluster with it."""
    from seatrial.items import CLUSTER, ClusterItem

    if isinstance(item, ClusterItem) and getattr(nextitem, "set", None) != item.set:
        item.config.stash[CLUSTER].leave()


def pytest_unconfigure(config: pytest.Config) -> None:
    from seatrial.items import CLUSTER

    if CLUSTER in config.stash:
        config.stash[CLUSTER].leave()  # after Ctrl-C no teardown has done it


def pytest_report_teststatus(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, Any] | None:
    from seatrial.items import status

    return status(report)
