"""GRP: how groups are formed: pods, StatefulSets, Services, labels, ownership, nodes."""

from seatrial.clusters.capability import Capability
from seatrial.finding import Blocked, CannotTell, Finding, NotApplicable
from seatrial.live import gangs, injected, marks, ownership, placement, replaced, status
from seatrial.live.group import LiveGroup, is_ready
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet, Standing
from seatrial.live.obstacles import not_made
from seatrial.live.resources import LEADER_WORKER_SETS, SERVICES
from seatrial.live.serving import engine, role_of, status_of
from seatrial.lws import keys
from seatrial.lws.naming import child_names
from seatrial.lws.reading import at
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.pod_index import pod_index_uses

SHAPE = (("serviceName",), ("podManagementPolicy",), ("ordinals", "start"))
"""Fields of a StatefulSet's spec on which the names of its pods depend, and that they all start at once."""


@requirement(
    "GRP-01",
    why="A set that is not available serves with fewer groups than were paid for, or not at all.",
    fix="Follow the pods that are not ready: their events and logs say what they wait for.",
    source="lws#705",
)
def test_available(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """The LeaderWorkerSet MUST be Available with all replicas ready and up to date."""
    live_lws.require(Standing.PLACED)
    for path, observed, expected in status.departures(live_lws):
        yield Finding(live_lws.place("status", *path), observed, expected)
    for group in live_lws.groups:
        unready = [pod.name for pod in group.pods if not is_ready(pod)]
        gone = sorted(set(group.names) - {pod.name for pod in group.pods})
        if unready or gone:
            parts = [
                f"{word}: {', '.join(names[:5])}" for word, names in (("not ready", unready), ("absent", gone)) if names
            ]
            yield Finding(live_lws.place(), f"group {group.index}, {'; '.join(parts)}", "every pod Ready")


@requirement(
    "GRP-02",
    why="A missing pod is a missing rank, for which the others wait for ever.",
    fix="See the events of the LeaderWorkerSet and its StatefulSets: they say why a pod is not created.",
    source="lws#391",
)
def test_every_pod(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Every group MUST have exactly `size` pods, with group indices 0 to replicas-1 and worker indices 0 to size-1."""
    told = not_made(live_lws.deployed, live_lws.namespace) if any(group.lacking for group in live_lws.groups) else {}
    for group in live_lws.groups:
        if not group.wanted:
            names = ", ".join(pod.name for pod in group.pods[:3])
            yield Finding(live_lws.place(), f"group {group.index} is there: {names}", f"{live_lws.replicas} groups")
            continue
        parts = [f"lacks {', '.join(group.lacking[:5])}"] * bool(group.lacking)
        parts += [f"has {', '.join(group.surplus[:5])} too much"] * bool(group.surplus)
        if parts:
            reason = told.get(group.leader_name) or told.get(live_lws.name) if group.lacking else None
            observed = f"group {group.index} has {len(group.pods)} of {len(group.names)} pods: {', '.join(parts)}"
            yield Finding(
                live_lws.place(), f"{observed} ({reason})" if reason else observed, f"{len(group.names)} pods"
            )
    for stray in live_lws.strays:
        yield Finding(stray.place("metadata", "labels"), f"it is called {stray.name}", f"a pod of a {live_lws.title}")


@requirement(
    "GRP-03",
    why="StatefulSets that breed StatefulSets fill the cluster; one that is missing leaves its pods without repair.",
    fix="Use Kubernetes 1.27 or later; delete the leader pod of a group that lacks its StatefulSet.",
    source=("lws#391", "lws#435", "lws#385"),
)
def test_number_of_stateful_sets(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """The number of StatefulSets of a LeaderWorkerSet MUST be 1 + replicas (1 for size 1)."""
    by_group = {group.leader_name: group for group in live_lws.groups if group.expansion.stateful_set is not None}
    found = live_lws.stateful_sets_by_name
    for name, one in found.items():
        if name != live_lws.name and name not in by_group:
            yield Finding(one.place(), f"{one.title} is there", f"{1 + len(by_group)} StatefulSets")
    lacking = [group for name, group in by_group.items() if name not in found]
    for group in lacking:
        if group.formed and group.workers:
            yield Finding(live_lws.place(), f"StatefulSet/{group.leader_name} is not there", "one for each group")
    if live_lws.name not in found and live_lws.pods:
        yield Finding(live_lws.place(), f"StatefulSet/{live_lws.name} is not there", "one for the leaders")
    live_lws.require(Standing.FORMED)


@requirement(
    "GRP-04",
    why="Selectors, ranks and the repair of groups hang on these labels.",
    fix="Delete the group's leader pod: the controller makes the group anew. Then see what else changes labels.",
)
def test_labels_and_annotations(live_group: LiveGroup) -> Outcomes:
    """Labels and annotations of every group pod MUST be those that LWS defines."""
    _need_pods(live_group)
    for wrong in marks.wrong_marks(live_group):
        place = wrong.pod.place("metadata", wrong.field, wrong.key)
        yield Finding(place, _or_absent(wrong.found), _or_absent(wrong.expected))


def _or_absent(value: object) -> str:
    return "absent" if value is None else f"`{value}`"


def _need_pods(group: LiveGroup) -> None:
    """Raises Blocked where there is nothing to look at, or nothing that should be there."""
    if not group.wanted:
        group.require(Standing.FORMED)
    if not group.pods:
        group.require(Standing.READY)


@requirement(
    "GRP-05",
    why="A rank or selector that is read from an absent label is empty.",
    fix="Upgrade the cluster to Kubernetes 1.28, or read label leaderworkerset.sigs.k8s.io/worker-index instead.",
)
def test_pod_index(live_group: LiveGroup) -> Outcomes:
    """Label `apps.kubernetes.io/pod-index` MUST exist on group pods wherever the set reads it."""
    lws = live_group.lws
    if not any(pod_index_uses(lws.declared)):
        raise NotApplicable("nothing in the set reads the label")
    version = lws.deployed.kubernetes
    if version is not None and version.minor < keys.POD_INDEX_KUBERNETES:
        raise Blocked("ADM-01", f"Kubernetes {version} does not set it")
    _need_pods(live_group)
    for pod, expected in live_group.paired():
        wanted = str(expected.group_index if expected.role == "leader" else expected.worker_index)
        found = pod.labels.get(keys.POD_INDEX)
        if found != wanted:
            yield Finding(pod.place("metadata", "labels", keys.POD_INDEX), _or_absent(found), f"`{wanted}`")


@requirement(
    "GRP-06",
    why="The names are DNS names here: with another subdomain no rank finds its leader.",
    fix="Delete the StatefulSet: the controller makes it anew. Then see what else changes it.",
)
def test_names(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """StatefulSets and pods MUST have the names and ordinals that LWS defines."""
    live_lws.require(Standing.FORMED)
    made = [live_lws.expansion.leader_stateful_set]
    for group in live_lws.groups:
        made += [group.expansion.stateful_set] if group.expansion.stateful_set is not None else []
        for pod, expected in group.paired():
            for field, wanted in (("hostname", expected.hostname), ("subdomain", expected.subdomain)):
                if pod.at("spec", field) != wanted:
                    yield Finding(pod.place("spec", field), f"{pod.at('spec', field) or 'absent'}", wanted)
    for expected_set in made:
        found = live_lws.stateful_sets_by_name.get(expected_set["metadata"]["name"])
        if found is None:
            continue  # GRP-03 judges that
        for path in SHAPE:
            there, wanted = found.at("spec", *path), at(expected_set, "spec", *path)
            if there != wanted:
                yield Finding(found.place("spec", *path), _or_absent(there), _or_absent(wanted))


@requirement(
    "GRP-07",
    why="Groups are recreated and deleted through ownership: what is not owned stays, and what is owned wrongly goes.",
    fix="Delete the object: its controller makes it anew with the right owner.",
)
def test_owners(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """The owner chain MUST be intact."""
    live_lws.require(Standing.FORMED)
    for wrong in ownership.wrong_owners(live_lws):
        yield Finding(
            wrong.owned.place("metadata", "ownerReferences"), wrong.found, f"{wrong.owner.title}, controlling"
        )


@requirement(
    "GRP-08",
    why="Without it no leader's name resolves; LWS makes none where another Service of that name exists.",
    fix="Give a Service of yours another name than the LeaderWorkerSet's, and delete it: LWS then makes its own.",
)
def test_headless_service(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """The headless Service of the group MUST exist, be made by LWS and publish not-ready addresses."""
    found = {one.name: one for one in live_lws.deployed.view.all(SERVICES, live_lws.namespace)}
    for name, wanted in live_lws.expected_services.items():
        service = found.get(name)
        if service is None:
            yield Finding(live_lws.place(), f"Service/{name} is not there", "a headless Service of that name")
            continue
        owner, made_for = service.owner or {}, wanted["metadata"]["ownerReferences"][0]
        if (owner.get("kind"), owner.get("name")) != (made_for["kind"], made_for["name"]):
            yield Finding(service.place("metadata", "ownerReferences"), "it was not made by LWS", "LWS' own Service")
        for field, value in wanted["spec"].items():
            if service.at("spec", field) != value:
                yield Finding(service.place("spec", field), f"{service.at('spec', field) or 'absent'}", f"{value}")
    live_lws.require(Standing.FORMED)


@requirement(
    "GRP-09",
    why="The layout counts one node for each pod; on one node they share its GPUs and links.",
    fix="Ask for all GPUs of a node, or spread the group: podAntiAffinity on kubernetes.io/hostname.",
)
def test_one_node_for_each_pod(live_group: LiveGroup) -> Outcomes:
    """The pods of one group MUST run on different nodes."""
    live_group.require(Standing.PLACED)
    _need_pods(live_group)
    for crowd in placement.crowds(live_group):
        purpose = placement.on_purpose(live_group.lws.deployed, crowd)
        if purpose:
            yield NotApplicable(purpose)
        else:
            names = ", ".join(pod.name for pod in crowd.pods)
            yield Finding(crowd.pods[0].place("spec", "nodeName"), f"{names} on node {crowd.node}", "a node for each")


@requirement(
    "GRP-10",
    why="A tag that was pushed again gives the ranks different builds of NCCL, and they hang.",
    fix="Name the image by digest.",
    source=("sglang#23603", "sglang#6465"),
    needs=(Capability.CONTAINERS,),
)
def test_one_build(live_group: LiveGroup) -> Outcomes:
    """All pods of one group MUST run the same image build."""
    serving = engine(live_group.lws)
    live_group.require(Standing.PLACED)
    _need_pods(live_group)
    builds: dict[str, list[str]] = {}
    for pod, expected in live_group.paired():
        role = role_of(serving, expected.worker_index)
        build = str(status_of(pod, role.container["name"].text or "").get("imageID") or "")
        builds.setdefault(build.rpartition("@")[2], []).append(pod.name)
    waiting = builds.pop("", [])
    if len(builds) > 1:
        shown = "; ".join(f"{', '.join(names[:3])}: {build}" for build, names in builds.items())
        yield Finding(live_group.lws.place(), f"group {live_group.index}, {shown}", "one digest")
    elif waiting:
        live_group.require(Standing.READY)
        raise CannotTell(f"the kubelet does not say which build {', '.join(waiting[:3])} runs", "")


@requirement(
    "GRP-11",
    why="A proxy between the ranks hangs NCCL, and nobody asked for its cpu and memory.",
    fix='Keep injectors away: label sidecar.istio.io/inject: "false", or what your mesh has for it.',
    source="nccl#1638",
)
def test_no_foreign_container(live_group: LiveGroup) -> Outcomes:
    """A group pod MUST NOT contain a container that the set does not declare."""
    _need_pods(live_group)
    for pod, path, name in injected.foreign_containers(live_group):
        what = "ephemeral container" if path[0] == "ephemeralContainers" else "container"
        yield Finding(pod.place("spec", *path), f"{what} {name}", "the containers of the template")


@requirement(
    "GRP-12",
    why="A group that is updated by half mixes flags and images.",
    fix="Delete the group's leader pod: the controller makes the group anew of one template.",
    source=("lws#225", "lws#280"),
)
def test_one_revision(live_group: LiveGroup) -> Outcomes:
    """Leader and workers of one group MUST carry the same template revision."""
    _need_pods(live_group)
    lws, workers = live_group.lws, live_group.stateful_set
    members = [pod for pod in live_group.pods if pod.name in live_group.names]
    for one in (*members, *([workers] if workers is not None else ())):
        found = one.labels.get(keys.REVISION)
        if found != live_group.revision:
            place = one.place("metadata", "labels", keys.REVISION)
            yield Finding(place, _or_absent(found), f"`{live_group.revision}`, as leader {live_group.leader_name}")
    leader = live_group.leader
    current = live_group.revision == lws.revision or not lws.revision
    if leader is not None and not current and not lws.updating and live_group.index >= lws.partition:
        place = leader.place("metadata", "labels", keys.REVISION)
        yield Finding(place, f"`{live_group.revision}`, and no update is under way", f"`{lws.revision}`")


@requirement(
    "GRP-13",
    why="Groups that hold part of their nodes each keep the others waiting, and none serves.",
    fix="See the reason: free nodes, their labels, taints, GPUs; a gang scheduler places groups whole or not at all.",
    source=("lws#167", "lws#407"),
)
def test_scheduled(live_group: LiveGroup) -> Outcomes:
    """Every pod of every group MUST be scheduled within the deadline."""
    live_group.require(Standing.FORMED)
    deployed = live_group.lws.deployed
    waiting = live_group.unplaced
    if not waiting:
        return
    due = [pod for pod in waiting if placement.is_due(deployed, pod)]
    if not due:
        raise CannotTell(
            f"{waiting[0].name} waits for a node for less than {placement.SCHEDULING_S:.0f} s", "a later run"
        )
    for reason, pods in placement.by_reason(deployed, due).items():
        placed = f"{len(live_group.pods) - len(waiting)} of {len(live_group.names)} pods are placed"
        names = ", ".join(pod.name for pod in pods[:3]) + (f" and {len(pods) - 3} more" if len(pods) > 3 else "")
        yield Finding(
            live_group.lws.place(), f"group {live_group.index}, {placed}; {names}: {reason}", "a node for each"
        )


@requirement(
    "GRP-14",
    why="An autoscaler would average over the wrong pods.",
    fix="See what else writes the status of the LeaderWorkerSet: the controller selects by name and worker-index 0.",
)
def test_selector_for_autoscalers(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """`status.hpaPodSelector` SHOULD select exactly the leaders."""
    live_lws.require(Standing.FORMED)
    selector, selected = status.selected(live_lws)
    leaders = {pod.name for pod in live_lws.leaders}
    wrong = sorted({pod.name for pod in selected} ^ leaders)
    if wrong:
        shown = f"`{selector}` selects {len(selected)} pods" if selector else "absent"
        verb = "are" if len(wrong) > 1 else "is"
        yield Finding(
            live_lws.place("status", "hpaPodSelector"),
            f"{shown}; {', '.join(wrong[:3])} {verb} wrongly in or out",
            f"the {len(leaders)} leaders",
        )


@requirement(
    "GRP-15",
    why="Without it groups are placed by half, and hold each other's nodes.",
    fix="See the controller's log and its rights for PodGroups; set schedulerName to the gang scheduler's.",
    source="lws#800",
)
def test_gang(live_group: LiveGroup) -> Outcomes:
    """With gang scheduling on, every group SHOULD have a PodGroup for all its pods."""
    _need_pods(live_group)
    live_group.require(Standing.FORMED)
    for place, observed, expected in gangs.departures(live_group):
        yield Finding(place, observed, expected)


@requirement(
    "GRP-16",
    why="A worker that was replaced alone joins a rendezvous that is over; the group answers nothing and looks well.",
    fix="Delete the group's leader pod: the group is made anew. The LWS controller was down, or raced with the loss.",
    source="lws#998",
)
def test_no_worker_replaced_alone(live_group: LiveGroup) -> Outcomes:
    """A group MUST NOT contain a worker that was replaced alone."""
    lws = live_group.lws
    if lws.restart_policy in ("None", "Default"):
        raise NotApplicable(f"restartPolicy {lws.restart_policy} replaces pods alone on purpose")
    if lws.startup_policy == "LeaderReady":
        raise NotApplicable("startupPolicy LeaderReady makes workers after the leader on purpose")
    live_group.require(Standing.FORMED)
    _need_pods(live_group)
    for worker, said in replaced.replaced_alone(live_group):
        yield Finding(worker.place(), said, "leader and workers of one start")


@requirement(
    "GRP-17",
    why="The controllers fight for the object: pods of one set are deleted for the other, again and again.",
    fix="Rename one of the sets so that its name is not the other's and a number of a group.",
)
def test_names_do_not_collide(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Names of pods and StatefulSets of two sets in one namespace MUST NOT collide."""
    there = live_lws.deployed.view.all(LEADER_WORKER_SETS, live_lws.namespace)
    own = child_names(dict(live_lws.raw), live_lws.release)
    for other in there:
        if other.name == live_lws.name:
            continue
        shared = child_names(other.raw, live_lws.release).shared_with(own)
        names = [f"{kind}/{name}" for kind, name in shared if kind in ("StatefulSet", "Pod")]
        if names:
            place = live_lws.place("metadata", "name")
            yield Finding(place, f"{', '.join(names)} would be of {other.title}, too", "names of its own")
