"""How many groups were ready at each moment, from the lives of their pods."""

from collections.abc import Iterable, Iterator

from seatrial.live.journal import PodLife


def _changes(lives: Iterable[PodLife]) -> list[tuple[float, str, str, bool]]:
    """Moments at which a pod becomes or ceases to be ready: (time, group, uid, ready), in order."""
    found: list[tuple[float, str, str, bool]] = []
    for life in lives:
        ends = [end for end in (life.leaving, life.gone) if end is not None]
        end = min(ends, default=float("inf"))
        found += [(at, life.group, life.uid, ready) for at, ready in life.ready if at < end]
        if ends:
            found.append((end, life.group, life.uid, False))
    return sorted(found, key=lambda change: change[0])


def _ready_groups(lives: Iterable[PodLife], size: int) -> Iterator[tuple[float, set[str]]]:
    """The groups that are ready after each change, and when that was."""
    ready: dict[str, set[str]] = {}
    for at, group, uid, holds in _changes(lives):
        pods = ready.setdefault(group, set())
        if holds:
            pods.add(uid)
        else:
            pods.discard(uid)
        yield at, {index for index, members in ready.items() if len(members) >= size}


def fewest_ready(lives: Iterable[PodLife], size: int, since: float) -> int:
    """The smallest number of groups, all pods of which were ready at once, at any moment since."""
    before, counts = 0, []
    for at, groups in _ready_groups(lives, size):
        if at >= since:
            counts.append(len(groups))
        else:
            before = len(groups)
    return min([before, *counts])


def ever_ready(lives: Iterable[PodLife], size: int, since: float, first: int) -> set[int]:
    """Groups of index `first` and above, all pods of which were ready at once at some moment since."""
    return {
        int(group)
        for at, groups in _ready_groups(lives, size)
        if at >= since
        for group in groups
        if group.isdigit() and int(group) >= first
    }
