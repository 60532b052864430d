"""Many sets at once on a cluster with the real API server, webhooks and controllers: what becomes of each.

Every set has a namespace of its own, so that names may be equal and exclusive placement sees no strangers.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import kubernetes

from seatrial.lws.reading import at, integer

from .answers import Answer, answer
from .comparison import Objects, Seen
from .generated_sets import POOL, STORAGE_CLASS, TOPOLOGIES, Manifest

T = TypeVar("T")
R = TypeVar("R")

QUIET = 20.0
"""Seconds without any change after which nothing more is expected of the controllers."""

DEADLINE = 400.0
"""Seconds after which sets that never come to rest are judged as they are."""

LARGE = 60
"""Pods; more are not waited for."""

NODES = {
    f"node-{number}": {**POOL, TOPOLOGIES[0]: f"rack-{number}", TOPOLOGIES[1]: f"zone-{number // 4}"}
    for number in range(32)
}
"""Labels by node: racks of one node and zones of four."""

_SETS = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/{}/leaderworkersets"
_CHILDREN = {
    ("apps/v1", "StatefulSet"): "/apis/apps/v1/statefulsets",
    ("v1", "Service"): "/api/v1/services",
    ("v1", "Pod"): "/api/v1/pods",
    ("v1", "PersistentVolumeClaim"): "/api/v1/persistentvolumeclaims",
}


def parallel(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Results in the order of the items."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(work, items))


def is_large(manifest: Manifest) -> bool:
    """Whether the set has more pods than a test can wait for."""
    spec = manifest.get("spec")
    replicas, size = integer(at(spec, "replicas")), integer(at(spec, "leaderWorkerTemplate", "size"))
    return (replicas or 1) * (size or 1) > LARGE


def nodes() -> list[dict[str, Any]]:
    """Nodes on which there is room for everything."""
    room = {"cpu": "4k", "memory": "64Ti", "pods": "100k", "nvidia.com/gpu": "100k"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
            "status": {"capacity": room, "allocatable": room},
        }
        for name, labels in NODES.items()
    ]


class Cluster:
    """A cluster of generated sets."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = kubernetes.config.new_client_from_config(str(kubeconfig))
        self._numbers = count()

    def prepare(self, volumes: int) -> None:
        """Make volumes to claim."""
        self._call("POST", "/apis/storage.k8s.io/v1/storageclasses", _STORAGE_CLASS)
        parallel(lambda number: self._call("POST", "/api/v1/persistentvolumes", _volume(number)), range(volumes))

    def namespace(self) -> str:
        """Make one."""
        name = f"case-{next(self._numbers)}"
        self._call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def create(self, manifest: Manifest, namespace: str) -> Answer:
        """Create a set; of a large one, which would drown the controllers, only see whether it would be accepted."""
        path = _SETS.format(namespace)
        return answer(self._request("POST", f"{path}?dryRun=All" if is_large(manifest) else path, manifest))

    def update(self, manifest: Manifest, seen: Seen) -> Answer:
        """Replace a set."""
        path = f"{_SETS.format(seen.namespace)}/{seen.name}"
        while True:
            version = self._call("GET", path)["metadata"]["resourceVersion"]
            metadata = {**manifest["metadata"], "resourceVersion": version}
            given = answer(self._request("PUT", path, {**manifest, "metadata": metadata}))
            if not given.conflict:  # else the controller wrote its status in between
                return given

    def settle(
        self, sets: Sequence[Manifest], judge: Callable[[int, Seen], list[str]], quiet: float = QUIET
    ) -> list[tuple[Seen, list[str]]]:
        """Wait until nothing moves and every stored set is as `judge` (by its place, told what is there) wants it.

        Returns what was last seen of each, and what the judge still says where the wait was in vain.
        """
        started = changed = time.monotonic()
        version = ""
        while True:
            objects, latest = self._children()
            now = time.monotonic()
            late = now - started > DEADLINE
            if latest != version and not late:
                version, changed = latest, now
            else:
                seen = [Seen(each, objects.get(each["metadata"]["namespace"], {}), NODES) for each in sets]
                judged = [judge(place, each) for place, each in enumerate(seen)]
                if late or not any(judged) or now - changed > quiet:
                    return list(zip(seen, judged, strict=True))
            time.sleep(0.5)

    def _children(self) -> tuple[dict[str, Objects], str]:
        """All children of sets by namespace, and a text that changes whenever one of them does."""
        found: dict[str, Objects] = {}
        versions = []
        for (api_version, kind), path in _CHILDREN.items():
            for item in self._call("GET", path)["items"]:
                metadata = item["metadata"]
                versions.append(metadata["uid"] + metadata["resourceVersion"])
                known = {"apiVersion": api_version, "kind": kind, **item}
                found.setdefault(metadata["namespace"], {})[kind, metadata["name"]] = known
        return found, " ".join(versions)

    def _call(self, method: str, path: str, body: Manifest | None = None) -> dict[str, Any]:
        """A request that must succeed."""
        result = self._request(method, path, body)
        assert result.get("status") != "Failure", f"{method} {path}: {result['message']}"
        return result

    def _request(self, method: str, path: str, body: Manifest | None) -> dict[str, Any]:
        url = self._client.configuration.host + path
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        response = self._client.rest_client.request(method, url, headers=headers, body=body)
        result: dict[str, Any] = json.loads(response.read())
        return result


_STORAGE_CLASS = {"metadata": {"name": STORAGE_CLASS}, "provisioner": "kubernetes.io/no-provisioner"}


def _volume(number: int) -> Manifest:
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "storageClassName": STORAGE_CLASS,
        "hostPath": {"path": "/shared"},
    }
    return {"metadata": {"name": f"volume-{number}"}, "spec": spec}
