"""EPS: the ways to the leaders: endpoints of the API Service, and what stands in front of it."""

from seatrial.clusters.capability import Capability
from seatrial.finding import Blocked, CannotTell, Finding, NotApplicable
from seatrial.live import entrances
from seatrial.live.api_service import LiveApiService
from seatrial.live.deployed import Deployed
from seatrial.live.group import is_ready
from seatrial.live.loading import loadings
from seatrial.live.serving import engine, port_of
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.serving import Role

SELECTOR = 'Select leaders by leaderworkerset.sigs.k8s.io/worker-index: "0", and nothing else but the set\'s name.'


def _need_ready_leader(service: LiveApiService) -> None:
    """Raises Blocked where nobody could be an endpoint, NotApplicable where nobody has to be."""
    if not any(lws.replicas for lws in service.leader_worker_sets):
        raise NotApplicable("the set has no group for now")
    if not any(is_ready(pod) for pod in service.leaders.values()):
        raise Blocked("GRP-01", "no leader is ready")


@requirement(
    "EPS-01",
    why="A group whose leader is no endpoint is paid for and gets no request.",
    fix=SELECTOR,
)
def test_ready_leaders_are_endpoints(live_api_service: LiveApiService) -> Outcomes:
    """The ready endpoints of the API Service MUST be exactly the ready leaders of all groups."""
    service = live_api_service
    _need_ready_leader(service)
    reached = {one.uid for one in service.ready_endpoints}
    lacking = [pod.name for uid, pod in service.due.items() if uid not in reached]
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        yield Finding(
            service.object.place("spec", "selector"),
            f"no endpoint leads to {', '.join(lacking[:3])}{more}, of {len(service.due)} ready leaders",
            "every ready leader",
        )
    known = {*service.leaders, *service.workers, *service.leaving}
    for endpoint in service.ready_endpoints:
        if endpoint.uid not in known:
            yield Finding(
                endpoint.slice.place(*endpoint.place), f"{endpoint.title}, which is no leader", "ready leaders only"
            )


@requirement(
    "EPS-02",
    why="A worker answers 404 on /v1 behind a green /health, so that every second request fails.",
    fix=SELECTOR,
)
def test_no_worker_is_endpoint(live_api_service: LiveApiService) -> Outcomes:
    """A worker MUST NOT be an endpoint of the API Service."""
    service = live_api_service
    if not service.endpoints:
        _need_ready_leader(service)
    for endpoint in service.endpoints:
        if endpoint.uid in service.workers:
            yield Finding(endpoint.slice.place(*endpoint.place), f"worker {endpoint.title}", "leaders only")


@requirement(
    "EPS-03",
    why="Every connection is refused.",
    fix="Let targetPort name the port that --port says.",
)
def test_endpoint_port(live_api_service: LiveApiService) -> Outcomes:
    """The endpoint port MUST be one the leader listens on."""
    service = live_api_service
    _need_ready_leader(service)
    roles = [engine(lws).leader for lws in service.leader_worker_sets]
    ports = {port_of(role) for role in roles}
    leading = [one for one in service.slices if _leads_to_leaders(service, one.each("endpoints"))]
    if not leading:
        raise Blocked("EPS-01", "no leader is an endpoint")
    for slice in leading:
        numbers = [one.get("port") for one in slice.each("ports")]
        others = set().union(*(_other_ports(role, alone=not ports.intersection(numbers)) for role in roles))
        if not numbers:
            yield Finding(slice.place("ports"), "no port: no container has one of targetPort's name", _listens(ports))
        for position, number in enumerate(numbers):
            if number not in ports | others:
                yield Finding(slice.place("ports", position), f"port {number}", _listens(ports))


def _leads_to_leaders(service: LiveApiService, endpoints: list[dict[str, object]]) -> bool:
    uids = {(one.get("targetRef") or {}).get("uid") for one in endpoints}  # type: ignore[attr-defined]
    return not uids.isdisjoint(service.leaders)


def _other_ports(role: Role, *, alone: bool) -> set[int]:
    """Ports of the leader that are not the engine's API; where nothing leads there, only those of other containers."""
    containers = [one for one in role.template.containers if not alone or one.path != role.container.path]
    return {port["containerPort"].integer or 0 for one in containers for port in one["ports"]}


def _listens(ports: set[int]) -> str:
    return f"{', '.join(map(str, sorted(ports)))}, where the engine listens"


@requirement(
    "EPS-05",
    why="Requests fail for as long as 641 GiB are loaded.",
    fix="Leave publishNotReadyAddresses out of the API Service; it belongs on the headless one only.",
)
def test_loading_leader_is_no_endpoint(live_api_service: LiveApiService) -> Outcomes:
    """A leader that is not Ready MUST NOT be a ready endpoint."""
    service = live_api_service
    if service.object.at("spec", "publishNotReadyAddresses"):
        yield Finding(service.object.place("spec", "publishNotReadyAddresses"), "true", "absent")
    for endpoint in service.ready_endpoints:
        leader = service.leaders.get(endpoint.uid)
        if leader is not None and not is_ready(leader):
            yield Finding(endpoint.slice.place(*endpoint.place), f"{leader.name} is not Ready", "ready leaders only")
    seen = list(loadings(service))
    for one in seen:
        if one.too_early:
            yield Finding(
                service.object.place(),
                f"{one.leader} was a ready endpoint for {one.routed_s:.0f} s while not Ready",
                "none",
            )
    if not seen:
        yield CannotTell("no leader was loading while the run looked", "--disruptive, or a run while a group starts")


@requirement(
    "EPS-08",
    why="The object looks right, and requests end with 503.",
    fix="See the conditions and events of the object, and the log of its controller.",
)
def test_entrances(deployed: Deployed) -> Outcomes:
    """An Ingress, HTTPRoute or load balancer in front of the API MUST lead to a leader."""
    found = entrances.entrances(deployed)
    if not found:
        raise NotApplicable("nothing stands in front of the API Service")
    deployed.need(Capability.DATAPLANE)
    for entrance in found:
        for path, observed, expected in entrance.departures():
            yield Finding(entrance.place(*path), observed, expected)
