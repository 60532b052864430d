"""LOG: what the logs of the groups say."""

from seatrial.clusters.capability import Capability
from seatrial.finding import Finding
from seatrial.live.deployed import Deployed
from seatrial.live.log_hits import Hit, hits
from seatrial.live.logs import logs, need_all
from seatrial.requirement import Outcomes, requirement


def _finding(hit: Hit, expected: str) -> Finding:
    by = f"; see {', '.join(hit.signature.prevented)}" if hit.signature.prevented else ""
    more = f" ({hit.more} more times)" if hit.more else ""
    observed = f"{hit.log.title}: {hit.line}{more}: {hit.signature.meaning}{by}"
    return Finding(hit.log.pod.place(), observed, expected)


@requirement(
    "LOG-01",
    why="The text names the cause, which nothing else shows: a recreated group takes its logs with it.",
    fix="Look at the requirements that the finding names; each of them judges the cause.",
    needs=(Capability.LOGS,),
)
def test_no_fatal_line(deployed: Deployed) -> Outcomes:
    """The log of a group pod MUST NOT contain a fatal signature."""
    for hit in hits(deployed, fatal=True):
        yield _finding(hit, "no such line")
    need_all(logs(deployed))


@requirement(
    "LOG-02",
    why="The engine serves, but with less precision or over a slower way than it could.",
    fix="Look at the requirements that the finding names; each of them judges the cause.",
    needs=(Capability.LOGS,),
)
def test_no_warning_line(deployed: Deployed) -> Outcomes:
    """The log of a group pod SHOULD NOT contain a warning signature."""
    for hit in hits(deployed, fatal=False):
        yield _finding(hit, "no such line")
    need_all(logs(deployed))
