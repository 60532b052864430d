"""`--list-requirements`: what the selected tests demand, one line each."""

import shutil

import pytest

from seatrial.items import RequirementItem


def show(session: pytest.Session) -> None:
    """Print id, level and sentence of the collected requirements, sorted by id."""
    width = shutil.get_terminal_size((120, 24)).columns
    terminal = session.config.pluginmanager.getplugin("terminalreporter")
    if terminal is None:
        raise pytest.UsageError("--list-requirements prints on pytest's terminal; leave out -p no:terminal")
    for item in sorted(
        (item for item in session.items if isinstance(item, RequirementItem)), key=lambda item: item.requirement.id
    ):
        requirement = item.requirement
        line = f"{requirement.id:<7} {requirement.level:<10} {requirement.sentence}"
        terminal.write_line(line if len(line) <= width or not terminal._tw.hasmarkup else line[: width - 1] + "…")
