"""MET: metrics."""

from seatrial.finding import Finding, NotApplicable
from seatrial.network.scraping import Scrape, scrapes
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.pods import SetPod, pods
from seatrial.workload.serving import Group, Role


@requirement(
    "MET-01",
    why="Prometheus finds an empty target.",
    fix="Start SGLang with --enable-metrics, and scrape /metrics on its --port.",
)
def test_scraping_finds_metrics(group: Group) -> Outcomes:
    """Scraping that is configured SHOULD find metrics switched on."""
    pod = _leader_of(group)
    found = list(scrapes(group.manifests, pod)) if pod else []
    if not found:
        raise NotApplicable(f"nothing in the set scrapes the leader of {group.title}")
    for scrape in found:
        if not _metrics(group.leader):
            yield Finding(scrape.place, "the leader is scraped, but runs without --enable-metrics", "--enable-metrics")
        else:
            yield from _port_and_path(group, scrape)


def _metrics(role: Role) -> bool:
    """Whether metrics are on. Raises CannotTell if the version decides: `--enable-metric` was unique once."""
    question = "whether metrics are on"
    return bool(role.across_versions(lambda version: role.parsed_by(version).values.get("enable_metrics"), question))


def _leader_of(group: Group) -> SetPod | None:
    own = [pod for pod in pods(group.manifests) if pod.template.document is group.document]
    return next((pod for pod in own if pod.is_leader or pod.lws is None), None)


def _port_and_path(group: Group, scrape: Scrape) -> Outcomes:
    expected = f"{group.leader.port}, where the leader of {group.title} listens"
    if scrape.unresolved:
        yield Finding(scrape.port_place, f"port {scrape.unresolved}, which nothing declares", expected)
    elif scrape.port is not None and scrape.port != group.leader.port:
        yield Finding(scrape.port_place, f"port {scrape.port}", expected)
    if scrape.path.rstrip("/") != "/metrics":
        yield Finding(scrape.path_place, f"path {scrape.path}", "/metrics")


@requirement(
    "MET-02",
    why="Queue length, token counts and KV cache usage are not visible otherwise.",
    fix="Add --enable-metrics to the launch.",
)
def test_metrics_are_switched_on(group: Group) -> Outcomes:
    """The launch SHOULD switch metrics on."""
    if _metrics(group.leader):
        return  # rank 0 serves the metrics of the whole group
    for role in group.roles:
        if not _metrics(role):
            yield Finding(role.command_place, f"the {role.name} runs without --enable-metrics", "--enable-metrics")
