"""PRB: probes."""

from functools import partial

from seatrial.finding import Finding, NotApplicable
from seatrial.knowledge.sglang import behaviour
from seatrial.requirement import Outcomes, requirement
from seatrial.storage import model
from seatrial.workload.probes import Probe, is_loopback, probe, probes, startup_budget
from seatrial.workload.serving import Group, Role

SHORTEST_BUDGET_S = 1200
PATIENT_TIMEOUT_S = 5
GENERATE = "/health_generate"
HEALTH = ("/health", GENERATE)
MODEL = "deepseek-671b"


@requirement(
    "PRB-01",
    why="The pod counts as ready and the Service has endpoints while 641 GiB are still loading.",
    fix="Add a readinessProbe: httpGet on /health, timeoutSeconds 10.",
)
def test_leader_has_a_readiness_probe(group: Group) -> Outcomes:
    """The leader MUST have a readinessProbe."""
    container = group.leader.container
    if probe(container, "readinessProbe") is None:
        yield Finding(container, f"container {container['name'].text} has no readinessProbe", "a readinessProbe")


@requirement(
    "PRB-02",
    why="Nothing answers there: the pod never gets ready, or is killed again and again.",
    fix="Probe the port that SGLang listens on.",
)
def test_probes_use_the_listening_port(group: Group) -> Outcomes:
    """A probe of the leader MUST use the port the leader listens on."""
    leader = group.leader
    found = [(one, node) for one in probes(leader.container) if (node := one.port_node) is not None]
    if not found:
        raise NotApplicable("the leader has no HTTP or TCP probe")
    for one, node in found:
        if one.port != leader.port:
            seen = f"{one.kind} on {node.raw}" if one.port is not None else f"no port is called {node.raw}"
            yield Finding(node, seen, f"{leader.port}, on which the leader listens")


@requirement(
    "PRB-03",
    why="A path that is not served answers 404, one that needs the API key 401: the pod never gets ready.",
    fix="Probe /health: every version serves it, and it never asks for a key.",
)
def test_probe_paths_are_served(role: Role) -> Outcomes:
    """An HTTP probe path MUST be one that the image's version serves and leaves open."""
    found = [one for one in probes(role.container) if one.path is not None]
    if not found:
        raise NotApplicable(f"the {role.name} has no HTTP probe")
    for one in found:
        wrong = role.across_versions(partial(_answer, role, one), f"what {one.path} answers")
        if wrong:
            yield Finding(one.http["path"], f"{one.kind} on {one.path}: {wrong}", "/health")


def _answer(role: Role, one: Probe, version: str) -> str:
    """Why a probe's path does not answer 200 at a version; empty when it does."""
    path = one.path or ""
    is_worker = role.name == "worker"
    route = behaviour.route(version, path, is_worker)
    if route is None and not (not is_worker and path.startswith("/v1/models/")):
        return "404, it is not served"
    if route is not None and route.flag and not role.given(route.flag):
        return f"404 without --{route.flag.replace('_', '-')}"
    locked = not is_worker and role.given("api_key") and not one.has_key and behaviour.needs_key(version, path)
    return "401, because --api-key is set" if locked else ""


def _is_slow(leader: Role, path: str) -> bool:
    def answer(version: str) -> bool:
        fact = behaviour.slow_health(version, path)
        return fact is not None and not (fact.switch and _is_off(leader.variable(fact.switch)))

    return bool(leader.across_versions(answer, f"how fast {path} answers"))


def _is_off(text: str | None) -> bool:
    return (text or "").strip().lower() in ("0", "false", "no", "n")


@requirement(
    "PRB-04",
    why="The answer takes at least 1.0 s and a probe waits for 1 s by default: the pod flaps.",
    fix="Set timeoutSeconds 10.",
    source=("modelplaneai/modelplane#206", "mostlygeek/llama-swap#276"),
)
def test_health_probes_outwait_the_answer(group: Group) -> Outcomes:
    """A probe on `/health` or `/health_generate` MUST have a timeoutSeconds above 1 where the version sleeps before it
    answers.
    """
    found = [one for one in probes(group.leader.container) if one.path in HEALTH]
    short = [one for one in found if one.timeout_s <= 1]
    if found and not short:
        return
    judged = [one for one in short if _is_slow(group.leader, one.path or "")]
    for one in judged:
        yield Finding(one.timeout_place, f"{one.kind} waits 1 s for {one.path}", "timeoutSeconds above 1")
    if not judged:
        raise NotApplicable("no probe on a path that sleeps before it answers")


@requirement(
    "PRB-05",
    why="It kills the container while it loads, and one restart recreates the whole group.",
    fix="Add a startupProbe: until it succeeds the livenessProbe does not run.",
)
def test_liveness_waits_for_startup(role: Role) -> Outcomes:
    """A livenessProbe MUST be covered by a startupProbe."""
    liveness = probe(role.container, "livenessProbe")
    if liveness is None:
        raise NotApplicable(f"the {role.name} has no livenessProbe")
    if probe(role.container, "startupProbe") is None:
        yield Finding(liveness.node, f"the {role.name} has a livenessProbe and no startupProbe", "a startupProbe")


@requirement(
    "PRB-06",
    why="Reading the files alone takes 11.5 min at 1 GB/s; compiling kernels adds 10 to 30 min.",
    fix="Raise failureThreshold or periodSeconds of the startupProbe.",
    source=("sglang#9867", "sglang#29170"),
)
def test_startup_budget_covers_loading(role: Role) -> Outcomes:
    """The start-up budget SHOULD be at least 20 minutes."""
    limit = startup_budget(role)
    if limit is None:
        raise NotApplicable(f"the {role.name} has neither startupProbe nor livenessProbe")
    if limit.budget_s >= SHORTEST_BUDGET_S:
        return
    if model.served(role.group).model.name != MODEL:
        raise NotApplicable("the model is not the 671B model")
    place = limit.node["failureThreshold"]
    yield Finding(place, f"{limit.kind} gives the {role.name} {limit.budget_s} s", f"at least {SHORTEST_BUDGET_S} s")


@requirement(
    "PRB-07",
    why="Ranks above 0 answer probes on --host, which is 127.0.0.1 unless it is given: the probe fails for ever.",
    fix="Pass --host 0.0.0.0 to the workers and probe their --port, or remove the probe.",
)
def test_worker_probes_reach_a_server(group: Group) -> Outcomes:
    """An HTTP probe on a worker MUST be backed by a listen address that is not loopback."""
    worker = group.worker
    found = [one for one in probes(worker.container) if one.port_node is not None] if worker else []
    if worker is None or not found:
        raise NotApplicable("no worker has an HTTP or TCP probe")
    for one in found:
        if is_loopback(worker.host):
            yield Finding(one.node, f"{one.kind}, and the worker listens on {worker.host}", "--host 0.0.0.0")
        elif one.port != worker.port:
            yield Finding(one.node, f"{one.kind} on port {one.port}", f"{worker.port}, on which the worker listens")


@requirement(
    "PRB-08",
    why="Under load the answer waits for the scheduler, up to 20 s by default.",
    fix="Set timeoutSeconds 10.",
)
def test_health_probes_are_patient(group: Group) -> Outcomes:
    """A probe on `/health` SHOULD have a timeoutSeconds of at least 5.

    `/health_generate` generates a token in every version.
    """
    found = [one for one in probes(group.leader.container) if one.path in HEALTH]
    short = [one for one in found if one.timeout_s < PATIENT_TIMEOUT_S]
    if found and not short:
        return
    judged = [one for one in short if one.path == GENERATE or _is_slow(group.leader, "/health")]
    for one in judged:
        seen = f"{one.kind} waits {one.timeout_s} s for {one.path}"
        yield Finding(one.timeout_place, seen, f"timeoutSeconds {PATIENT_TIMEOUT_S} or more")
    if not judged:
        raise NotApplicable("no probe on a path that waits for the scheduler")


@requirement(
    "PRB-09",
    why="OrderedReady starts pod 1 when pod 0 is ready, and rank 0 is ready when all ranks have joined.",
    fix="Set podManagementPolicy Parallel.",
)
def test_ranks_start_in_parallel(group: Group) -> Outcomes:
    """A multi-node StatefulSet with a readiness probe MUST start its pods in parallel."""
    spec = group.document["spec"]
    waits = any(one.kind != "livenessProbe" for one in probes(group.leader.container))
    if group.lws is not None or group.document.kind != "StatefulSet" or group.size == 1 or not waits:
        raise NotApplicable(f"{group.title} is no StatefulSet of several ranks that waits for readiness")
    policy = spec["podManagementPolicy"]
    if policy.text != "Parallel":
        yield Finding(policy, f"podManagementPolicy {policy.text or 'OrderedReady, the default'}", "Parallel")
