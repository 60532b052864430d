"""LeaderWorkerSets, valid and invalid, over the whole spec: what the differential test feeds to real controllers.

Every topology key, storage class and node label that is used here exists on the cluster which `outcomes` prepares, so
that pods can be placed, unless a case is about one that does not.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from seatrial.lws import keys

Manifest = dict[str, Any]

TOPOLOGIES = ("seatrial.test/rack", "topology.kubernetes.io/zone")
NOWHERE = "seatrial.test/nowhere"
POOL = {"seatrial.test/pool": "gpu"}
STORAGE_CLASS = "shared"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class Case:
    """One set to create, and what it is to be changed into once it is there, if anything."""

    manifest: Manifest
    update: Manifest | None = None


def words(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


def fields(required: Manifest | None = None, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Manifest]:
    """A mapping in which each of the optional fields may be absent."""
    given = {
        key: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for key, value in (required or {}).items()
    }
    return st.fixed_dictionaries(given, optional=optional)


def subset(choices: dict[str, Any], most: int = 3) -> st.SearchStrategy[Manifest]:
    """A few entries of a mapping of strategies or values."""
    picked = st.lists(st.sampled_from(sorted(choices)), max_size=most, unique=True)
    return picked.flatmap(lambda names: fields({name: choices[name] for name in names}))


# --- pod templates

LABELS = {"role": words("leader", "worker"), "app": "a", "example.com/team": "b"}
RESERVED_LABELS = {
    keys.NAME: "other",
    keys.WORKER_INDEX: words("0", "1", "9"),
    keys.GROUP_INDEX: words("0", "7", "a"),
    keys.GROUP_KEY: "mine",
    keys.SUBGROUP_INDEX: words("", "0", "5"),
    keys.SUBGROUP_KEY: "mine",
    keys.REVISION: "mine",
    keys.POD_INDEX: "9",
    keys.POD_NAME: "mine",
    keys.CONTROLLER_REVISION: "mine",
}
ANNOTATIONS = {"prometheus.io/scrape": "true", "example.com/note": words("", "a b")}
RESERVED_ANNOTATIONS = {
    keys.SIZE: "9",
    keys.LEADER_NAME: words("", "x-0"),
    keys.EXCLUSIVE_TOPOLOGY: words(*TOPOLOGIES),
    keys.SUBGROUP_SIZE: words("1", "2"),
    keys.SUBGROUP_TYPE: words("LeaderWorker", "LeaderExcluded"),
    keys.SUBGROUP_EXCLUSIVE_TOPOLOGY: words(*TOPOLOGIES),
    keys.SUBDOMAIN_POLICY: words("UniquePerReplica", "Shared"),
    keys.REPLICAS: "9",
}

VARIABLE = st.builds(
    lambda name, source: {"name": name, **source},
    words("A", "B", keys.LEADER_ADDRESS_ENV, keys.GROUP_SIZE_ENV, keys.WORKER_INDEX_ENV),
    st.sampled_from(
        (
            {},
            {"value": "1"},
            {"value": "$(LWS_LEADER_ADDRESS):5000"},
            {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}},
        )
    ),
)
ENVIRONMENT = st.lists(VARIABLE, max_size=4, unique_by=lambda variable: variable["name"])
PORTS = st.lists(
    st.builds(
        lambda port, extra: {"containerPort": port, **extra},
        st.integers(8000, 8002),
        st.sampled_from(({}, {"protocol": "UDP"}, {"name": "http"})),
    ),
    max_size=2,
    unique_by=lambda port: port["containerPort"],
).filter(lambda ports: sum("name" in port for port in ports) < 2)
RESOURCES = st.sampled_from(
    (
        {"limits": {"nvidia.com/gpu": "1"}},
        {"limits": {"memory": "1024Mi", "cpu": "0.5"}},
        {"limits": {"memory": "1.5Gi"}, "requests": {"memory": "1500k", "cpu": 1}},
        {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi", "nvidia.com/gpu": 1}},
        {},
    )
)


PROBE = st.sampled_from(
    (
        {"httpGet": {"path": "/health", "port": 8000}, "initialDelaySeconds": 0},
        {"httpGet": {"path": "/health", "port": "http", "scheme": "HTTPS"}, "periodSeconds": 5},
        {"tcpSocket": {"port": 8000}, "failureThreshold": 60},
        {"exec": {"command": ["true"]}, "timeoutSeconds": 2},
        {"grpc": {"port": 8000}},
    )
)
OTHER_CONTAINER_FIELDS = {
    "args": st.sampled_from(([], ["--dist-init-addr", "$(LWS_LEADER_ADDRESS):20000", "<&>"])),
    "securityContext": st.sampled_from(
        ({}, {"privileged": True}, {"capabilities": {"add": ["IPC_LOCK"]}, "runAsUser": 0}, {"privileged": False})
    ),
    "envFrom": st.just([{"configMapRef": {"name": "c", "optional": True}}]),
    "imagePullPolicy": words("Always", "Never"),
    "tty": st.booleans(),
}


def container(name: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Manifest]:
    return fields(
        {"name": name, "image": words("x", "registry.example/sglang:v1", "x:latest")},
        env=ENVIRONMENT,
        command=st.just(["bash", "-c", "echo $(LWS_WORKER_INDEX)"]),
        resources=RESOURCES,
        volumeMounts=st.just([{"name": "shm", "mountPath": "/dev/shm"}]),
        **more,
        **OTHER_CONTAINER_FIELDS,
    )


SERVING = {
    "ports": PORTS,
    "readinessProbe": PROBE,
    "lifecycle": st.just({"preStop": {"exec": {"command": ["sleep", "5"]}}}),
}
"""What an init container cannot have."""

CONTAINERS = st.one_of(
    st.tuples(container("main", **SERVING)), st.tuples(container("main", **SERVING), container("sidecar"))
).map(list)
INIT_CONTAINERS = st.lists(container("fetch", restartPolicy=st.just("Always")), max_size=1)

MINE = [{"topologyKey": TOPOLOGIES[0], "labelSelector": {"matchLabels": {"example.com/none": "a"}}}]
AFFINITY = st.sampled_from(
    (
        {},
        {"podAntiAffinity": {REQUIRED: MINE}},
        {
            "podAffinity": {
                REQUIRED: [
                    {
                        "topologyKey": TOPOLOGIES[1],
                        "labelSelector": {"matchExpressions": [{"key": keys.NAME, "operator": "Exists"}]},
                    }
                ]
            },
            "podAntiAffinity": {REQUIRED: [{**MINE[0], "topologyKey": TOPOLOGIES[1]}]},
        },
        {
            "nodeAffinity": {
                REQUIRED: {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "seatrial.test/pool", "operator": "In", "values": ["gpu"]}]}
                    ]
                }
            },
            "podAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 1, "podAffinityTerm": {"topologyKey": TOPOLOGIES[0], "labelSelector": {}}}
                ]
            },
        },
    )
)
POD_FIELDS = {
    "initContainers": INIT_CONTAINERS,
    "nodeSelector": st.sampled_from((POOL, {**POOL, TOPOLOGIES[0]: "rack-1"}, {})),
    "affinity": AFFINITY,
    "tolerations": st.just([{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]),
    "hostname": st.just("mine"),
    "subdomain": st.just("mine"),
    "hostIPC": st.booleans(),
    "hostNetwork": st.booleans(),
    "shareProcessNamespace": st.booleans(),
    "imagePullSecrets": st.just([{"name": "registry"}]),
    "hostAliases": st.just([{"ip": "192.0.2.1", "hostnames": ["a"]}]),
    "dnsConfig": st.just({"options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}),
    "topologySpreadConstraints": st.just(
        [
            {
                "maxSkew": 1,
                "topologyKey": TOPOLOGIES[1],
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"role": "worker"}},
            }
        ]
    ),
    "terminationGracePeriodSeconds": st.sampled_from((0, 5)),
    "serviceAccountName": st.just("default"),
    "automountServiceAccountToken": st.just(False),
    "dnsPolicy": st.just("ClusterFirstWithHostNet"),
    "securityContext": st.sampled_from(({}, {"fsGroup": 0})),
}


VOLUME = st.sampled_from(
    (
        {"name": "model", "hostPath": {"path": "/data"}},
        {"name": "config", "configMap": {"name": "c", "optional": True, "items": [{"key": "a", "path": "a"}]}},
        {"name": "labels", "downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"name": "secret", "secret": {"secretName": "s", "optional": True, "defaultMode": 256}},
    )
)


@st.composite
def pod_templates(draw: st.DrawFn, reserved: bool, plain: bool) -> Manifest:
    """A template that every StatefulSet takes.

    Args:
        draw: hypothesis'.
        reserved: with labels and annotations that are LWS' own.
        plain: without what may keep pods from being placed or deleted.
    """
    metadata = draw(fields(labels=subset(LABELS), annotations=subset(ANNOTATIONS)))
    if reserved:
        for field, choices in (("labels", RESERVED_LABELS), ("annotations", RESERVED_ANNOTATIONS)):
            metadata[field] = metadata.get(field, {}) | draw(subset(choices, most=2))
    if not plain and draw(st.integers(0, 9)) == 9:
        metadata |= draw(fields(name=st.just("mine"), finalizers=st.just(["seatrial.test/mine"])))
    spec: Manifest = {"containers": draw(CONTAINERS)} | draw(subset(POD_FIELDS, most=4))
    if plain:
        spec = {key: value for key, value in spec.items() if key not in ("hostNetwork", "nodeSelector")}
    spec["volumes"] = [
        *draw(st.lists(VOLUME, max_size=1)),
        {"name": "shm", "emptyDir": draw(st.sampled_from(({}, {"medium": "Memory", "sizeLimit": "1Gi"})))},
    ]
    return {"metadata": metadata, "spec": spec} if metadata or draw(st.booleans()) else {"spec": spec}


# --- the set

SMALL = [
    *[(replicas, size) for replicas in range(4) for size in range(1, 6) if replicas * size <= 6],
    (4, 1), (2, 4), (None, 2), (2, None), (None, None),
]  # fmt: skip
"""Replicas and sizes."""

SHAPES = [*SMALL, (2, 5), (1, 7), (11, 1), (11, 2)]
BUDGET = st.one_of(st.integers(0, 4), words("0%", "25%", "34%", "50%", "100%"))
ROLLING = fields(maxUnavailable=BUDGET, maxSurge=BUDGET, partition=st.sampled_from((0, 0, 0, 1, 2, 9)))
SUBGROUPS = fields(
    {"subGroupSize": st.sampled_from((1, 1, 2, 2, 3, 4))}, subGroupPolicyType=words("LeaderWorker", "LeaderExcluded")
)
CLAIM = fields(
    {
        "metadata": st.sampled_from(
            ({"name": "data"}, {"name": "shm", "labels": {"a": "b"}, "annotations": {"c": "d"}})
        ),
        "spec": fields(
            {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": STORAGE_CLASS,
                "resources": {"requests": {"storage": "1Gi"}},
            },
            volumeMode=st.just("Filesystem"),
            selector=st.just({"matchLabels": {"none": "such"}}),
            volumeName=st.just("none-such"),
        ),
    }
)
POLICY = words("Retain", "Delete")
CLAIM_FIELDS = fields(
    {"volumeClaimTemplates": st.lists(CLAIM, min_size=1, max_size=1)},
    persistentVolumeClaimRetentionPolicy=fields(whenDeleted=POLICY, whenScaled=POLICY),
)
SET_ANNOTATIONS = {
    keys.EXCLUSIVE_TOPOLOGY: words(*TOPOLOGIES, *TOPOLOGIES, "", NOWHERE),
    keys.SUBGROUP_EXCLUSIVE_TOPOLOGY: words(*TOPOLOGIES, *TOPOLOGIES, ""),
    keys.RECREATE_AFTER_START: "",
    keys.SIZE: "9",
    "example.com/note": "mine",
}
NAMES = st.one_of(
    words("x", "x", "deepseek-r1", "x-0", "x-1-1", "0x", "x-", "X", "x.y", "x_y", ""),
    st.integers(44, 66).map(lambda length: ("a" * 70)[:length]),
)


@st.composite
def sets(draw: st.DrawFn, plain: bool = False) -> Manifest:
    """A set that its schema accepts; the webhook may refuse it for its numbers.

    A plain one has no name or annotation that may keep its groups from coming up, or from coming up again.
    """
    reserved = not plain and draw(st.integers(0, 4)) == 4
    metadata: Manifest = {"name": "x"}
    if not plain and draw(st.integers(0, 4)) == 4:
        metadata["name"] = draw(NAMES)
    metadata |= draw(fields(labels=subset(LABELS), annotations=subset(SET_ANNOTATIONS, most=2)))
    if plain:
        annotations = metadata.setdefault("annotations", {})
        annotations.pop(keys.SUBGROUP_EXCLUSIVE_TOPOLOGY, None)
        if annotations.get(keys.EXCLUSIVE_TOPOLOGY) not in TOPOLOGIES:
            annotations.pop(keys.EXCLUSIVE_TOPOLOGY, None)
    template: Manifest = {"workerTemplate": draw(pod_templates(reserved, plain))} | draw(
        fields(
            leaderTemplate=pod_templates(reserved, plain),
            restartPolicy=words("Default", "None", "RecreateGroupOnPodRestart"),
        )
    )
    replicas, size = draw(st.sampled_from(SMALL if plain else SHAPES))
    if draw(st.integers(0, 2)) == 2:
        template["subGroupPolicy"] = draw(SUBGROUPS)
    if draw(st.integers(0, 5)) == 5:
        template |= draw(CLAIM_FIELDS)
    spec: Manifest = {"leaderWorkerTemplate": template} | draw(
        fields(
            startupPolicy=words("LeaderCreated", "LeaderReady"),
            rolloutStrategy=fields(type=words("RollingUpdate", ""), rollingUpdateConfiguration=ROLLING),
            networkConfig=fields(subdomainPolicy=words("Shared", "UniquePerReplica", "UniquePerReplica")),
        )
    )
    rolling = spec.get("rolloutStrategy", {}).get("rollingUpdateConfiguration", {})
    if not plain and rolling.get("partition"):
        # With a partition, the surge groups of a set that is not ready stay, and who knows whether this one will be.
        rolling.pop("maxSurge", None)
    spec |= {} if replicas is None else {"replicas": replicas}
    template |= {} if size is None else {"size": size}
    return {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": metadata, "spec": spec}


# --- what spoils a set

TEMPLATE = ("spec", "leaderWorkerTemplate")
ROLLOUT = ("spec", "rolloutStrategy", "rollingUpdateConfiguration")
MAIN = (*TEMPLATE, "workerTemplate", "spec", "containers", 0)
ANY: dict[tuple[str | int, ...], tuple[Any, ...]] = {
    ("spec", "replicas"): (-1, 2**31 - 1, 2**31, "2", 1.5, None, True),
    (*TEMPLATE, "size"): (0, -1, 2**31 - 1, "2", None),
    (*TEMPLATE, "restartPolicy"): ("", "Always", "RecreateGroupAfterStart", None, 1),
    (*TEMPLATE, "subGroupPolicy"): ({}, {"subGroupSize": 0}, {"subGroupSize": -1}, {"subGroupSize": 2, "subGroupPolicyType": "x"}, {"subGroupPolicyType": "LeaderExcluded"}, None, []),
    (*TEMPLATE, "workerTemplate"): (None, {}, {"spec": {}}),
    (*TEMPLATE, "leaderTemplate"): (None, [], {}),
    (*TEMPLATE, "volumeClaimTemplates"): ([], {}, None),
    (*TEMPLATE, "persistentVolumeClaimRetentionPolicy"): ({}, {"whenDeleted": 1}),
    ("spec", "startupPolicy"): ("", "x", None),
    ("spec", "networkConfig"): ({}, {"subdomainPolicy": None}, {"subdomainPolicy": ""}, {"subdomainPolicy": "x"}, None, []),
    ("spec", "rolloutStrategy"): ({"type": "Recreate"}, {"type": None}, None, {}, "x"),
    ROLLOUT: (None, {}, []),
    (*ROLLOUT, "maxUnavailable"): ("3", "101%", "-1%", "x", "", -1, "00100%", "%", "1.5%", None, 1.5, 2**31 - 1),
    (*ROLLOUT, "maxSurge"): ("3", "101%", "-1%", "x", -1, None, 9, 2**31 - 1),
    (*ROLLOUT, "partition"): (-1, "1", None, 2**31 - 1),
    ("metadata", "annotations", keys.SUBGROUP_EXCLUSIVE_TOPOLOGY): (TOPOLOGIES[0], ""),
    (*MAIN, "env"): ([{"name": "A"}, {"name": "A"}], [{"name": "A", "value": 1}], [{"value": "1"}], None),
    (*MAIN, "ports"): ([{"containerPort": 80}, {"containerPort": 80}], [{}], [{"containerPort": "80"}]),
    (*MAIN, "imagePullPolice"): ("Always",),
    ("spec", "suspend"): (True,),
    ("spec",): (None, {}, "x"),
}  # fmt: skip
"""Values, most of them invalid, that a field of a set may be given."""


def replaced(manifest: Manifest, path: tuple[str | int, ...], value: object) -> Manifest:
    """A copy with the value at the path, through mappings that are made where they are missing."""
    changed = deepcopy(manifest)
    node: Any = changed
    for step in path[:-1]:
        if isinstance(node, dict) and not isinstance(node.get(step), dict | list):
            node[step] = {}
        node = node[step]
    node[path[-1]] = value
    return changed


SPOILERS = st.sampled_from(sorted(ANY, key=str)).flatmap(
    lambda path: st.sampled_from(ANY[path]).map(lambda value: (path, value))
)


@st.composite
def spoiled_sets(draw: st.DrawFn) -> Manifest:
    manifest = draw(sets())
    for path, value in draw(st.lists(SPOILERS, min_size=1, max_size=2)):
        try:
            manifest = replaced(manifest, path, value)
        except (KeyError, IndexError, TypeError):  # an earlier spoiler took the place away
            continue
    return manifest


# --- updates

IMAGE = (*MAIN, "image")
CHANGES = {
    ("spec", "replicas"): (0, 1, 2, 3),
    (*TEMPLATE, "size"): (1, 2, 3),
    (*TEMPLATE, "subGroupPolicy"): (
        None,
        {"subGroupSize": 1},
        {"subGroupSize": 2, "subGroupPolicyType": "LeaderExcluded"},
    ),
    (*TEMPLATE, "restartPolicy"): ("None", "RecreateGroupOnPodRestart"),
    ("spec", "startupPolicy"): ("LeaderCreated", "LeaderReady"),
    ("spec", "networkConfig"): ({"subdomainPolicy": "Shared"}, {"subdomainPolicy": "UniquePerReplica"}, None),
    ("metadata", "labels", "role"): ("new",),
    IMAGE: ("new",),
    (*TEMPLATE, "workerTemplate", "metadata", "labels", "role"): ("new",),
    (*ROLLOUT, "maxSurge"): (0, 1, "50%"),
}
"""What a running set may be changed to. For the partition see `updates`.

The topologies are not among them: a new leader has to join what is left of its old group, wherever that was placed, and
is kept waiting (for minutes, by the scheduler) where other groups are.
"""


@st.composite
def updates(draw: st.DrawFn, manifest: Manifest) -> Manifest:
    """The set changed in one to three places, or by a new image for only a part of its groups.

    With a partition nothing but the image changes: the groups below it keep the old template, but in 0.5.1 to 0.10.0
    everything else of the live spec (lws#280), at whatever time they happen to be made anew.
    """
    partition = draw(st.sampled_from((0, 0, 0, 1, 2)))
    changed = replaced(manifest, (*ROLLOUT, "partition"), partition)
    if partition:
        return replaced(changed, IMAGE, "new")
    changes = draw(st.lists(st.sampled_from(sorted(CHANGES, key=str)), min_size=1, max_size=3, unique=True))
    for path in changes:
        changed = replaced(changed, path, draw(st.sampled_from(CHANGES[path])))
    return changed


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Of ten, about six that are meant to be accepted, two that are changed afterwards, two that are spoiled."""
    kind = draw(st.integers(0, 9))
    if kind < 6:
        return Case(draw(sets()))
    if kind < 8:
        manifest = draw(sets(plain=True))
        return Case(manifest, draw(updates(manifest)))
    return Case(draw(spoiled_sets()))


# --- what once differed


def plain_set(**parts: Any) -> Manifest:
    """Two groups of one pod, with the given fields of spec, or of the leaderWorkerTemplate."""
    template = {"workerTemplate": {"spec": {"containers": [{"name": "main", "image": "x"}]}}}
    spec: Manifest = {"replicas": 2, "leaderWorkerTemplate": template}
    for field, value in parts.items():
        (template if field.endswith("Template") else spec)[field] = value
    kind = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet"}
    return {**kind, "metadata": {"name": "x"}, "spec": spec}


LIKE_A_WORKER = {
    "metadata": {"annotations": {keys.LEADER_NAME: "x-0"}},
    "spec": {"containers": [{"name": "main", "image": "x"}]},
}
SURGE = replaced(plain_set(), ROLLOUT, {"maxUnavailable": 0, "maxSurge": 1})

KEPT = {
    "leaders that pass for workers get no Service of their own": Case(
        plain_set(leaderTemplate=LIKE_A_WORKER, networkConfig={"subdomainPolicy": "UniquePerReplica"})
    ),
    "a surge group stays while a partition keeps a group from being updated": Case(
        replaced(SURGE, ("spec", "replicas"), 3),
        replaced(replaced(replaced(SURGE, ("spec", "replicas"), 3), IMAGE, "new"), (*ROLLOUT, "partition"), 2),
    ),
    "a port without number is accepted where the webhook completes the set": Case(
        replaced(plain_set(), (*MAIN, "ports"), [{}])
    ),
    "replicas below zero are refused before the webhook is asked": Case(plain_set(replicas=-1)),
}
"""Cases in which the model, or what was known of it, once differed from a real controller."""
