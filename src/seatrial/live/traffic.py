"""Where the API Services of a LeaderWorkerSet lead at this moment."""

from seatrial.live.leader_worker_set import LiveLeaderWorkerSet, is_ready
from seatrial.live.resources import ENDPOINT_SLICES
from seatrial.network.routing import ApiService, api_services

SERVICE_NAME = "kubernetes.io/service-name"
"""The label by which a slice says whose it is."""


def services_of(lws: LiveLeaderWorkerSet) -> list[ApiService]:
    """The API Services of the set that are meant for a LeaderWorkerSet."""
    found = api_services(lws.deployed.manifests)
    return [
        service for service in found if any(one.document is lws.declared.document for one in service.leader_worker_sets)
    ]


def ready_endpoints(lws: LiveLeaderWorkerSet, service: ApiService) -> set[str]:
    """The uids of the pods behind a Service's ready endpoints. An absent condition means ready."""
    return {
        str((endpoint.get("targetRef") or {}).get("uid", ""))
        for slice in lws.deployed.view.all(ENDPOINT_SLICES, service.namespace)
        if slice.labels.get(SERVICE_NAME) == service.name
        for endpoint in slice.each("endpoints")
        if (endpoint.get("conditions") or {}).get("ready") is not False
    }


def misrouted(lws: LiveLeaderWorkerSet) -> list[str]:
    """Where the ready endpoints of its API Services are not its ready leaders, in words."""
    leaders = {pod.uid: pod.name for pod in lws.leaders if is_ready(pod)}
    said: list[str] = []
    for service in services_of(lws):
        endpoints = ready_endpoints(lws, service)
        lacking = sorted(name for uid, name in leaders.items() if uid not in endpoints)
        others = len(endpoints - set(leaders))
        if lacking:
            said.append(f"{service.title} leads not to {', '.join(lacking)}")
        if others:
            said.append(f"{service.title} leads to {others} pod{'s' * (others != 1)} that are no ready leaders")
    return said


def still_routed(lws: LiveLeaderWorkerSet, uids: set[str]) -> list[str]:
    """The API Services whose ready endpoints hold one of these pods."""
    return [service.title for service in services_of(lws) if ready_endpoints(lws, service) & uids]
