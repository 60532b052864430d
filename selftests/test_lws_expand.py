"""What a controller makes of a set, against what real controllers made."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.lws import keys
from seatrial.lws.admission import default, refusals
from seatrial.lws.expand import expand, sample_groups, sample_workers
from seatrial.lws.naming import child_names, groups_at_most
from seatrial.lws.releases import DEFAULT, RELEASES, release
from seatrial.lws.revision import revision_hash
from seatrial.lws.rollout import unavailable_at_update

KEY_0, KEY_1 = "25f319b865b4c3e19e9fd81b6fb3fa20becb4088", "e72113958ea6db27a15956a3df08bb851a6765dc"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def pod_template(**fields):
    metadata = {key: fields.pop(key) for key in ("labels", "annotations", "finalizers") if key in fields}
    spec = {"containers": [{"name": "c", "image": "x"}], **fields}
    return {"metadata": metadata, "spec": spec} if metadata else {"spec": spec}


def lws(name="x", replicas=2, size=2, worker=None, leader=None, policy=None, annotations=None, labels=None, **parts):
    spec = {key: parts.pop(key) for key in ("networkConfig", "rolloutStrategy", "startupPolicy") if key in parts}
    template = {"size": size, "workerTemplate": worker or pod_template(), **parts}
    if leader is not None:
        template["leaderTemplate"] = leader
    if policy is not None:
        template["subGroupPolicy"] = policy
    metadata = {"name": name, "annotations": annotations or {}, "labels": labels or {}}
    return {"metadata": metadata, "spec": {"replicas": replicas, "leaderWorkerTemplate": template, **spec}}


UNIQUE = {"networkConfig": {"subdomainPolicy": "UniquePerReplica"}}


def short(labels):
    return {key.removeprefix(keys.PREFIX): value for key, value in labels.items() if key.startswith(keys.PREFIX)}


# --- names, labels, addresses


@pytest.mark.parametrize(
    ("index", "name", "worker", "group", "pod_index", "key", "address"),
    [
        (0, "x-0", "0", "0", "0", KEY_0, "x-0.x.default"),
        (1, "x-0-1", "1", "0", "1", KEY_0, "x-0.x.default"),
        (2, "x-1", "0", "1", "1", KEY_1, "x-1.x.default"),
        (3, "x-1-1", "1", "1", "1", KEY_1, "x-1.x.default"),
    ],
)
def test_pods_of_two_groups_of_two(index, name, worker, group, pod_index, key, address):
    pod = expand(lws(), DEFAULT).pods[index]
    assert (pod.name, pod.hostname, pod.subdomain, pod.namespace) == (name, name, "x", "default")
    assert pod.fqdn() == f"{name}.x.default.svc.cluster.local"
    assert short(pod.labels) == {
        "name": "x", "worker-index": worker, "group-index": group, "group-key": key, "template-revision-hash": "symbol",
    }  # fmt: skip
    assert pod.labels[keys.POD_INDEX] == pod_index
    assert pod.labels[keys.POD_NAME] == name
    assert pod.labels[keys.CONTROLLER_REVISION] == name.rpartition("-")[0] + "-symbol"
    assert (pod.role, pod.worker_index, pod.group_index) == (
        "leader" if worker == "0" else "worker",
        int(worker),
        int(group),
    )
    assert pod.leader_address == address
    assert dict(pod.env) == {"LWS_LEADER_ADDRESS": address, "LWS_GROUP_SIZE": "2", "LWS_WORKER_INDEX": worker}


def test_annotations():
    leader, worker = expand(lws(replicas=1), DEFAULT).pods
    assert short(leader.annotations) == {"size": "2"}
    assert short(worker.annotations) == {"size": "2", "leader-name": "x-0"}


def test_one_subdomain_per_group():
    expansion = expand(lws(**UNIQUE), DEFAULT, namespace="ns")
    assert [(pod.name, pod.subdomain, pod.leader_address) for pod in expansion.pods] == [
        ("x-0", "x-0", "x-0.x-0.ns"),
        ("x-0-1", "x-0", "x-0.x-0.ns"),
        ("x-1", "x-1", "x-1.x-1.ns"),
        ("x-1-1", "x-1", "x-1.x-1.ns"),
    ]
    assert [service["metadata"]["name"] for service in expansion.services] == ["x-0", "x-1"]
    assert expansion.services[1]["spec"]["selector"] == {keys.NAME: "x", keys.GROUP_INDEX: "1"}
    assert expansion.leader_stateful_set["spec"]["serviceName"] == "x", "although no such Service exists"
    assert expansion.pods[0].annotations[keys.SUBDOMAIN_POLICY] == "UniquePerReplica"
    assert keys.SUBDOMAIN_POLICY not in expansion.pods[1].annotations


def test_the_manifest_knows_its_namespace_better_than_the_caller():
    manifest = lws()
    manifest["metadata"]["namespace"] = "own"
    assert expand(manifest, DEFAULT, namespace="other").pods[0].leader_address == "x-0.x.own"


def test_pod_index_needs_kubernetes_1_28():
    for kubernetes, there in ((None, True), ((1, 28), True), ((1, 27), False)):
        pods = expand(lws(), DEFAULT, kubernetes=kubernetes).pods
        assert [keys.POD_INDEX in pod.labels for pod in pods] == [there] * 4


def test_which_template_a_pod_comes_from():
    at = ("spec", "leaderWorkerTemplate")
    for leader, expected in ((None, "workerTemplate"), (pod_template(), "leaderTemplate"), ({}, "leaderTemplate")):
        paths = [pod.template_path for pod in expand(lws(replicas=1, leader=leader), DEFAULT).pods]
        assert paths == [(*at, expected), (*at, "workerTemplate")]


def test_labels_of_templates_survive_below_those_of_the_controller():
    own = {"role": "worker", keys.NAME: "y", keys.WORKER_INDEX: "9", keys.REVISION: "z", "bad": 1}
    leader, worker = expand(lws(replicas=1, worker=pod_template(labels=own)), DEFAULT).pods
    assert (leader.labels["role"], worker.labels["role"]) == ("worker", "worker")
    assert "bad" not in leader.labels
    for pod, index in ((leader, "0"), (worker, "1")):
        assert short(pod.labels)["name"] == "x"
        assert short(pod.labels)["worker-index"] == index
        assert short(pod.labels)["template-revision-hash"] == "symbol"


def test_a_reserved_group_index_poisons_the_group():
    pods = expand(lws(leader=pod_template(labels={keys.GROUP_INDEX: "7"})), DEFAULT).pods
    assert [pod.leader_address for pod in pods] == ["x-7.x.default"] * 4
    assert [pod.labels[keys.GROUP_INDEX] for pod in pods] == ["7"] * 4
    assert [pod.group_index for pod in pods] == [0, 0, 1, 1], "what it really is"


# --- environment


def test_injected_variables_come_first_and_replace_the_users():
    own = [
        {"name": "A", "value": "$(LWS_LEADER_ADDRESS)"},
        {"name": "LWS_WORKER_INDEX", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['x']"}}},
        {"name": "LWS_GROUP_SIZE", "value": "99"},
        {"name": "A", "value": "second"},
        {"name": "B"},
    ]
    worker = pod_template(
        containers=[{"name": "c", "env": own}, {"name": "d"}],
        initContainers=[{"name": "i", "env": own, "restartPolicy": "Always"}],
    )
    pod = expand(lws(replicas=1, worker=worker), DEFAULT).pods[1]
    injected = [
        {"name": "LWS_LEADER_ADDRESS", "value": "x-0.x.default"},
        {"name": "LWS_GROUP_SIZE", "value": "2"},
        {"name": "LWS_WORKER_INDEX", "value": "1"},
    ]
    assert pod.containers[0]["env"] == [*injected, own[0], own[4]]
    assert pod.containers[0]["env"][3] is own[0], "so that a caller finds its place in the manifest"
    assert pod.containers[1]["env"] == injected
    assert pod.init_containers[0]["env"] == [*injected, own[0], own[4]]


def test_worker_index_is_injected_from_0_6_0():
    own = [{"name": "LWS_WORKER_INDEX", "value": "mine"}]
    worker = pod_template(containers=[{"name": "c", "env": own}])
    names = {
        tag: [
            (each["name"], each["value"])
            for each in expand(lws(worker=worker), release(tag)).pods[1].containers[0]["env"]
        ]
        for tag in ("0.5.1", "0.6.0")
    }
    assert names["0.5.1"][-1] == ("LWS_WORKER_INDEX", "mine")
    assert names["0.6.0"][-1] == ("LWS_WORKER_INDEX", "1")
    assert len(names["0.5.1"]) == len(names["0.6.0"]) == 3


def test_containers_of_a_wrong_type_keep_their_place():
    pod = expand(lws(worker=pod_template(containers=["c", {"name": "d", "env": "A=1"}, None])), DEFAULT).pods[0]
    assert [container.get("name") for container in pod.containers] == [None, "d", None]


# --- StatefulSets and Services


def test_leader_stateful_set():
    sts = expand(lws(), DEFAULT, revision="abc").leader_stateful_set
    assert (sts["apiVersion"], sts["kind"]) == ("apps/v1", "StatefulSet")
    owner = sts["metadata"].pop("ownerReferences")[0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("LeaderWorkerSet", "x", True)
    assert sts["metadata"] == {
        "name": "x",
        "namespace": "default",
        "labels": {keys.NAME: "x", keys.REVISION: "abc"},
        "annotations": {keys.REPLICAS: "2"},
    }
    template = sts["spec"].pop("template")
    assert sts["spec"] == {
        "serviceName": "x",
        "replicas": 2,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {keys.NAME: "x", keys.WORKER_INDEX: "0"}},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}},
    }
    assert template["metadata"]["labels"] == {keys.WORKER_INDEX: "0", keys.NAME: "x", keys.REVISION: "abc"}


def test_worker_stateful_set():
    sts = expand(lws(size=3), DEFAULT).worker_stateful_sets[1]
    owner = sts["metadata"].pop("ownerReferences")[0]
    assert (owner["kind"], owner["name"]) == ("Pod", "x-1")
    labels = {keys.GROUP_INDEX: "1", keys.NAME: "x", keys.GROUP_KEY: KEY_1}
    assert sts["metadata"] == {"name": "x-1", "namespace": "default", "labels": {**labels, keys.REVISION: "symbol"}}
    template = sts["spec"].pop("template")
    assert sts["spec"] == {
        "serviceName": "x",
        "replicas": 2,
        "podManagementPolicy": "Parallel",
        "ordinals": {"start": 1},
        "selector": {"matchLabels": labels},
    }
    assert template["metadata"]["annotations"] == {keys.SIZE: "3", keys.LEADER_NAME: "x-1"}
    assert keys.WORKER_INDEX not in template["metadata"]["labels"]


@pytest.mark.parametrize(
    ("replicas", "unavailable", "surge", "before", "since"),
    [
        (4, 1, 0, 1, 1), (4, "50%", 0, "50%", 2), (4, "30%", "30%", "30%", 3), (2, 0, 1, 0, 1), (2, 0, 9, 0, 2),
        (0, 0, 0, 0, 1), (2, 5, 0, 5, 5),
    ],
)  # fmt: skip
def test_max_unavailable_of_the_leader_stateful_set(replicas, unavailable, surge, before, since):
    rolling = {"rollingUpdateConfiguration": {"maxUnavailable": unavailable, "maxSurge": surge}}
    manifest = lws(replicas=replicas, rolloutStrategy=rolling)
    for tag, expected in (("0.8.0", before), ("0.9.0", since)):
        strategy = expand(manifest, release(tag)).leader_stateful_set["spec"]["updateStrategy"]
        assert strategy["rollingUpdate"]["maxUnavailable"] == expected


def test_partition_exists_from_0_7_0():
    manifest = lws(rolloutStrategy={"rollingUpdateConfiguration": {"partition": 1}})
    for tag, expected in (("0.6.3", 0), ("0.7.0", 1)):
        strategy = expand(manifest, release(tag)).leader_stateful_set["spec"]["updateStrategy"]
        assert strategy["rollingUpdate"]["partition"] == expected


def test_metadata_is_inherited_from_0_10_0():
    manifest = lws(labels={"team": "a", keys.NAME: "y"}, annotations={"note": "b"})
    old, new = expand(manifest, release("0.9.0")), expand(manifest, release("0.10.0"))
    assert "team" not in old.leader_stateful_set["metadata"]["labels"]
    for sts in (new.leader_stateful_set, new.worker_stateful_sets[0]):
        assert sts["metadata"]["labels"]["team"] == "a"
        assert sts["metadata"]["labels"][keys.NAME] == "x"
        assert sts["metadata"]["annotations"]["note"] == "b"
    assert "annotations" not in old.worker_stateful_sets[0]["metadata"]


CLAIM = {
    "metadata": {"name": "data", "labels": {"a": "b"}},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "cfs",
        "volumeName": "pv",
        "resources": {"requests": {"storage": "1Ti"}},
        "selector": {"matchLabels": {"a": "b"}},
    },
}


def test_claims_exist_from_0_8_0_and_become_volumes():
    retention = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    worker = pod_template(volumes=[{"name": "data", "emptyDir": {}}, {"name": "shm", "emptyDir": {}}])
    manifest = lws(worker=worker, volumeClaimTemplates=[CLAIM], persistentVolumeClaimRetentionPolicy=retention)
    assert "volumeClaimTemplates" not in expand(manifest, release("0.7.0")).leader_stateful_set["spec"]
    expansion = expand(manifest, release("0.8.0"))
    for sts in (expansion.leader_stateful_set, expansion.worker_stateful_sets[0]):
        assert sts["spec"]["persistentVolumeClaimRetentionPolicy"] == retention
        assert sts["spec"]["volumeClaimTemplates"] == [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data", "namespace": "default"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "cfs",
                    "resources": {"requests": {"storage": "1Ti"}},
                },
            }
        ]
    assert [volume["name"] for volume in expansion.pods[1].volumes] == ["data", "shm"]
    assert expansion.pods[1].volumes[0]["persistentVolumeClaim"] == {"claimName": "data-x-0-1"}


def test_shared_service():
    for tag, labels in (("0.5.1", None), ("0.6.0", {keys.NAME: "x"})):
        (service,) = expand(lws(), release(tag)).services
        assert service["metadata"]["name"] == "x"
        assert service["metadata"].get("labels") == labels
        assert service["spec"] == {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {keys.NAME: "x"}}


@pytest.mark.parametrize(("replicas", "size"), [(0, 2), (1, 1), (1, 2), (2, 5), (11, 3)])
def test_counts(replicas, size):
    expansion = expand(lws(replicas=replicas, size=size), DEFAULT)
    assert len(expansion.pods) == replicas * size
    assert len(expansion.worker_stateful_sets) == (replicas if size > 1 else 0)
    assert len(expansion.services) == 1
    assert [pod.name for pod in expansion.pods[:: max(size, 1)]] == [f"x-{group}" for group in range(replicas)]


# --- sub-groups and exclusive placement


@pytest.mark.parametrize(
    ("size", "part", "kind", "tag", "indices"),
    [
        (5, 2, "LeaderWorker", "0.9.0", "0 0 0 1 1"),
        (5, 2, "LeaderExcluded", "0.9.0", "- 0 0 1 1"),
        (4, 2, "LeaderWorker", "0.9.0", "0 0 1 1"),
        (4, 4, "LeaderWorker", "0.9.0", "0 0 0 0"),
        (5, 4, "LeaderWorker", "0.9.0", "0 0 0 0 0"),
        (3, 1, "LeaderWorker", "0.9.0", "0 0 1"),
        (3, 1, "LeaderExcluded", "0.9.0", "- 0 1"),
        (3, 1, "LeaderWorker", "0.10.0", "0 1 2"),
        (3, 1, "LeaderExcluded", "0.10.0", "- 1 2"),
        (5, 2, "LeaderExcluded", "0.5.1", "0 0 0 1 1"),
    ],
)
def test_subgroups(size, part, kind, tag, indices):
    policy = {"subGroupSize": part, "subGroupPolicyType": kind}
    pods = expand(lws(replicas=1, size=size, policy=policy), release(tag)).pods
    assert " ".join(pod.subgroup.index if pod.subgroup else "-" for pod in pods) == indices
    for pod in pods:
        assert pod.labels.get(keys.SUBGROUP_INDEX) == (pod.subgroup.index if pod.subgroup else None)


def test_subgroup_keys():
    pods = expand(lws(replicas=1, size=4, policy={"subGroupSize": 2}), DEFAULT).pods
    first, second = "d6c97f465af0ebca22f30674647c2f43d8dabb32", "e5a505296905a13d56158cdc5b27c03bf50a0f0e"
    assert [pod.labels[keys.SUBGROUP_KEY] for pod in pods] == [first, first, second, second]


@pytest.mark.parametrize(
    ("tag", "size_key", "type_on_leader", "type_on_worker"),
    [
        ("0.5.1", "leaderworkerset.gke.io/subgroup-size", None, None),
        ("0.6.0", "leaderworkerset.sigs.k8s.io/subgroup-size", "LeaderWorker", None),
        ("0.9.0", "leaderworkerset.sigs.k8s.io/subgroup-size", "LeaderWorker", None),
        ("0.10.0", "leaderworkerset.sigs.k8s.io/subgroup-size", "LeaderWorker", "LeaderWorker"),
    ],
)
def test_subgroup_annotations(tag, size_key, type_on_leader, type_on_worker):
    leader, worker = expand(lws(replicas=1, policy={"subGroupSize": 2}), release(tag)).pods
    assert leader.annotations[size_key] == worker.annotations[size_key] == "2"
    assert leader.annotations.get(keys.SUBGROUP_TYPE) == type_on_leader
    assert worker.annotations.get(keys.SUBGROUP_TYPE) == type_on_worker


def terms(pod, kind):
    return pod.affinity.get(kind, {}).get(REQUIRED, [])


def test_exclusive_placement():
    annotations = {keys.EXCLUSIVE_TOPOLOGY: "zone"}
    manifest = lws(annotations=annotations, worker=pod_template(nodeSelector={"pool": "gpu"}))
    expansion = expand(manifest, DEFAULT, topology=lambda group: f"zone-{group}" if group else None)
    leader = expansion.pods[0]
    assert terms(leader, "podAffinity") == [
        {
            "labelSelector": {"matchExpressions": [{"key": keys.GROUP_KEY, "operator": "In", "values": [KEY_0]}]},
            "topologyKey": "zone",
        }
    ]
    assert terms(leader, "podAntiAffinity") == [
        {
            "labelSelector": {
                "matchExpressions": [
                    {"key": keys.GROUP_KEY, "operator": "Exists"},
                    {"key": keys.GROUP_KEY, "operator": "NotIn", "values": [KEY_0]},
                ]
            },
            "topologyKey": "zone",
        }
    ]
    assert all(pod.annotations[keys.EXCLUSIVE_TOPOLOGY] == "zone" for pod in expansion.pods)
    assert [not pod.affinity for pod in expansion.pods] == [False, True, False, True]
    assert [pod.node_selector for pod in expansion.pods[1::2]] == [{"pool": "gpu"}, {"pool": "gpu", "zone": "zone-1"}]
    worker_spec = expansion.worker_stateful_sets[1]["spec"]["template"]["spec"]
    assert worker_spec["nodeSelector"] == {"pool": "gpu", "zone": "zone-1"}


def test_exclusive_terms_are_added_to_the_users_unless_both_lists_have_the_topology():
    mine = {"topologyKey": "zone", "labelSelector": {}}
    other = {"topologyKey": "rack", "labelSelector": {}}
    for affinity, expected in (
        ({"podAffinity": {REQUIRED: [mine]}, "podAntiAffinity": {REQUIRED: [mine]}}, (1, 1)),
        ({"podAffinity": {REQUIRED: [mine]}, "podAntiAffinity": {REQUIRED: [other]}}, (2, 2)),
        ({"podAffinity": {REQUIRED: [mine]}}, (2, 1)),
        ({"podAffinity": "zone", "podAntiAffinity": {REQUIRED: ["zone"]}}, (1, 2)),
        (None, (1, 1)),
    ):
        manifest = lws(annotations={keys.EXCLUSIVE_TOPOLOGY: "zone"}, worker=pod_template(affinity=affinity))
        before = copy.deepcopy(manifest)
        leader = expand(manifest, DEFAULT).pods[0]
        assert (len(terms(leader, "podAffinity")), len(terms(leader, "podAntiAffinity"))) == expected
        assert manifest == before


def test_subgroup_placement_binds_workers_too():
    annotations = {keys.EXCLUSIVE_TOPOLOGY: "zone", keys.SUBGROUP_EXCLUSIVE_TOPOLOGY: "rack"}
    pods = expand(lws(replicas=1, size=4, policy={"subGroupSize": 2}, annotations=annotations), DEFAULT).pods
    topologies = [[term["topologyKey"] for term in terms(pod, "podAffinity")] for pod in pods]
    assert topologies == [["zone", "rack"], ["rack"], ["rack"], ["rack"]]
    policy = {"subGroupSize": 3, "subGroupPolicyType": "LeaderExcluded"}
    pods = expand(lws(replicas=1, size=4, policy=policy, annotations=annotations), DEFAULT).pods
    assert [len(terms(pod, "podAffinity")) for pod in pods] == [1, 1, 1, 1]
    assert terms(pods[0], "podAffinity")[0]["topologyKey"] == "zone"


def test_what_blocks_workers_is_said():
    assert expand(lws(), DEFAULT).blocked == ()
    assert "1.27" in expand(lws(), DEFAULT, kubernetes=(1, 26)).blocked[0]
    copied = pod_template(annotations={keys.LEADER_NAME: "x-0"})
    assert keys.LEADER_NAME in expand(lws(worker=copied), DEFAULT).blocked[0]
    assert keys.EXCLUSIVE_TOPOLOGY in expand(lws(annotations={keys.EXCLUSIVE_TOPOLOGY: ""}), DEFAULT).blocked[0]
    assert expand(lws(size=1, worker=copied), DEFAULT, kubernetes=(1, 26)).blocked == ()


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(("tag", "made"), [("0.5.1", 2), ("0.6.0", 0), ("0.9.0", 0)])
def test_leaders_that_pass_for_workers_get_no_service_of_their_own(size, tag, made):
    copied = pod_template(annotations={keys.LEADER_NAME: "x-0"})
    expansion = expand(lws(size=size, leader=copied, **UNIQUE), release(tag))
    assert len(expansion.services) == made
    assert [group.service is not None for group in expansion.groups] == [bool(made)] * 2
    assert len(expand(lws(size=size, leader=copied), release(tag)).services) == 1, "the one of the whole set"


# --- sizes and samples


def test_huge_sets_are_never_listed():
    expansion = expand(lws(replicas=2**31 - 1, size=2**31 - 1), DEFAULT)
    assert len(expansion.pods) == (2**31 - 1) ** 2
    assert expansion.pods[-1].name == f"x-{2**31 - 2}-{2**31 - 2}"
    assert expansion.pods[2**31 - 1].name == "x-1"
    assert expansion.groups[5].workers[-1].name == f"x-5-{2**31 - 2}"
    assert expansion.worker_stateful_sets[10:12][1]["metadata"]["name"] == "x-11"
    with pytest.raises(IndexError):
        expansion.worker_stateful_sets[2**31]


def test_lazy_and_eager_expansions_agree():
    large = expand(lws(replicas=300, size=3), DEFAULT)
    small = expand(lws(replicas=300, size=3), DEFAULT, groups=(0, 1, 299))
    assert [pod.manifest() for pod in small.pods[:6]] == [pod.manifest() for pod in large.pods[:6]]
    assert [pod.manifest() for pod in small.pods[6:]] == [pod.manifest() for pod in large.pods[-3:]]


@pytest.mark.parametrize(
    ("replicas", "expected"), [(0, (0, 1)), (1, (0, 1)), (2, (0, 1)), (3, (0, 1, 2)), (2**31 - 1, (0, 1, 2**31 - 2))]
)
def test_sampled_groups(replicas, expected):
    assert sample_groups(replicas) == expected


@pytest.mark.parametrize(("size", "expected"), [(0, (0,)), (1, (0,)), (2, (0, 1)), (3, (0, 1, 2)), (9, (0, 1, 8))])
def test_sampled_workers(size, expected):
    assert sample_workers(size) == expected


def test_samples_go_beyond_replicas_but_not_beyond_size():
    expansion = expand(lws(replicas=1, size=9), DEFAULT, groups=sample_groups(1), workers=(*sample_workers(9), 99, -1))
    assert [pod.name for pod in expansion.pods] == ["x-0", "x-0-1", "x-0-8", "x-1", "x-1-1", "x-1-8"]
    assert expansion.leader_stateful_set["spec"]["replicas"] == 1
    assert [pod.name for pod in expand(lws(), DEFAULT, groups=(1, 0, 1, -4), workers=()).pods] == ["x-0", "x-1"]


def test_manifest_of_a_pod():
    worker = pod_template(finalizers=["a/b"], nodeSelector={"a": "b"}, hostname="mine", serviceAccountName="s")
    manifest = expand(lws(replicas=1, worker=worker), DEFAULT).pods[1].manifest()
    metadata, spec = manifest["metadata"], manifest["spec"]
    assert (metadata["name"], metadata["generateName"], metadata["finalizers"]) == ("x-0-1", "x-0-", ["a/b"])
    assert metadata["ownerReferences"][0]["kind"] == "StatefulSet"
    assert (spec["hostname"], spec["subdomain"], spec["nodeSelector"]) == ("x-0-1", "x", {"a": "b"})
    assert spec["serviceAccountName"] == "s"
    assert not {"affinity", "volumes", "initContainers"} & spec.keys()


# --- revision hash


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("0.6.2", "bb866558c"), ("0.7.0", "bb866558c"), ("0.8.0", "5d5596db75"), ("0.9.0", "5d5596db75")],
)
def test_revision_hash(tag, expected):
    assert revision_hash(lws(replicas=None), release(tag)) == expected
    assert revision_hash(lws(replicas=9, startupPolicy="LeaderReady"), release(tag)) == expected
    assert revision_hash(lws(size=3), release(tag)) not in (expected, None)


def test_a_hash_that_cannot_be_told_is_not_guessed():
    odd = {"name": "c", "image": "x", "resources": {"limits": {"memory": "1024Mi"}}}
    assert revision_hash(lws(worker=pod_template(containers=[odd])), DEFAULT) is None
    assert revision_hash(lws(worker=pod_template(priority=0)), DEFAULT) is None
    assert revision_hash(lws(volumeClaimTemplates=[CLAIM]), DEFAULT) is None
    assert revision_hash({}, DEFAULT) is None
    even = {"name": "c", "image": "x", "resources": {"limits": {"nvidia.com/gpu": 8}}, "env": []}
    assert revision_hash(lws(worker=pod_template(containers=[even])), DEFAULT) is not None


# --- any input


FULL = lws(
    leader=pod_template(labels={"role": "leader"}, affinity={"podAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}),
    worker=pod_template(
        containers=[
            {
                "name": "c",
                "env": [{"name": "A", "value": "1"}],
                "ports": [{"containerPort": 1}],
                "resources": {"limits": {"cpu": 1}},
            }
        ],
        initContainers=[{"name": "i"}],
        nodeSelector={"a": "b"},
        volumes=[{"name": "v", "emptyDir": {}}],
        annotations={"a": "b"},
    ),
    policy={"subGroupSize": 2},
    annotations={keys.EXCLUSIVE_TOPOLOGY: "zone", keys.SUBGROUP_EXCLUSIVE_TOPOLOGY: "rack"},
    rolloutStrategy={
        "type": "RollingUpdate",
        "rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": "50%", "partition": 0},
    },
    volumeClaimTemplates=[CLAIM],
    persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete"},
    networkConfig={"subdomainPolicy": "UniquePerReplica"},
    restartPolicy="None",
)


def paths(node, at=()):
    yield at
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from paths(child, (*at, key))


def replaced(node, path, junk):
    if not path:
        return junk
    changed = copy.copy(node)
    changed[path[0]] = replaced(node[path[0]], path[1:], junk)
    return changed


PATHS = list(paths(FULL))
JUNK = (None, True, 0, -1, 1.5, 10**30, "", "text", "7", [], [None], [[]], ["a"], {}, {"a": None}, {"name": 1}, {1: 2})


def everything(manifest, tag):
    admitted = default(manifest, tag) if isinstance(manifest, dict) else {}
    refusals(admitted, tag, before=FULL)
    expansion = expand(manifest, tag, groups=(0, 1, 10), workers=(0, 1), kubernetes=(1, 26), topology=str)
    revision_hash(manifest, tag)
    unavailable_at_update(manifest, tag)
    names = child_names(manifest, tag)
    for pod in expansion.pods:
        pod.manifest()
        pod.fqdn()
        assert names.owns("Pod", pod.name) or pod.group_index >= groups_at_most(manifest)


@pytest.mark.parametrize("tag", [RELEASES[0], RELEASES[-1]], ids=str)
def test_any_node_may_be_anything(tag):
    for path in PATHS:
        for junk in JUNK:
            everything(replaced(FULL, path, junk), tag)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PATHS), anything), min_size=1, max_size=3), st.sampled_from(RELEASES))
def test_several_nodes_may_be_anything(changes, tag):
    manifest = FULL
    for path, junk in changes:
        try:
            manifest = replaced(manifest, path, junk)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue
    everything(manifest, tag)
