"""SEC: secrets, privileges, exposure and sidecars."""

from collections.abc import Mapping

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.network.exposure import exits
from seatrial.nodes.rdma import DEVICES
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.credentials import is_placeholder, plain_flags, plain_variables, requires_key, secret_keys
from seatrial.workload.serving import Group, Role

INJECT = "sidecar.istio.io/inject"


@requirement(
    "SEC-01",
    why="Everyone who may read pods can read it.",
    fix="Keep it in a Secret and refer to it by valueFrom.secretKeyRef.",
    source="Kubernetes documentation: Secrets",
)
def test_secrets_are_not_plain(deployment: ManifestSet) -> Outcomes:
    """A secret MUST NOT stand as a plain env value."""
    for template in deployment.pod_templates:
        for container in template.all_containers:
            for entry in plain_variables(container):
                yield Finding(
                    entry["value"], f"the value of {entry['name'].text} in plain text", "valueFrom.secretKeyRef"
                )
            for place in plain_flags(container):
                yield Finding(place, "a literal behind --api-key", "a variable that comes from a Secret")


@requirement(
    "SEC-02",
    why="Processes of the node and of other pods can be seen and killed, and nothing here needs it.",
    fix="Leave hostPID out.",
)
def test_pods_have_their_own_processes(role: Role) -> Outcomes:
    """Serving pods SHOULD NOT use hostPID."""
    node = role.template.spec["hostPID"]
    if node.boolean:
        yield Finding(node, f"hostPID: true in the {role.name}", "no hostPID")


@requirement(
    "SEC-03",
    why="It replaces the pod's own shared memory by that of the node.",
    fix="Leave hostIPC out, and mount an emptyDir of medium Memory at /dev/shm.",
)
def test_pods_have_their_own_ipc(role: Role) -> Outcomes:
    """Serving pods SHOULD NOT use hostIPC."""
    node = role.template.spec["hostIPC"]
    if node.boolean:
        yield Finding(node, f"hostIPC: true in the {role.name}", "no hostIPC")


@requirement(
    "SEC-04",
    why="A privileged container is root on the node.",
    fix="Leave privileged out; for RDMA an rdma/* resource with IPC_LOCK does without it.",
)
def test_containers_are_not_privileged(role: Role) -> Outcomes:
    """Serving containers SHOULD NOT be privileged unless RDMA needs it."""
    node = role.container.at("securityContext", "privileged")
    if not node.boolean:
        return
    if _mounts_infiniband(role):
        raise NotApplicable(f"the {role.name} reaches {DEVICES} by being privileged (RDM-02)")
    yield Finding(node, f"privileged: true in the {role.name}", "no privileged container")


def _mounts_infiniband(role: Role) -> bool:
    mounts = {
        (mount["mountPath"].text or "").rstrip("/"): mount["name"].text for mount in role.container["volumeMounts"]
    }
    names = [name for path, name in mounts.items() if path in (DEVICES, "/dev")]
    return any(role.template.volumes[name]["hostPath"].exists for name in names if name in role.template.volumes)


@requirement(
    "SEC-05",
    why="Anybody who finds the endpoint can use it.",
    fix="Pass --api-key from a Secret to the leader, or keep the Service of type ClusterIP and without a route.",
    source="imroc/tke-guide: SGLang DeepSeek-R1 guide",
)
def test_exposed_api_requires_a_key(group: Group) -> Outcomes:
    """An API that leaves the cluster MUST require a key."""
    ways = exits(group)
    if not ways:
        raise NotApplicable("the API stays inside the cluster")
    if not requires_key(group.leader):
        for way in ways:
            yield Finding(way.place, f"{way.what} leads to an API without a key", "a leader with a non-empty --api-key")


@requirement(
    "SEC-06",
    why="An empty key switches authentication off, and a common one is guessed.",
    fix="Generate a long random key, for example with `openssl rand -hex 32`.",
)
def test_key_is_a_real_one(group: Group) -> Outcomes:
    """The key's Secret MUST NOT be empty or a placeholder."""
    for entry in secret_keys(group.leader):
        place, value = entry.value(group.manifests, group.namespace)
        if is_placeholder(value):
            observed = "is a placeholder" if value.strip() else "is empty"
            yield Finding(place, f"key {entry.key} of Secret {entry.name} {observed}", "a long random key")


@requirement(
    "SEC-07",
    why="The key is printed into the pod's log.",
    fix="Take the x out of `set -x`, or write `set +x` before the key is used.",
)
def test_scripts_with_a_key_are_not_traced(role: Role) -> Outcomes:
    """A script that handles the key SHOULD NOT trace its commands."""
    launch = role.launch
    if "--api-key" not in (launch.script or ""):
        raise NotApplicable(f"no script of the {role.name} handles a key")
    if launch.traces and launch.trace_place is not None:
        path, line = launch.trace_place
        place = role.command.at(path).word_line(line)
        yield Finding(place, f"the {role.name}'s script traces its commands and handles --api-key", "no tracing")


@requirement(
    "SEC-08",
    why="It hangs NCCL.",
    fix=f'Put the label {INJECT}: "false" into both pod templates.',
    source="nccl#1638",
)
def test_group_pods_have_no_sidecar(role: Role) -> Outcomes:
    """Group pods MUST NOT get a service-mesh sidecar."""
    metadata = role.template.node["metadata"]
    written = next((node for kind in ("labels", "annotations") if (node := metadata[kind][INJECT]).text), None)
    if written is not None and written.text == "false":
        return
    namespace = role.group.namespace
    labels, place = _namespace_labels(role.manifests, namespace)
    if labels is not None and labels.get("istio-injection") == "disabled":
        return
    if written is not None and written.text == "true":
        yield Finding(written, f"the {role.name} asks for a sidecar", f'{INJECT}: "false"')
    elif labels is None:
        raise CannotTell(
            f"whether a mesh injects sidecars into namespace {namespace}",
            f'seatrial.toml: [namespace.{namespace}] labels = {{}}, or the label {INJECT}: "false"',
        )
    elif labels.get("istio-injection") == "enabled" or "istio.io/rev" in labels:
        yield Finding(
            place or metadata,
            f"namespace {namespace} is labelled for injection, and the {role.name} does not opt out",
            f'label {INJECT}: "false" in the template',
        )


def _namespace_labels(manifests: ManifestSet, name: str) -> tuple[Mapping[str, str] | None, Node | None]:
    """The labels of a namespace, and where the set declares them; no labels when neither set nor target says."""
    for document in manifests.of_kind("Namespace", group=""):
        if document.name == name:
            labels = document.at("metadata", "labels")
            return labels.texts, labels
    return (manifests.target.get(f"namespace.{name}.labels") if name.isascii() and "." not in name else None), None
