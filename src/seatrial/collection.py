"""What has to be true of the suites themselves before they may judge anything."""

from collections.abc import Iterator

import pytest

from seatrial import shipped
from seatrial.items import ClusterItem, RequirementItem


def check(items: list[pytest.Item]) -> None:
    """Raises pytest's UsageError naming every test that breaks the rules of the suites."""
    problems = list(_problems(items))
    if problems:
        raise pytest.UsageError("the suites break their own rules:\n" + "\n".join(problems))


def _problems(items: list[pytest.Item]) -> Iterator[str]:
    seen: dict[str, str] = {}
    suites = shipped.suites().resolve()
    for item in items:
        if not isinstance(item, RequirementItem):
            if item.path.is_relative_to(suites):
                yield f"{item.nodeid}: a test in suites/ without @requirement"
            continue
        first = seen.setdefault(item.requirement.id, item.nodeid)
        if first != item.nodeid:
            yield f"{item.nodeid}: id {item.requirement.id} is taken by {first}"
        if item.path.stem != f"test_{item.requirement.area.lower()}" and item.path.is_relative_to(suites):
            yield f"{item.nodeid}: {item.requirement.id} belongs in test_{item.requirement.area.lower()}.py"


def per_set(items: list[pytest.Item], sets: list[str]) -> list[pytest.Item]:
    """The items with those of the cluster layer multiplied by the sets, set by set.

    Within a set, what disturbs it comes last.
    """
    waiting = [item for item in items if isinstance(item, ClusterItem) and not item.set]
    others = [item for item in items if item not in waiting]
    waiting.sort(key=lambda item: item.requirement.disruptive)
    return [*others, *(item.on(set) for set in sets for item in waiting)]
