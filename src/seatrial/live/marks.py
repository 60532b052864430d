"""The labels and annotations by which LWS marks pods, as they are and as they have to be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seatrial.live.group import LiveGroup
from seatrial.live.objects import LiveObject
from seatrial.lws import keys
from seatrial.lws.pods import Pod

_JUDGED_ELSEWHERE = frozenset({keys.REVISION})


@dataclass(frozen=True, slots=True)
class WrongMark:
    """A label or annotation that is not what LWS makes of it; None stands for an absent one."""

    pod: LiveObject
    field: str
    key: str
    found: str | None
    expected: str | None


def wrong_marks(group: LiveGroup) -> Iterator[WrongMark]:
    """Every mark of the group's pods that no release up to the present one would have made.

    Pods outlive an upgrade of the controller (lws.md, 2), and then carry the marks of the release that made them.
    Raises CannotTell where nobody knows of which template the group was made.
    """
    for pod, expected in group.paired():
        for field, found, wanted in (
            ("labels", pod.labels, expected.labels),
            ("annotations", pod.annotations, expected.annotations),
        ):
            for key in _differing(found, wanted):
                if not any(_marks(other, field).get(key) == found.get(key) for other in _by_others(group, pod.name)):
                    yield WrongMark(pod, field, key, found.get(key), wanted.get(key))


def _differing(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return sorted(
        key
        for key in {*found, *wanted} - _JUDGED_ELSEWHERE
        if keys.is_reserved(key) and found.get(key) != wanted.get(key)
    )


def _by_others(group: LiveGroup, name: str) -> Iterator[Pod]:
    """The pod as other releases would have made it."""
    for other in group.by_other_releases:
        yield from (pod for pod in (other.leader, *other.workers) if pod.name == name)


def _marks(pod: Pod, field: str) -> Mapping[str, str]:
    return pod.labels if field == "labels" else pod.annotations
