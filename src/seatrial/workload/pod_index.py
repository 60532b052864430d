"""Where manifests read label pod-index, which StatefulSets set from Kubernetes 1.28 on."""

from collections.abc import Iterator

from seatrial.lws import keys
from seatrial.manifests.document import Node
from seatrial.workload.leader_worker_set import LeaderWorkerSet


def pod_index_uses(lws: LeaderWorkerSet) -> Iterator[Node]:
    """The variables of its containers, and the selectors of the set's Services, that read the label."""
    for template in lws.templates:
        for container in template.all_containers:
            for entry in container["env"]:
                field = entry.at("valueFrom", "fieldRef", "fieldPath")
                if keys.POD_INDEX in (field.text or ""):
                    yield field
    for service in lws.manifests.of_kind("Service", group=""):
        selector = service.at("spec", "selector")
        named = selector[keys.NAME].text in (None, lws.name)
        if keys.POD_INDEX in selector.mapping and named and lws.manifests.namespace(service) == lws.namespace:
            yield selector[keys.POD_INDEX]
