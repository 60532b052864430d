"""What is kept holds as long as the view shows the same, and no longer."""

from pathlib import Path

from seatrial.clusters.provider import Cluster
from seatrial.live.frozen import FrozenView
from seatrial.live.kept import Shelf, kept


class Turning(FrozenView):
    """A view whose moment the test moves on."""

    turn = 0

    @property
    def moment(self) -> int:
        return self.turn


class Owner:
    def __init__(self, view: Turning) -> None:
        self.shelf = Shelf(view)
        self.looks = 0

    @kept
    def seen(self) -> int:
        """What was seen."""
        self.looks += 1
        return self.looks


def view() -> Turning:
    return Turning(Cluster("kwok", "k", Path("k"), None, frozenset()), ["default"], {}, "v1.34.1")


def test_it_is_worked_out_once_for_each_moment() -> None:
    around = view()
    one, other = Owner(around), Owner(around)
    assert [one.seen, one.seen, other.seen] == [1, 1, 1]
    around.turn += 1
    assert [one.seen, one.seen, other.seen] == [2, 2, 2]
    assert Owner.seen.__doc__ == "What was seen."


def test_what_changes_while_it_is_worked_out_is_looked_at_again() -> None:
    around = view()
    shelf = Shelf(around)

    def make() -> int:
        around.turn += 1
        return around.turn

    assert [shelf.get("x", make), shelf.get("x", make)] == [1, 2]
