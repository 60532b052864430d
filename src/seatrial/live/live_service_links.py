"""Variables that the kubelet gives to running pods because of a Service in their namespace, and that the engine reads.

Source: Kubernetes documentation, Service, Environment variables: a container gets the Services that were there when it
started.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.knowledge.sglang import behaviour
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.objects import LiveObject
from seatrial.live.resources import SERVICES
from seatrial.live.serving import engine, role_of, started_at
from seatrial.manifests.document import Document
from seatrial.manifests.source import Source
from seatrial.workload.service_links import link_names
from seatrial.workload.serving import Role

Link = tuple[LiveObject, str]
"""A Service, and the name of a variable that it produces."""


@dataclass(frozen=True, slots=True)
class HarmfulLink:
    """A variable of a Service, and the pods that have it instead of the engine's own default."""

    service: LiveObject
    variable: str
    pods: tuple[str, ...]


def harmful_links(lws: LiveLeaderWorkerSet) -> Iterator[HarmfulLink]:
    """Raises CannotTell where Services may not be read, NotApplicable where no engine runs or no pod has links."""
    serving = engine(lws)
    links = list(_links(lws))
    read: dict[str, list[Link]] = {}
    found: dict[Link, list[str]] = {}
    for group in lws.groups if links else ():
        for pod, expected in group.paired():
            if pod.at("spec", "enableServiceLinks") is False:
                continue
            role = role_of(serving, expected.worker_index)
            if role.name not in read:
                read[role.name] = [link for link in links if _reads(role, link[1])]
            for link in read[role.name]:
                if _arrives(role, pod, *link):
                    found.setdefault(link, []).append(pod.name)
    for (service, variable), pods in found.items():
        yield HarmfulLink(service, variable, tuple(pods))


def _links(lws: LiveLeaderWorkerSet) -> Iterator[Link]:
    """Every variable of the Services of the namespace that have a cluster address."""
    for service in lws.deployed.view.all(SERVICES, lws.namespace):
        if service.at("spec", "type") != "ExternalName" and service.at("spec", "clusterIP") not in (None, "", "None"):
            for variable in link_names(Document(Source("cluster", ""), 0, (), service.raw)):
                yield service, variable


def _reads(role: Role, variable: str) -> bool:
    """Whether the engine reads it. Raises CannotTell where that depends on a version that is not known."""

    def reads(version: str) -> bool:
        return any(row.variable == variable for row in behaviour.link_variables(version))

    return bool(role.across_versions(reads, f"whether the engine reads {variable}"))


def _arrives(role: Role, pod: LiveObject, service: LiveObject, variable: str) -> bool:
    """Whether the pod's engine has it from the Service: it sets no such variable itself, and started later."""
    name = role.container["name"].text or ""
    own = (one.get("env") or () for one in pod.each("spec", "containers") if one.get("name") == name)
    if any(entry.get("name") == variable for env in own for entry in env):
        return False
    started = started_at(pod, name)
    return started is None or service.created <= started
