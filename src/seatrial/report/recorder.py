"""Writes every verdict down as it falls, and closes the run's report."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from typing import Any

import pytest

from seatrial import items, options
from seatrial.printable import printable
from seatrial.report import summary, terminal
from seatrial.report.tally import Tally
from seatrial.verdict import Verdict


class Recorder:
    """Lives in the process that the user started. `results.jsonl` is complete up to the last verdict, always."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.folder = options.report_dir(config)
        self.tally = Tally()
        self._stream: FileIO | None = None
        self._started = datetime.now(UTC)
        self._clock = time.perf_counter()
        self._problems: list[str] = []
        self._complete = True

    def open(self) -> None:
        """Begin the report. Raises OSError when the folder cannot be written."""
        if self._stream is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._discard_evidence()
            self.tally.watched = frozenset().union(
                *(trial.waived_requirements() for trial in items.trials(self._config))
            )
            self._stream = (self.folder / "results.jsonl").open("wb", buffering=0)

    def _discard_evidence(self) -> None:
        """That of the former run speaks of results that are overwritten now. Raises OSError."""
        root = self.folder / "evidence"
        if root.is_dir():
            from seatrial.live import evidence

            evidence.discard(root)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """With pytest-xdist no worker has begun to judge yet, and to gather evidence."""
        if not items.trials(self._config):
            return
        try:
            self.open()
        except OSError as error:
            pytest.exit(self.cannot_write(error), returncode=pytest.ExitCode.USAGE_ERROR)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "setup":
            return
        rows = items.take_rows(report)
        if not rows:
            return
        try:
            self._write(rows)
        except OSError as error:
            pytest.exit(self.cannot_write(error), returncode=pytest.ExitCode.USAGE_ERROR)
        requirement = str(dict(report.user_properties)["requirement"])
        for row in rows:
            self.tally.add(requirement, row.set, Verdict(row.verdict), None if row.quiet else json.loads(row.line))

    def _write(self, rows: list[items.Row]) -> None:
        """All rows of a requirement, or none where the disk is full. Raises OSError."""
        self.open()
        assert self._stream is not None
        text = "".join(row.line + "\n" for row in rows)
        rest = memoryview(text.encode("utf-8", "backslashreplace"))
        start = self._stream.tell()
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError:
            with suppress(OSError):
                self._stream.truncate(start)
            raise

    def cannot_write(self, error: OSError) -> str:
        """One line for the user."""
        return printable(f"--report-dir {self.folder}: cannot be written: {error.strerror}; mend it or name another")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._stream is None:
            return
        self._stream.close()
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        self._complete = ended and not session.shouldstop and not session.shouldfail
        if exitstatus == pytest.ExitCode.OK:
            session.exitstatus = self._verdict(session)
        outcome = self.tally.outcome(self._complete)
        try:
            summary.write(self.folder / "report.json", self._config, self.tally, outcome, self._started, self._elapsed)
        except OSError as error:
            self._problems.append(self.cannot_write(error))
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def _verdict(self, session: pytest.Session) -> int:
        """Green has to be earned: something was judged, and every waiver was of use."""
        self._problems = [
            problem
            for trial in items.trials(session.config)
            for problem in trial.unused_waivers(self.tally.waived, self.tally.decided)
        ]
        if self._problems:
            return pytest.ExitCode.TESTS_FAILED
        return pytest.ExitCode.OK if self.tally.judged else pytest.ExitCode.NO_TESTS_COLLECTED

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self._clock

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._stream is not None:
            terminal.show(terminalreporter, self.tally, self._problems, self.folder, self._complete)
