"""What an experiment may use that a look may not: the means to change a cluster, and to wait for what follows."""

from dataclasses import dataclass

from seatrial.clusters.provider import Provider
from seatrial.live.api import Api
from seatrial.live.live_view import LiveView


@dataclass(frozen=True, slots=True)
class Workbench:
    """Only requirements that need the capability `disrupt` reach for it."""

    api: Api
    view: LiveView
    provider: Provider
