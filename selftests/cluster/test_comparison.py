"""The comparison of `test_model_against_reality` misses nothing: no cluster is needed to see that."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from seatrial.lws import keys
from seatrial.lws.expand import expand
from seatrial.lws.releases import DEFAULT
from seatrial.lws.revision import revision_hash

from .comparison import Seen, differences
from .generated_sets import TOPOLOGIES, Manifest, replaced

SET: Manifest = {
    "apiVersion": "leaderworkerset.x-k8s.io/v1",
    "kind": "LeaderWorkerSet",
    "metadata": {"name": "x", "annotations": {keys.EXCLUSIVE_TOPOLOGY: TOPOLOGIES[0]}},
    "spec": {
        "replicas": 2,
        "networkConfig": {"subdomainPolicy": "UniquePerReplica"},
        "leaderWorkerTemplate": {
            "size": 3,
            "subGroupPolicy": {"subGroupSize": 1},
            "workerTemplate": {
                "metadata": {"labels": {"role": "worker"}, "finalizers": ["a/b"]},
                "spec": {
                    "containers": [{"name": "main", "image": "x", "env": [{"name": "A", "value": "1"}]}],
                    "initContainers": [{"name": "fetch", "image": "x"}],
                    "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
                },
            },
        },
    },
}


def as_expected(manifest: Manifest) -> Seen:
    """What is there where everything went as the model expects."""
    nodes = {"node-0": {TOPOLOGIES[0]: "rack-0"}, "node-1": {TOPOLOGIES[0]: "rack-1"}}
    expansion = expand(
        manifest, DEFAULT, topology="rack-{}".format, revision=revision_hash(manifest, DEFAULT) or "unknown"
    )
    objects = {}
    for made in (
        expansion.leader_stateful_set,
        *expansion.worker_stateful_sets,
        *expansion.services,
        *[pod.manifest() for pod in expansion.pods],
    ):
        item = json.loads(json.dumps(made))
        kind, name = item["kind"], item["metadata"]["name"]
        item["metadata"]["uid"] = f"uid of {kind} {name}"
        for reference in item["metadata"]["ownerReferences"]:
            reference["uid"] = f"uid of {reference['kind']} {reference['name']}"
        objects[kind, name] = item
    for group in range(2):
        objects["Pod", f"x-{group}"]["spec"]["nodeName"] = f"node-{group}"
    stored = copy.deepcopy(manifest)
    stored["metadata"] |= {"namespace": "default", "uid": "uid of LeaderWorkerSet x"}
    return Seen(stored, objects, nodes)


def leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    yield from (leaf for key, child in children for leaf in leaves(child, (*path, key)))
    if not isinstance(node, dict | list):
        yield path


def changed(seen: Seen, key: tuple[str, str], item: Manifest | None) -> Seen:
    objects = {**seen.objects, key: item or {}}
    if item is None:
        del objects[key]
    return Seen(seen.stored, objects, seen.nodes)


def test_nothing_differs_where_all_is_as_expected() -> None:
    assert list(differences(SET, DEFAULT, as_expected(SET))) == []


@pytest.mark.parametrize("key", sorted(as_expected(SET).objects), ids=" ".join)
def test_every_value_counts(key: tuple[str, str]) -> None:
    seen = as_expected(SET)
    item = seen.objects[key]
    unnoticed = [
        path
        for path in leaves(item)
        if path != ("spec", "nodeName")
        and path != ("metadata", "uid")
        and not list(differences(SET, DEFAULT, changed(seen, key, replaced(item, path, "other"))))
    ]
    assert unnoticed == []


@pytest.mark.parametrize("key", sorted(as_expected(SET).objects), ids=" ".join)
def test_every_object_counts(key: tuple[str, str]) -> None:
    seen = as_expected(SET)
    assert any("not there" in each for each in differences(SET, DEFAULT, changed(seen, key, None)))
    extra = (key[0], "surplus")
    assert any("not expected" in each for each in differences(SET, DEFAULT, changed(seen, extra, seen.objects[key])))


def test_the_hash_is_told_and_not_only_equal_everywhere() -> None:
    text = json.dumps([[*key, item] for key, item in as_expected(SET).objects.items()])
    told = revision_hash(SET, DEFAULT)
    assert told is not None
    objects = {(kind, name): item for kind, name, item in json.loads(text.replace(told, "other"))}
    seen = as_expected(SET)
    found = list(differences(SET, DEFAULT, Seen(seen.stored, objects, seen.nodes)))
    assert found == [f"template-revision-hash: expected {told}, observed other"]
