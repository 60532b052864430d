"""Whether all parts of an LWS installation are of one release.

Source: LWS releases; the controller of 0.9.0 and later waits two minutes for the definition of DisaggregatedSet, then
exits, again and again.
"""

from collections.abc import Iterator

from seatrial.finding import Blocked, CannotTell, Finding
from seatrial.live.installation import Installation
from seatrial.live.objects import LivePlace
from seatrial.live.resources import DEFINITIONS
from seatrial.lws.releases import Release

DISAGGREGATED = "disaggregatedsets.disaggregatedset.x-k8s.io"
_DISAGGREGATED_SINCE = Release(0, 9, 0)


def disagreements(installation: Installation) -> Iterator[Finding]:
    """What of the installation is of another release than the controller. Raises CannotTell."""
    running, definition, defined = installation.running, installation.definition, installation.defined
    if len(running) > 1:
        shown = ", ".join(map(str, running))
        yield Finding(controller_place(installation), f"controllers of {shown} run", "one release")
    if not running or defined is None or definition is None:
        return
    newest = max(running)
    if defined[:2] != newest[:2]:
        yield Finding(
            definition.place("spec", "versions"),
            f"the definition of LWS {defined.major}.{defined.minor} under a controller of {newest}",
            f"the definition of {newest.major}.{newest.minor}",
        )
    elif newest >= _DISAGGREGATED_SINCE and installation.view.one(DEFINITIONS, DISAGGREGATED) is None:
        yield Finding(
            installation.place,
            f"CRD {DISAGGREGATED} is not there",
            f"every definition of {newest}",
            why="The controller waits two minutes for it, then exits, again and again.",
        )


def controller_place(installation: Installation) -> LivePlace:
    found = installation.controllers
    return found[0].place("spec", "template", "spec", "containers") if found else installation.place


def need_one_release(installation: Installation) -> None:
    """Raises Blocked where parts are of two releases: then anything may happen. Passes where nobody can tell."""
    try:
        mixed = any(disagreements(installation))
    except CannotTell:
        return
    if mixed:
        raise Blocked("CTL-07", "definition and controller are of two releases")
