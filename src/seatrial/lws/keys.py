"""Labels, annotations and variables by which LeaderWorkerSet and the StatefulSet controller mark what they make.

Source: api/leaderworkerset/v1/leaderworkerset_types.go of kubernetes-sigs/lws, and the Kubernetes API reference.
"""

from typing import Final

PREFIX: Final = "leaderworkerset.sigs.k8s.io/"

NAME: Final = PREFIX + "name"
GROUP_INDEX: Final = PREFIX + "group-index"
GROUP_KEY: Final = PREFIX + "group-key"
WORKER_INDEX: Final = PREFIX + "worker-index"
REVISION: Final = PREFIX + "template-revision-hash"
SUBGROUP_INDEX: Final = PREFIX + "subgroup-index"
SUBGROUP_KEY: Final = PREFIX + "subgroup-key"

SIZE: Final = PREFIX + "size"
REPLICAS: Final = PREFIX + "replicas"
LEADER_NAME: Final = PREFIX + "leader-name"
EXCLUSIVE_TOPOLOGY: Final = PREFIX + "exclusive-topology"
SUBGROUP_EXCLUSIVE_TOPOLOGY: Final = PREFIX + "subgroup-exclusive-topology"
SUBGROUP_SIZE: Final = PREFIX + "subgroup-size"
SUBGROUP_SIZE_BEFORE_0_6: Final = "leaderworkerset.gke.io/subgroup-size"
SUBGROUP_TYPE: Final = PREFIX + "subgroup-policy-type"
SUBDOMAIN_POLICY: Final = PREFIX + "subdomainPolicy"
LEADER_REQUESTS_TPUS: Final = PREFIX + "leader-requests-tpus"
RECREATE_AFTER_START: Final = PREFIX + "experimental-recreate-group-after-start"

POD_NAME: Final = "statefulset.kubernetes.io/pod-name"
POD_INDEX: Final = "apps.kubernetes.io/pod-index"
CONTROLLER_REVISION: Final = "controller-revision-hash"

LEADER_ADDRESS_ENV: Final = "LWS_LEADER_ADDRESS"
GROUP_SIZE_ENV: Final = "LWS_GROUP_SIZE"
WORKER_INDEX_ENV: Final = "LWS_WORKER_INDEX"

POD_INDEX_KUBERNETES: Final = (1, 28)
"""First Kubernetes version that puts the pod-index label on pods of StatefulSets."""

START_ORDINAL_KUBERNETES: Final = (1, 27)
"""First Kubernetes version that honours `ordinals.start` by default; before, worker 0 looks like a leader (lws#391)."""


def is_reserved(key: str) -> bool:
    """Whether LeaderWorkerSet keeps the label or annotation key for itself, so that a template must not carry it."""
    return key.startswith(PREFIX) or key == SUBGROUP_SIZE_BEFORE_0_6
