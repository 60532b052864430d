"""What the model expects of a set, compared with what real controllers made of it: every difference, by path.

Both sides are compared whole. What the expectation does not say must be a default of the Kubernetes API, from `DEFAULTS`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seatrial.lws import keys
from seatrial.lws.expand import SYMBOL, Expansion, expand
from seatrial.lws.naming import child_names, groups_at_most, name_limit
from seatrial.lws.releases import Release
from seatrial.lws.revision import revision_hash
from seatrial.lws.rollout import GroupState, Step, budget, rollout_step
from seatrial.manifests import quantity

from .generated_sets import Manifest

Objects = dict[tuple[str, str], Manifest]
"""Objects of one namespace by kind and name."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there of one set: its own object as stored, its children, and the labels of all nodes by name."""

    stored: Manifest
    objects: Objects
    nodes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return str(self.stored["metadata"]["namespace"])

    @property
    def name(self) -> str:
        return str(self.stored["metadata"]["name"])

    def leader_set(self) -> Manifest:
        return self.objects.get(("StatefulSet", self.name), {})

    def revision(self) -> str:
        """The hash that the controller gave; one that nothing has if there is no StatefulSet yet."""
        return str(self.leader_set().get("metadata", {}).get("labels", {}).get(keys.REVISION, SYMBOL))

    def leader(self, group: int) -> Manifest:
        return self.objects.get(("Pod", f"{self.name}-{group}"), {})

    def leader_node(self, group: int) -> str | None:
        name = self.leader(group).get("spec", {}).get("nodeName")
        return str(name) if name else None

    def waits_for_leader(self, group: int) -> bool:
        """Whether the group's workers are not to be made before its leader has a node, or is ready, which it is not."""
        placed = self.leader_node(group) is not None
        if not placed and keys.EXCLUSIVE_TOPOLOGY in (self.stored["metadata"].get("annotations") or {}):
            return True
        conditions = self.leader(group).get("status", {}).get("conditions", ())
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        return self.stored["spec"].get("startupPolicy") == "LeaderReady" and not ready

    def topology(self, manifest: Manifest, group: int) -> str | None:
        """The value that the leader's node has for the set's exclusive topology."""
        key = (manifest["metadata"].get("annotations") or {}).get(keys.EXCLUSIVE_TOPOLOGY)
        return self.nodes.get(self.leader_node(group) or "", {}).get(key) if key else None


def differences(
    manifest: Manifest, release: Release, seen: Seen, before: tuple[Manifest, Seen] | None = None
) -> Iterator[str]:
    """Where a set at rest is not what the model expects.

    Args:
        manifest: the set as written.
        release: of the controller.
        seen: what is there.
        before: what the set was updated from, and what was there then.
    """
    revision = revision_hash(manifest, release)
    if revision not in (None, seen.revision()):
        yield f"template-revision-hash: expected {revision}, observed {seen.revision()}"
    if before is None:
        expected = _objects(_expansion(manifest, release, seen), seen)
    else:
        expected = _updated(manifest, release, seen, *before)
    if _never_complete(manifest, release) and all(key in seen.objects for key in expected if key[0] == "Pod"):
        yield "every pod is there, in spite of the long name"
    if not _name_is_short_enough(manifest, release):
        expected = {
            key: each for key, each in expected.items() if key in seen.objects or key == ("StatefulSet", seen.name)
        }
    for key in sorted(expected.keys() | seen.objects.keys()):
        if key not in seen.objects:
            if before is None or not _may_be_lost(expected[key], seen):
                yield f"{' '.join(key)}: expected, but not there"
        elif key not in expected and not _is_claim_left(key, release, manifest, *(before or ())[:1]):
            yield f"{' '.join(key)}: there, but not expected"
        elif key in expected:
            yield from compare(expected[key], _comparable(seen.objects[key], seen), " ".join(key))


def _expansion(manifest: Manifest, release: Release, seen: Seen, groups: Iterable[int] | None = None) -> Expansion:
    return expand(
        manifest,
        release,
        namespace=seen.namespace,
        groups=groups,
        topology=lambda group: seen.topology(manifest, group),
        revision=seen.revision(),
    )


def _name_is_short_enough(manifest: Manifest, release: Release) -> bool:
    names = child_names(manifest, release)
    return len(names.name) <= name_limit(groups_at_most(manifest), names.size)


def _never_complete(manifest: Manifest, release: Release) -> bool:
    """Whether the name is so long that some pod cannot be made, however short the hashes turn out (5 characters)."""
    names = child_names(manifest, release)
    return names.groups > 0 and len(names.name) > name_limit(groups_at_most(manifest), names.size) + 5


def _objects(expansion: Expansion, seen: Seen) -> Objects:
    """The expansion, less the workers that wait for their leader to have a node or to be ready."""
    made: list[Manifest] = [expansion.leader_stateful_set, *expansion.services]
    for group in expansion.groups:
        made.append(group.leader.manifest())
        if expansion.blocked or group.stateful_set is None or seen.waits_for_leader(group.index):
            continue
        made += [group.stateful_set, *(worker.manifest() for worker in group.workers)]
    claims = [_claim(claim, pod) for pod in made if pod["kind"] == "Pod" for claim in _claim_names(expansion)]
    return {(each["kind"], each["metadata"]["name"]): each for each in [*made, *claims]}


def _claim_names(expansion: Expansion) -> list[str]:
    return [each["metadata"]["name"] for each in expansion.leader_stateful_set["spec"].get("volumeClaimTemplates", ())]


def _claim(name: str, pod: Manifest) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"{name}-{pod['metadata']['name']}"},
    }


def _updated(manifest: Manifest, release: Release, seen: Seen, old: Manifest, then: Seen) -> Objects:
    """The objects at the end of a rollout.

    Groups below the partition stay as they were. While there are such groups, surge groups stay, too. A Service for all
    groups stays when each gets its own.
    """
    leader, service = ("StatefulSet", seen.name), ("Service", seen.name)
    was = _objects(_expansion(old, release, then), then)
    expected = _objects(_expansion(manifest, release, seen), seen)
    rolls = expected[leader]["spec"]["template"] != was[leader]["spec"]["template"]
    partition = expected[leader]["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
    if rolls and partition > 0:
        replicas = _replicas_in_rollout(manifest, release, partition)
        expected = _objects(_expansion(manifest, release, seen, range(replicas)), seen)
        expected[leader]["spec"]["replicas"] = replicas
        kept = {key: each for key, each in was.items() if _group(key[1], seen.name) < partition}
        expected |= {key: each for key, each in kept.items() if key in expected}
    return {service: was[service]} | expected if service in was else expected


def _is_claim_left(key: tuple[str, str], release: Release, *manifests: Manifest) -> bool:
    """Whether it is the claim of a pod that the set has had: of a group that is gone, of a surge group."""
    kind, name = key
    return kind == "PersistentVolumeClaim" and any(child_names(each, release).owns(kind, name) for each in manifests)


def _may_be_lost(expected: Manifest, seen: Seen) -> bool:
    """Whether a group's Service may be missing after its leader was replaced.

    The old one goes with the old leader, by garbage collection, and may still be there when the controller looks at the
    new leader. Only later events of the leader or its workers make it look again: without workers there may be none.
    """
    is_of_group = expected["kind"] == "Service" and expected["metadata"]["name"] != seen.name
    return is_of_group and bool(seen.stored["spec"]["leaderWorkerTemplate"]["size"] == 1)


def _replicas_in_rollout(manifest: Manifest, release: Release, partition: int) -> int:
    """How many groups there are when all are ready and those from the partition on are updated."""
    resolved = budget(manifest, release)
    assert resolved is not None
    step, before = Step(resolved.most, partition), None
    while step != before:
        states = [GroupState(ready=True, updated=group >= partition) for group in range(step.replicas)]
        step, before = rollout_step(resolved, step, states, release), step
    return step.replicas


def _group(child: str, name: str) -> int:
    """The number of the group that a child (a claim begins with its own name) belongs to; a large one for the set's."""
    rest = child.rpartition(f"{name}-")[2].split("-")[0] if child != name else ""
    return int(rest) if rest.isdigit() else 2**31


def _comparable(observed: Manifest, seen: Seen) -> Manifest:
    """The object without what only a cluster can know, and with its hashes checked against each other."""
    if observed["kind"] == "PersistentVolumeClaim":
        return {**observed, "metadata": {"name": observed["metadata"]["name"]}, "spec": None, "status": None}
    metadata = {key: value for key, value in observed["metadata"].items() if key not in SERVER_METADATA}
    metadata["ownerReferences"] = [_owner(each, seen) for each in metadata.get("ownerReferences", ())]
    result = {**observed, "metadata": metadata}
    result.pop("status", None)
    if observed["kind"] == "Pod":
        result["spec"] = _without_admission(observed["spec"])
        metadata["labels"] = _with_symbol(metadata, seen)
    return result


SERVER_METADATA = frozenset({"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"})


def _owner(reference: Manifest, seen: Seen) -> Manifest:
    """The reference without its uid, if that is the owner's."""
    key = reference["kind"], reference["name"]
    owner = seen.stored if reference["kind"] == "LeaderWorkerSet" else seen.objects.get(key)
    if owner is not None and owner["metadata"]["uid"] == reference["uid"]:
        reference = {field: value for field, value in reference.items() if field != "uid"}
    return reference


def _with_symbol(metadata: Manifest, seen: Seen) -> Manifest:
    """The labels, with the StatefulSet's hash, if it is that, replaced by the set's: the model knows only one."""
    labels = dict(metadata["labels"])
    parent = metadata["generateName"].removesuffix("-")
    status = seen.objects.get(("StatefulSet", parent), {}).get("status", {})
    if labels.get(keys.CONTROLLER_REVISION) in (status.get("updateRevision"), status.get("currentRevision")):
        labels[keys.CONTROLLER_REVISION] = f"{parent}-{labels.get(keys.REVISION)}"
    return labels


def _without_admission(spec: Manifest) -> Manifest:
    """A pod spec without what the scheduler and the API server's admission plugins add."""
    token = {each["name"] for each in spec.get("volumes", ()) if each["name"].startswith("kube-api-access-")}
    spec = {key: value for key, value in spec.items() if key != "nodeName"}
    spec["volumes"] = [each for each in spec.get("volumes", ()) if each["name"] not in token]
    spec["tolerations"] = [each for each in spec.get("tolerations", ()) if each not in DEFAULT_TOLERATIONS]
    for kind in ("containers", "initContainers"):
        spec[kind] = [_container(each, token) for each in spec.get(kind, ())]
    return spec


def _container(container: Manifest, token: set[str]) -> Manifest:
    mounts = [each for each in container.get("volumeMounts", ()) if each["name"] not in token]
    resources = container.get("resources", {})
    if requests := resources.get("requests"):
        limits = resources.get("limits", {})
        own = {name: value for name, value in requests.items() if limits.get(name) != value}
        resources = {**resources, "requests": own}
    return {**container, "volumeMounts": mounts, "resources": resources}


DEFAULT_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
]

DEFAULTS: dict[str, tuple[Any, ...]] = {
    "defaultMode": (420,),
    "failureThreshold": (3,),
    "hostPort": (8000, 8001, 8002),
    "periodSeconds": (10,),
    "scheme": ("HTTP",),
    "successThreshold": (1,),
    "timeoutSeconds": (1,),
    "apiVersion": ("v1",),
    "clusterIPs": (["None"],),
    "dnsPolicy": ("ClusterFirst",),
    "enableServiceLinks": (True,),
    "imagePullPolicy": ("Always", "IfNotPresent"),
    "internalTrafficPolicy": ("Cluster",),
    "ipFamilies": (["IPv4"],),
    "ipFamilyPolicy": ("SingleStack",),
    "persistentVolumeClaimRetentionPolicy": ({"whenDeleted": "Retain", "whenScaled": "Retain"},),
    "preemptionPolicy": ("PreemptLowerPriority",),
    "priority": (0,),
    "restartPolicy": ("Always",),
    "revisionHistoryLimit": (10,),
    "schedulerName": ("default-scheduler",),
    "serviceAccount": ("default",),
    "serviceAccountName": ("default",),
    "sessionAffinity": ("None",),
    "status": ({"phase": "Pending"},),
    "terminationGracePeriodSeconds": (30,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "type": ("ClusterIP",),
    "updateStrategy": ({"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}},),
    "volumeMode": ("Filesystem",),
    "whenDeleted": ("Retain",),
    "whenScaled": ("Retain",),
}
"""What the API server fills in, by the field's name."""

ABSENT: tuple[Any, ...] = (None, {}, [], "")
EMPTY: tuple[Any, ...] = (*ABSENT, False, 0)


def compare(
    expected: Any, observed: Any, path: str = "", defaults: Mapping[str, tuple[Any, ...]] = DEFAULTS
) -> Iterator[str]:
    """Where two documents differ; nothing, zero and empty are the same."""
    if isinstance(expected, dict) and isinstance(observed, dict):
        for key in sorted(expected.keys() | observed.keys()):
            yield from _compare_field(key, expected.get(key), observed.get(key), f"{path}.{key}", defaults)
    elif isinstance(expected, list) and isinstance(observed, list) and len(expected) == len(observed):
        for index, (left, right) in enumerate(zip(expected, observed, strict=True)):
            yield from compare(left, right, f"{path}[{index}]", defaults)
    elif expected != observed:
        yield f"{path}: expected {expected!r}, observed {observed!r}"


def _compare_field(
    key: str, expected: Any, observed: Any, path: str, defaults: Mapping[str, tuple[Any, ...]]
) -> Iterator[str]:
    if (expected in EMPTY and observed in EMPTY) or (expected in ABSENT and observed in defaults.get(key, ())):
        return
    if key in ("limits", "requests") and isinstance(expected, dict) and isinstance(observed, dict):
        expected = {name: quantity.parse(value) for name, value in expected.items()}
        observed = {name: quantity.parse(value) for name, value in observed.items()}
    yield from compare(expected, observed, path, defaults)
