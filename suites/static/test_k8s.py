"""K8S: the API server's own rules."""

from collections.abc import Iterator

from seatrial.api_server import couplings
from seatrial.api_server.kubernetes_target import SUPPLY, builtin_groups, is_served, minor_of, strict_violations
from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.knowledge import enumerations, operators, versions
from seatrial.lws import keys
from seatrial.manifest_set import ManifestSet
from seatrial.manifests import schema
from seatrial.manifests.document import Document, Node
from seatrial.manifests.workloads import is_leader_worker_set, pod_templates
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.leader_worker_set import LeaderWorkerSet
from seatrial.workload.pod_index import pod_index_uses

ORDINALS_GATE = "StatefulSetStartOrdinal"


@requirement(
    "K8S-01",
    why="The API server refuses the object, although every published schema accepts it.",
    fix="Use one of the values that the finding lists.",
    source="k8s#97503",
)
def test_enumerations_have_known_values(deployment: ManifestSet) -> Outcomes:
    """Core enumerations MUST have values the API server accepts."""
    for document in deployment.documents:
        for node, refused in _refused(document):
            yield Finding(node, refused.value, f"one of {', '.join(refused.allowed)}")


def _refused(document: Document) -> Iterator[tuple[Node, enumerations.Refused]]:
    if document.group in builtin_groups() or is_leader_worker_set(document):
        for refused in enumerations.refused(document.kind, document.value):
            yield document.at(*refused.path), refused
    for template in pod_templates(document):
        for refused in enumerations.refused("PodSpec", template.spec.raw):
            yield template.spec.at(*refused.path), refused


@requirement(
    "K8S-02",
    why="The last one wins, and server-side apply conflicts.",
    fix="Remove one of the two entries.",
)
def test_env_names_are_unique(deployment: ManifestSet) -> Outcomes:
    """A container MUST NOT declare an env name twice."""
    for template in deployment.pod_templates:
        for container in template.all_containers:
            seen: set[str] = set()
            for entry in container["env"]:
                name = entry["name"].text
                if name in seen:
                    yield Finding(entry["name"], f"{name} a second time", "each name once")
                seen.add(name or "")


@requirement(
    "K8S-03",
    why="Below 1.27 workers count from 0 and StatefulSets multiply without end; below 1.28 label pod-index is empty.",
    fix="Upgrade the cluster to 1.28 or later, or do not read pod-index.",
    source=("lws#391", "lws#435"),
)
def test_kubernetes_has_what_the_set_uses(lws: LeaderWorkerSet) -> Outcomes:
    """The target's Kubernetes version MUST support what the set uses: StatefulSet start ordinals for LWS, and label
    pod-index where a manifest reads it.
    """
    target = lws.manifests.target
    stated = versions.parse(target.need("kubernetes.version"))
    if stated is None:
        raise CannotTell("kubernetes.version is no version", SUPPLY)
    version, place = stated.minor, target.place("kubernetes.version")
    shown = f"Kubernetes {version[0]}.{version[1]}"
    gated = any(gate in (ORDINALS_GATE, f"{ORDINALS_GATE}=true") for gate in target.get("kubernetes.gates") or ())
    if version < (1, 26) or (version == (1, 26) and not gated):
        yield Finding(place, f"{shown} has no StatefulSet start ordinals", "1.27 or later")
    if version < keys.POD_INDEX_KUBERNETES:
        for node in pod_index_uses(lws):
            yield Finding(node, f"label {keys.POD_INDEX} is read, but {shown} does not set it", "1.28 or later")


@requirement(
    "K8S-04",
    why="LWS makes StatefulSets of the templates, and a StatefulSet accepts nothing else: no pod ever comes.",
    fix="Remove restartPolicy from the pod template; the group's policy is spec.leaderWorkerTemplate.restartPolicy.",
    source="lws#851",
)
def test_lws_templates_restart_always(lws: LeaderWorkerSet) -> Outcomes:
    """Pod templates under LWS MUST have restartPolicy Always or none."""
    for template in lws.templates:
        policy = template.spec["restartPolicy"]
        if policy.text in ("OnFailure", "Never"):  # K8S-01 judges words that no pod takes
            yield Finding(policy, f"restartPolicy {policy.text} in the {template.role} template", "Always or none")


@requirement(
    "K8S-05",
    why="Refused with strict field validation, silently shortened without.",
    fix="Correct the field that the finding names.",
)
def test_objects_match_their_schema(deployment: ManifestSet) -> Outcomes:
    """Every object MUST match the schema of its kind at the target version, without unknown fields."""
    minor = minor_of(deployment.target)
    for document in deployment.documents:
        for path, _ in document.duplicates:
            yield Finding(document.at(*path), f"key {path[-1]} a second time", "each key once; the last one wins")
        if is_leader_worker_set(document):
            continue  # LWS-11
        if not isinstance(document.value, dict):
            yield Finding(document.root, "a document that is no object", "an object with apiVersion, kind and metadata")
        elif not document.kind or not document.api_version:
            lacking = "kind" if not document.kind else "apiVersion"
            yield Finding(document[lacking], f"no usable {lacking}", "an object with apiVersion and kind")
        else:
            yield from _of_kind(document, minor)


def _of_kind(document: Document, minor: int | None) -> Outcomes:
    try:
        if not is_served(document, minor):
            yield _unserved(document, minor)
            return
        violations = strict_violations(document, minor)
    except CannotTell as unknown:
        yield unknown
        return
    for violation in violations:
        yield Finding(document.at(*violation.path), violation.message, violation.expected)


def _unserved(document: Document, minor: int | None) -> Finding | CannotTell:
    api, kind = document.api_version, document.kind
    if document.group not in builtin_groups():
        operator = operators.operator_of(api)
        whose = f" of {operator.name}" if operator else ""
        return CannotTell(f"there is no schema for {api} {kind}{whose}", "the API server tells: pytest -m cluster")
    served = schema.available_versions(kind, minor)
    removed = schema.removed_in(api, kind)
    if removed and (minor is None or int(removed.removeprefix("1.")) <= minor):
        expected = f"apiVersion {' or '.join(served)}" if served else "a kind that the API server still has"
        return Finding(document["apiVersion"], f"{api} {kind} is gone since Kubernetes {removed}", expected)
    if served:
        return Finding(document["apiVersion"], f"{api} has no {kind}", f"apiVersion {' or '.join(served)}")
    return Finding(document["kind"], f"{api} has no kind {kind}", "a kind of this API group")


@requirement(
    "K8S-06",
    why="The later object overwrites the earlier one, whatever order was meant.",
    fix="Remove one of the two objects or give it a name of its own.",
)
def test_identities_occur_once(deployment: ManifestSet) -> Outcomes:
    """Each object identity MUST occur once in a set."""
    seen: dict[tuple[str, str, str, str], Document] = {}
    for document in deployment.documents:
        if not document.name or not document.kind:
            continue  # K8S-05 and K8S-07
        identity = (document.group, document.kind, deployment.namespace(document), document.name)
        first = seen.setdefault(identity, document)
        if first is not document:
            where = first["metadata"]["name"].where()
            yield Finding(
                document["metadata"]["name"],
                f"{document.title} is declared a second time; the first stands in {where.file}:{where.line}",
                "each object once",
            )


@requirement(
    "K8S-07",
    why="The server refuses the object after every schema check has passed.",
    fix="Correct the value that the finding names.",
)
def test_couplings_hold(deployment: ManifestSet) -> Outcomes:
    """Couplings that published schemas omit MUST hold."""
    if not any(isinstance(document.value, dict) for document in deployment.documents):
        raise NotApplicable("the set has no object")
    for document in deployment.documents:
        if isinstance(document.value, dict):
            for node, observed, expected in couplings.of(document):
                yield Finding(node, observed, expected)
