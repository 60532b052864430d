"""ENV: the variables that LWS injects, and what the engine was really started with."""

from seatrial.clusters.capability import Capability
from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.live import engine_log, live_service_links
from seatrial.live.group import LiveGroup
from seatrial.live.injected import LiveContainer, by_pod, declared_containers
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet, Standing
from seatrial.live.serving import engine, role_of
from seatrial.lws import keys
from seatrial.lws.releases import Fact
from seatrial.requirement import Outcomes, requirement

ANEW = "Delete the group's leader pod while the webhooks of LWS answer: the group is made anew."


def _containers(group: LiveGroup) -> list[LiveContainer]:
    """The containers of the group's pods. Raises Blocked where there are none, CannotTell."""
    if not group.wanted:
        group.require(Standing.FORMED)
    if not group.pods:
        group.require(Standing.READY)
    return list(declared_containers(group))


@requirement(
    "ENV-01",
    why="Without the address of its leader a rank has nobody to meet; with another group's it waits for ever.",
    fix=ANEW,
    source="lws#318",
)
def test_leader_address(live_group: LiveGroup) -> Outcomes:
    """Every container and init container of a group MUST have `LWS_LEADER_ADDRESS` of its own group."""
    name = keys.LEADER_ADDRESS_ENV
    found = _containers(live_group)
    for wrong in by_pod(one for one in found if one.value(name) != one.expected.leader_address):
        yield _finding(wrong, name, wrong[0].expected.leader_address)


def _finding(wrong: list[LiveContainer], name: str, expected: str) -> Finding:
    first = wrong[0]
    where = ", ".join(one.name for one in wrong)
    return Finding(first.pod.place("spec", *first.path, "env"), f"{first.shown(name)} in {where}", f"{name}={expected}")


@requirement(
    "ENV-02",
    why="With another number of nodes the ranks lay out the model differently, or wait for some that never come.",
    fix=ANEW,
)
def test_group_size(live_group: LiveGroup) -> Outcomes:
    """`LWS_GROUP_SIZE` MUST equal `size` in every container of a group."""
    name, size = keys.GROUP_SIZE_ENV, str(len(live_group.names))
    for wrong in by_pod(one for one in _containers(live_group) if one.value(name) != size):
        yield _finding(wrong, name, size)


@requirement(
    "ENV-03",
    why="Two pods of one rank, or a rank that nobody has: the rendezvous never completes.",
    fix=ANEW,
)
def test_worker_index(live_group: LiveGroup) -> Outcomes:
    """`LWS_WORKER_INDEX` MUST equal the pod's worker-index label."""
    name, stated = keys.WORKER_INDEX_ENV, live_group.lws.stated_release
    if stated is not None and not stated.has(Fact.WORKER_INDEX_ENV):
        raise NotApplicable(f"LWS {stated} does not inject it")
    for wrong in by_pod(one for one in _containers(live_group) if one.value(name) != _worker_index(one)):
        if stated is None and all(one.entry(name) is None for one in wrong):
            yield CannotTell(f"whether the LWS of this cluster injects {name}", "the release of LWS: see CTL-07")
            return
        yield _finding(wrong, name, str(_worker_index(wrong[0])))


def _worker_index(container: LiveContainer) -> str | None:
    return container.pod.labels.get(keys.WORKER_INDEX)


@requirement(
    "ENV-04",
    why="$(LWS_LEADER_ADDRESS) in the value of a variable that stands before it stays as it is written.",
    fix=ANEW,
    source="lws#152",
)
def test_injected_first(live_group: LiveGroup) -> Outcomes:
    """The injected variables MUST stand before the user's."""
    for wrong in by_pod(one for one in _containers(live_group) if one.overtaken):
        first = wrong[0]
        yield Finding(
            first.pod.place("spec", *first.path, "env"),
            f"{', '.join(first.overtaken)} behind variables of the template in {', '.join(one.name for one in wrong)}",
            "what LWS injects first",
        )


@requirement(
    "ENV-05",
    why="Only what the engine says about itself proves that labels, variables and scripts came together.",
    fix="Compare the launch line with the pod's variables: `kubectl describe pod`.",
    needs=(Capability.LOGS,),
)
def test_started_as_declared(live_group: LiveGroup) -> Outcomes:
    """Each rank MUST have been started with the topology that the set declares."""
    serving = engine(live_group.lws)
    live_group.require(Standing.PLACED)
    _containers(live_group)
    shared: dict[tuple[str, object], list[str]] = {}
    silent = []
    for pod, expected in live_group.paired():
        container = role_of(serving, expected.worker_index).container["name"].text or ""
        started = engine_log.started_with(live_group.lws.deployed.view.log(pod, container))
        if started is None:
            silent.append(pod.name)
            continue
        if started.node_rank != expected.worker_index:
            yield Finding(pod.place(), f"started with node rank {started.node_rank}", f"{expected.worker_index}")
        for name in engine_log.SHARED:
            shared.setdefault((name, getattr(started, name)), []).append(pod.name)
    for name in engine_log.SHARED:
        values = {value: pods for (field, value), pods in shared.items() if field == name}
        if len(values) > 1:
            shown = "; ".join(f"{value} in {', '.join(pods[:3])}" for value, pods in values.items())
            yield Finding(live_group.lws.place(), f"group {live_group.index}, {name}: {shown}", "the same in all ranks")
    if silent:
        yield CannotTell(f"the logs of {', '.join(silent[:3])} do not say with what the engine was started", "")


@requirement(
    "ENV-06",
    why="The variables of LWS were absent or not expanded, so that the rank has no leader.",
    fix="Write $(LWS_LEADER_ADDRESS) where Kubernetes expands it: in env, command and args, not in a script's text.",
    needs=(Capability.LOGS,),
)
def test_address_was_expanded(live_group: LiveGroup) -> Outcomes:
    """A start log MUST NOT show an unexpanded or empty leader address."""
    serving = engine(live_group.lws)
    view = live_group.lws.deployed.view
    live_group.require(Standing.PLACED)
    _containers(live_group)
    silent = []
    for pod, expected in live_group.paired():
        container = role_of(serving, expected.worker_index).container["name"].text or ""
        logs = [view.log(pod, container), view.log(pod, container, previous=True)]
        said = dict.fromkeys(words for log in logs for words in engine_log.unexpanded(log))
        for words in said:
            yield Finding(pod.place(), f"container {container}: {words}", "the leader's address and a rank")
        if not any(logs):
            silent.append(pod.name)
    if silent:
        yield CannotTell(f"{', '.join(silent[:3])} wrote no log yet", "a later run")


@requirement(
    "ENV-07",
    why="The kubelet sets such a variable to tcp://ADDRESS:PORT, and the engine reads it as a number.",
    fix="Rename the Service, or set enableServiceLinks: false in every template of the group.",
    source=("sglang#4527", "sglang#4528"),
)
def test_no_variable_of_a_service_link(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A group pod MUST NOT have an engine variable set by a Service link."""
    live_lws.require(Standing.FORMED)
    links = live_service_links.harmful_links(live_lws)
    for link in links:
        more = f" and {len(link.pods) - 1} more pods" if len(link.pods) > 1 else ""
        yield Finding(
            link.service.place("metadata", "name"),
            f"it injects {link.variable} into {link.pods[0]}{more}",
            "a name that the engine ignores",
        )
