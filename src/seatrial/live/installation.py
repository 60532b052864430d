"""The LWS controller of a cluster: what is installed, and of which release it is."""

from functools import cached_property

from seatrial.live.view import View
from seatrial.lws.releases import Release, UnknownRelease, release


class Installation:
    """The controller, its webhooks and its definition, found by what they do rather than by name."""

    def __init__(self, view: View) -> None:
        self.view = view

    @cached_property
    def release(self) -> Release | None:
        """The release of the controller; None where nothing tells."""
        stated = self.view.cluster.lws
        if stated is None:
            return None
        try:
            return release(stated)
        except UnknownRelease:
            return None
