"""A program of a starting kwok cluster that ends: when it is started again, and when the start is over."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from seatrial.clusters.kwok import Kwok
from seatrial.clusters.leftovers import Run
from seatrial.clusters.ports import PortTaken
from seatrial.clusters.provider import ClusterError

NOBODY = 2**22 + 1  # Linux gives no process a higher number than 2**22
GAVE_UP = "failed to wait for apiserver being healthy: timed out"


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Kwok, Path, list[tuple[str, ...]]]:
    """A provider whose controller manager is not there any more, its log, and what kwokctl is asked for."""
    provider = Kwok("0.9.0", [], run=cast(Run, SimpleNamespace(folder=tmp_path)))
    pids, logs = provider._home / "pids", provider._home / "logs"
    pids.mkdir(parents=True)
    logs.mkdir()
    (pids / "kube-controller-manager.pid").write_text(str(NOBODY))
    asked: list[tuple[str, ...]] = []

    def kwokctl(*arguments: str) -> None:
        asked.append(arguments)
        (pids / "kube-controller-manager.pid").unlink()

    monkeypatch.setattr(provider, "_run_kwokctl", kwokctl)
    return provider, logs / "kube-controller-manager.log", asked


def test_one_that_gave_up_on_a_slow_api_server_is_started_again(started) -> None:
    provider, log, asked = started
    log.write_text(f"E1 {GAVE_UP}\n")
    provider._until("it was started again", lambda: bool(asked))
    assert asked == [("start", "cluster")]


@pytest.mark.parametrize(
    ("words", "kind"), [("listen tcp: address already in use", PortTaken), ("panic: no such flag", ClusterError)]
)
def test_one_that_ended_otherwise_ends_the_start(started, words: str, kind: type[ClusterError]) -> None:
    provider, log, asked = started
    log.write_text(f"E1 {words}\n")
    with pytest.raises(kind, match=words) as problem:
        provider._until("anything", lambda: False)
    assert type(problem.value) is kind
    assert asked == []


def test_one_that_is_being_started_again_has_not_ended(started) -> None:
    """kwokctl empties the log first, and writes the new number last."""
    provider, log, asked = started
    log.write_text("")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as kwokctl:
        provider._kwokctl, provider._again = kwokctl, True
        provider.check()
        kwokctl.communicate(b"\n")
    with pytest.raises(ClusterError, match="kube-controller-manager of the kwok cluster ended: it wrote nothing"):
        provider.check()
    assert asked == []


def test_once_it_runs_it_says_so(started) -> None:
    provider, log, _ = started
    log.write_text(f"E1 {GAVE_UP}\n")
    with pytest.raises(ClusterError, match="kube-controller-manager of the kwok cluster ended"):
        provider.check()
