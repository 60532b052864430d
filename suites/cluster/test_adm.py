"""ADM: versions of the API server, what it accepts, and what of the set is on the cluster."""

from seatrial.api_server.kubernetes_target import builtin_groups
from seatrial.clusters.capability import Capability
from seatrial.finding import Blocked, CannotTell, Finding, NotApplicable
from seatrial.knowledge import versions
from seatrial.live import refusals
from seatrial.live.admission import Admission
from seatrial.live.declared import departures
from seatrial.live.declared_object import DeclaredObject
from seatrial.live.deployed import Deployed
from seatrial.live.objects import LivePlace
from seatrial.live.offer import not_allowed, unknown_to_quota
from seatrial.live.resources import NODES
from seatrial.live.super_nodes import is_super_node
from seatrial.live.webhook_answers import not_asked
from seatrial.live.webhooks import mutators
from seatrial.lws import keys
from seatrial.manifests.workloads import is_leader_worker_set
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.pod_index import pod_index_uses

ORDINALS, ORDINALS_GATED = (1, 27), (1, 26)
ORDINALS_GATE = "StatefulSetStartOrdinal"


@requirement(
    "ADM-01",
    why="Below 1.27 StatefulSets multiply without end; below 1.28 label pod-index is empty.",
    fix="Upgrade the cluster to 1.28 or later, the nodes too.",
    source=("lws#391", "lws#435"),
)
def test_versions(deployed: Deployed) -> Outcomes:
    """The server's and every kubelet's version MUST satisfy K8S-03."""
    sets = deployed.leader_worker_sets
    if not sets:
        raise NotApplicable("the set has no LeaderWorkerSet")
    reads_index = any(any(pod_index_uses(lws.declared)) for lws in sets)
    gates = deployed.manifests.target.get("kubernetes.gates") or ()
    ordinals = ORDINALS_GATED if ORDINALS_GATE in [gate.removesuffix("=true") for gate in gates] else ORDINALS
    oldest = keys.POD_INDEX_KUBERNETES if reads_index else ordinals
    expected = f"{oldest[0]}.{oldest[1]} or later" + (f", since label {keys.POD_INDEX} is read" if reads_index else "")
    server = deployed.view.git_version()
    if deployed.kubernetes is None:
        yield CannotTell(f"the API server reports version {server!r}")
    elif deployed.kubernetes.minor < oldest:
        yield Finding(LivePlace("", "API server"), f"version {server}", expected)
    for node in deployed.view.all(NODES):
        stated = str(node.at("status", "nodeInfo", "kubeletVersion") or "")
        version = versions.parse(stated)
        if version is not None and version.minor < oldest and not is_super_node(node):
            yield Finding(node.place("status", "nodeInfo", "kubeletVersion"), f"kubelet {stated}", expected)


@requirement(
    "ADM-02",
    why="Serverless and edge clusters lack the nodes, add-ons and privileges that the steps need.",
    fix="Use a TKE standard cluster with a node pool of its own.",
)
def test_standard_cluster(deployed: Deployed) -> Outcomes:
    """The cluster MUST be a TKE standard cluster with nodes of its own."""
    if deployed.own:
        deployed.need(Capability.TKE)
    nodes = deployed.view.all(NODES)
    if not any(not is_super_node(node) for node in nodes) and deployed.manifests.target.get("pool.type") != "super":
        shown = f"{len(nodes)} super nodes" if nodes else "no node"
        yield Finding(LivePlace("", "nodes"), f"{shown} and no other", "at least one regular or native node")
        return
    server = deployed.view.git_version()
    if "-tke." not in server:
        raise CannotTell(f"version {server} does not say that this is TKE")


@requirement(
    "ADM-03",
    why="The API server knows rules that no schema carries; an object that it refuses is not there.",
    fix="Change the manifest as the server says.",
    needs=(Capability.DRY_RUN,),
)
def test_accepted(admission: Admission) -> Outcomes:
    """Every object of the set MUST be accepted by a server-side dry-run with strict field validation."""
    if admission.left_out:
        raise NotApplicable(admission.left_out)
    document = admission.document
    if not admission.served:
        kind = f"{document.kind or 'no kind'} of {document.api_version or 'no apiVersion'}"
        if admission.bare and document.group not in builtin_groups():
            raise CannotTell(f"this cluster does not serve {kind}", "the real cluster: --kubeconfig, with --deploy")
        yield Finding(document["kind"], f"the API server does not serve {kind}", "a kind that it serves")
        return
    error = admission.error
    if error is None:
        return
    if not_allowed(error):
        raise CannotTell(
            f"the kubeconfig's user may not create {document.kind}", "the rights that `seatrial rbac deploy` prints"
        )
    if unknown_to_quota(error):
        raise Blocked("ADM-05", f"the quota does not know {document.kind}")
    if is_leader_worker_set(document) and not_asked(error):
        raise Blocked("CTL-05", "the webhook of LWS does not answer")
    for path, words in refusals.parts(error):
        yield Finding(refusals.place(document.root, path), f"{path}: {words}" if path else words, "an accepted object")


@requirement(
    "ADM-04",
    why="Another configuration than the one reviewed would run.",
    fix="Write what the server stores, or remove what it drops; ask whoever owns the webhooks that are named.",
    needs=(Capability.DRY_RUN,),
)
def test_stored_as_declared(deployed: Deployed) -> Outcomes:
    """The server MUST NOT drop or change a field that the set declares."""
    refused = [one.title for one in deployed.admissions if one.error is not None]
    for admission in deployed.admissions:
        if admission.answer is None:
            continue
        document = admission.document
        for departure in departures(document.kind, document.root.mapping, admission.answer):
            webhooks = mutators(deployed.view, document)
            suspects = f"; webhooks that may change it: {', '.join(webhooks)}" if webhooks else ""
            yield Finding(
                document.at(*departure.path), f"stored as {departure.found or 'absent'}{suspects}", departure.declared
            )
    if refused:
        raise Blocked("ADM-03", f"refused: {', '.join(refused[:3])}")


@requirement(
    "ADM-05",
    why="Right after LWS is installed the server answers Forbidden, as its quota does not know the type yet.",
    fix="Apply the set again after some minutes; if it goes on, see the log of kube-controller-manager.",
    needs=(Capability.DRY_RUN,),
)
def test_quota_knows_sets(deployed: Deployed) -> Outcomes:
    """Creating a LeaderWorkerSet MUST be possible once the quota controller knows the type."""
    offered = [one for one in deployed.admissions if is_leader_worker_set(one.document) and one.served]
    if not deployed.leader_worker_sets:
        raise NotApplicable("the set has no LeaderWorkerSet")
    deployed.installation.need_definition()
    for admission in offered:
        if (error := admission.error) is not None and unknown_to_quota(error):
            yield Finding(
                admission.document.root,
                f"{error.message} (asked again for {admission.waited_s:.0f} s)",
                "a quota that knows the type within two minutes",
            )


@requirement(
    "ADM-06",
    why="What was tested is not what runs.",
    fix="Apply the set again, or take the change over into the manifests.",
)
def test_on_the_cluster_as_declared(declared_object: DeclaredObject) -> Outcomes:
    """The objects on the cluster MUST equal the set in every field that the set declares."""
    document, deployed = declared_object.document, declared_object.deployed
    if document.kind == "StorageClass":
        raise NotApplicable("VOL-03 compares it")
    if is_leader_worker_set(document):
        deployed.installation.need_definition()
    if declared_object.refused:
        raise Blocked("ADM-03", declared_object.refused)
    live = declared_object.live
    if live is None:
        if document.kind == "Job" and not deployed.own:
            raise NotApplicable("Jobs may be removed when they are done (DLJ-01 judges that)")
        yield Finding(document.root, "it is not on the cluster", f"{document.title} in {declared_object.where}")
        return
    for departure in declared_object.departures(live):
        yield Finding(
            document.at(*departure.path), f"on the cluster: {departure.found or 'absent'}", departure.declared
        )
