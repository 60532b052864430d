"""SVC: Services and routes."""

from collections.abc import Iterable, Iterator

from seatrial.finding import CannotTell, Finding, NotApplicable, Place
from seatrial.knowledge.sglang import behaviour
from seatrial.lws import keys
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.network import routing
from seatrial.network.outside import is_declared, outside
from seatrial.network.routes import Backend, granted, has_port, routes, timeout
from seatrial.network.routing import ApiService, api_services, is_headless
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.leader_worker_set import LeaderWorkerSet
from seatrial.workload.pods import behind
from seatrial.workload.service_links import link_names, names_of
from seatrial.workload.serving import Group, Role, groups

RIGHT_SELECTOR = f'{keys.NAME} and {keys.WORKER_INDEX}: "0"'
LONG_ANSWER_S = 600


@requirement(
    "SVC-01",
    why="The Service has no endpoints: connection refused.",
    fix=f"Select the leaders of every group by {RIGHT_SELECTOR}.",
)
def test_selector_matches_pods(api_service: ApiService) -> Outcomes:
    """The API Service's selector MUST match at least one pod of the LeaderWorkerSet."""
    if not api_service.manifests.leader_worker_sets:
        raise NotApplicable("the set has no LeaderWorkerSet")
    if not api_service.leader_worker_sets and api_service.pods:
        raise NotApplicable("it leads to a workload without LeaderWorkerSet")
    if not _matched(api_service):
        pairs = ", ".join(f"{key}: {value}" for key, value in api_service.selector.mapping.items())
        yield Finding(api_service.selector, f"no pod has the labels {pairs}", "labels that pods of the set have")


def _matched(service: ApiService) -> bool:
    return any(service.selects(pod.labels) for lws in service.leader_worker_sets for pod in lws.pods)


def _led_to(service: ApiService) -> list[LeaderWorkerSet]:
    """The sets a Service is meant for. Raises NotApplicable for a workload without LeaderWorkerSet."""
    if not service.leader_worker_sets:
        raise NotApplicable("it leads to no LeaderWorkerSet of the set (SVC-01 judges that)")
    return service.leader_worker_sets


@requirement(
    "SVC-02",
    why="Ranks above 0 serve a dummy server: /health is green, /v1 answers 404 or is refused.",
    fix=f'Add {keys.WORKER_INDEX}: "0" to the selector, or a label that only the leader template has.',
)
def test_selector_matches_no_worker(api_service: ApiService) -> Outcomes:
    """The API Service MUST NOT select workers."""
    served = {id(group.document) for group in groups(api_service.manifests)}
    sets = [lws for lws in _led_to(api_service) if id(lws.document) in served]
    if not sets:
        raise NotApplicable("whether workers of another engine serve is not judged")
    workers = [pod.name for lws in sets for pod in lws.pods if pod.role == "worker" and api_service.selects(pod.labels)]
    if workers:
        yield Finding(api_service.selector, f"selects {', '.join(workers[:3])}", "leaders only")


@requirement(
    "SVC-03",
    why="Label pod-index is the number of the group on a leader, so its value 0 reaches group 0 and no other.",
    fix=f"Select by {RIGHT_SELECTOR}, or by a label that only the leader template has.",
)
def test_selector_matches_every_leader(api_service: ApiService) -> Outcomes:
    """The API Service MUST select the leader of every group, for any number of replicas."""
    selector = api_service.selector
    by_group = next((key for key in (keys.POD_INDEX, keys.GROUP_INDEX) if selector[key].exists), None)
    for lws in _led_to(api_service):
        leaders = [pod for pod in lws.pods if pod.role == "leader"]
        missed = [pod for pod in leaders if not api_service.selects(pod.labels)]
        if not missed or not (by_group or _matched(api_service)):
            continue
        names = [key for key in selector.mapping if missed[-1].labels.get(key) != selector[key].text]
        key = by_group or next(iter(names), "")
        bites = "now" if any(pod.group_index < lws.replicas for pod in missed) else "with more than one replica"
        observed = f"{key}: {selector[key].text} is not on the leader {missed[-1].name}"
        yield Finding(selector[key], observed, f"labels of every leader; it bites {bites}")


@requirement(
    "SVC-04",
    why="Connection refused.",
    fix="Give targetPort the number of the leader's --port, or the name of a container port with that number.",
)
def test_target_port_is_the_leader_s_port(api_service: ApiService) -> Outcomes:
    """The API Service's targetPort MUST be the port the leader listens on."""
    if not api_service.groups:
        raise NotApplicable("it leads to no SGLang group")
    for group in api_service.groups:
        ports = [port for port in api_service.ports if (port["protocol"].text or "TCP") == "TCP"]
        targets = [_target(port, group.leader.template) for port in ports]
        unknown = [port for port, number in zip(ports, targets, strict=True) if number is None]
        for port in unknown:
            name = port["targetPort"].raw
            yield Finding(port["targetPort"], f"no container of the leader has a port named {name}", "a declared port")
        if _is_for_rendezvous(api_service, group, targets):
            yield NotApplicable("it is for the rendezvous; another Service leads to the API")
        elif not unknown and not any(number in _listening(group.leader) for number in targets):
            for port, number in zip(ports, targets, strict=True):
                expected = f"{group.leader.port}, where the leader of {group.title} listens"
                yield Finding(_target_place(port), f"targetPort {number}", expected)


def _is_for_rendezvous(service: ApiService, group: Group, targets: list[int | None]) -> bool:
    """Whether a Service opens the rendezvous port and nothing else, beside one for the API."""
    port = str(group.leader.value("dist_init_addr", "")).rpartition(":")[2]
    others = [other for other in api_services(service.manifests) if other is not service and group in other.groups]
    return bool(targets) and bool(others) and {str(target) for target in targets} == {port}


def _target(port: Node, template: PodTemplate) -> int | None:
    """The number behind targetPort; None for a name that no container of the template declares."""
    target = port["targetPort"]
    if not target.raw:
        return port["port"].integer or 0
    if target.text is None:
        return target.integer or 0
    declared = (each for container in template.containers for each in container["ports"])
    return next((each["containerPort"].integer for each in declared if each["name"].text == target.text), None)


def _target_place(port: Node) -> Node:
    return port["targetPort"] if port["targetPort"].exists else port["port"]


def _listening(leader: Role) -> set[int]:
    """The engine's port, and those of other containers beside it, such as a proxy in front of it."""
    others = [container for container in leader.template.containers if container.path != leader.container.path]
    declared = {port["containerPort"].integer or 0 for container in others for port in container["ports"]}
    return {leader.port} | declared - {0}


@requirement(
    "SVC-05",
    why="Selectors do not cross namespaces: the Service has no endpoints.",
    fix="Put the Service into the LeaderWorkerSet's namespace.",
)
def test_service_is_in_the_namespace_of_its_pods(api_service: ApiService) -> Outcomes:
    """The API Service MUST be in the LeaderWorkerSet's namespace."""
    sets = _led_to(api_service)
    homes = sorted({lws.namespace for lws in sets})
    if api_service.namespace not in homes:
        place = api_service.document.at("metadata", "namespace")
        yield Finding(place, f"namespace {api_service.namespace}", f"{homes[0]}, the namespace of {sets[0].title}")


@requirement(
    "SVC-06",
    why="LWS creates its headless Service only if no Service has that name, so leader names do not resolve.",
    fix="Rename the Service, for example to <name>-api.",
    source="lws.x-k8s.io: networking of a LeaderWorkerSet",
)
def test_no_service_takes_the_name_of_the_headless_one(lws: LeaderWorkerSet) -> Outcomes:
    """A user Service MUST NOT have the name of the LeaderWorkerSet in its namespace."""
    manifests = lws.manifests
    for service in manifests.of_kind("Service", group=""):
        if manifests.namespace(service) != lws.namespace or routing.is_made_by_controller(service):
            continue
        if service.name == lws.name or _is_group_name(service.name, lws):
            place = service.at("metadata", "name")
            yield Finding(
                place, f"Service {service.name}", f"a name that {lws.title} does not need for its own Service"
            )


def _is_group_name(name: str, lws: LeaderWorkerSet) -> bool:
    """Whether a name is that of the Service of one group, which exist with their own subdomains only."""
    prefix, _, number = name.rpartition("-")
    return (
        lws.spec.at("networkConfig", "subdomainPolicy").text == "UniquePerReplica"
        and prefix == lws.name
        and number.isascii()
        and number.isdigit()
        and (number == "0" or number[0] != "0")
    )


@requirement(
    "SVC-07",
    why="A generic label also matches the leaders of other sets.",
    fix=f"Add the label {keys.NAME} with the set's name to the selector.",
)
def test_selector_names_the_set(api_service: ApiService) -> Outcomes:
    """The API Service's selector SHOULD name the LeaderWorkerSet."""
    names = [lws.name for lws in _led_to(api_service)]
    if not api_service.selector[keys.NAME].exists:
        observed = ", ".join(api_service.selector.mapping)
        yield Finding(api_service.selector, f"selects by {observed}", f"{keys.NAME}: {names[0]} among the labels")


@requirement(
    "SVC-08",
    why="Workers wait for a name that appears only when the leader, which waits for the workers, is ready.",
    fix="Set publishNotReadyAddresses: true.",
    source="sglang#5553",
)
def test_rendezvous_service_publishes_not_ready_addresses(deployment: ManifestSet) -> Outcomes:
    """A headless Service that group members use for rendezvous MUST publish not-ready addresses."""
    services = [service for group in groups(deployment) for service in _rendezvous_services(group)]
    if not services:
        raise NotApplicable("no group meets through a headless Service of the set")
    for service in {id(service): service for service in services}.values():
        field = service.at("spec", "publishNotReadyAddresses")
        if field.raw is not True:
            yield Finding(field, f"publishNotReadyAddresses is {field.raw or 'false'}", "true")


def _rendezvous_services(group: Group) -> Iterator[Document]:
    names = []
    if group.document.kind == "StatefulSet" and group.size > 1:
        names.append((group.document.at("spec", "serviceName").text or "", group.namespace))
    if group.leader.launch.argv is not None:
        host = str(group.leader.value("dist_init_addr", "")).rpartition(":")[0]
        labels = [*host.split("."), "", ""]
        names += [(labels[0], labels[1] or group.namespace), (labels[1], labels[2] or group.namespace)]
    for name, namespace in names:
        service = group.manifests.find("Service", name, namespace) if name else None
        if service and is_headless(service) and not routing.is_made_by_controller(service):
            yield service


@requirement(
    "SVC-09",
    why="The API has no protection of its own against the world outside the cluster; exposing it is another decision.",
    fix="Use type ClusterIP, and a route with authentication for what has to come from outside.",
)
def test_service_stays_inside_the_cluster(api_service: ApiService) -> Outcomes:
    """The API Service SHOULD be of type ClusterIP."""
    kind = api_service.document.at("spec", "type")
    if kind.raw not in (None, "ClusterIP"):
        yield Finding(kind, f"type {kind.raw}", "ClusterIP")


@requirement(
    "SVC-10",
    why="The kubelet sets such a variable to tcp://ADDRESS:PORT, and the engine reads it as a number.",
    fix="Rename the Service, or set enableServiceLinks: false in every template of the group.",
    source=("sglang#4527", "sglang#4528"),
)
def test_service_links_do_not_collide(group: Group) -> Outcomes:
    """A Service in the namespace of the group MUST NOT be named so that its injected env collides with an engine
    variable."""
    linked = [role for role in group.roles if role.template.spec["enableServiceLinks"].boolean is not False]
    if not linked:
        raise NotApplicable("enableServiceLinks is false")
    for place, names in _links(group):
        for name in names:
            reader = next((role for role in linked if _reads(role, name)), None)
            if reader is not None:
                why = _effect(reader, name)
                yield Finding(place, f"it injects {name}", "a name that the engine ignores", why)


def _reads(role: Role, name: str) -> bool:
    """Whether an injected variable arrives in the engine, unless the manifest sets it, and the engine reads it."""

    def reads(version: str) -> bool:
        return any(row.variable == name for row in behaviour.link_variables(version))

    by_hand = any(entry["name"].text == name for entry in role.container["env"])
    return not by_hand and bool(role.across_versions(reads, f"whether the engine reads {name}"))


def _effect(role: Role, name: str) -> str:
    """What SGLang does with the address; empty when versions that do different things come into question."""
    rows = behaviour.link_variables(role.version) if role.version else ()
    effect = next((row.effect for row in rows if row.variable == name), None)
    return f"SGLang {role.version} reads the address {name}=tcp://...: {effect}." if effect else ""


def _links(group: Group) -> Iterator[tuple[Place, Iterable[str]]]:
    """The Services whose variables the group's pods get, those of the set and those that the target states."""
    manifests = group.manifests
    for service in manifests.of_kind("Service", group=""):
        external = service.at("spec", "type").text == "ExternalName"
        if manifests.namespace(service) == group.namespace and not external and not is_headless(service):
            yield service.at("metadata", "name"), link_names(service)
    for existing in manifests.target.get("existing.services") or ():
        if (existing.namespace or manifests.default_namespace) == group.namespace:
            yield manifests.target.place("existing.services"), names_of(existing.name)


@requirement(
    "SVC-11",
    why="The route looks right and answers 503.",
    fix="Name a Service of the set and one of its ports, or state a Service outside the set under existing.services.",
)
def test_backends_exist(deployment: ManifestSet) -> Outcomes:
    """Every backend of an Ingress or HTTPRoute MUST be a Service and port of the set."""
    backends = [backend for route in routes(deployment) for backend in route.backends]
    if not backends:
        raise NotApplicable("the set has no Ingress and no HTTPRoute with a backend")
    for backend in backends:
        yield from _backend(deployment, backend)


def _backend(deployment: ManifestSet, backend: Backend) -> Outcomes:
    name, namespace = backend.name.text or "", backend.namespace
    if backend.kind != "Service":
        if deployment.find(backend.kind, name, namespace) is None:
            yield CannotTell(
                f"whether {backend.title}, a backend of {backend.route.title}, leads to the API",
                f"add {backend.title} to the set",
            )
        return
    service = deployment.find("Service", name, namespace, group="")
    if service is None:
        port = str(backend.port.raw) if backend.port.raw is not None else None
        yield from outside(deployment, backend.name, namespace, port)
    elif not has_port(service, backend.port):
        ports = ", ".join(str(port["port"].raw) for port in service.at("spec", "ports"))
        yield Finding(backend.port, f"port {backend.port.raw} of {service.title}", f"one of its ports: {ports}")
    elif not granted(deployment, backend):
        yield Finding(backend.name, f"{service.title} of namespace {namespace}", "a ReferenceGrant in that namespace")


@requirement(
    "SVC-12",
    why="The defaults of gateways cut a stream after seconds to minutes.",
    fix='HTTPRoute: timeouts.request: 0s; ingress-nginx: nginx.ingress.kubernetes.io/proxy-read-timeout: "3600".',
)
def test_routes_wait_for_long_answers(deployment: ManifestSet) -> Outcomes:
    """An HTTPRoute or Ingress in front of the API SHOULD carry an explicit request timeout long enough for a long
    reasoning answer."""
    apis = {(service.namespace, service.name) for service in api_services(deployment)}
    leading = [
        route
        for route in routes(deployment)
        if any(each.kind == "Service" and (each.namespace, each.name.text) in apis for each in route.backends)
    ]
    if not leading:
        raise NotApplicable("no Ingress and no HTTPRoute leads to the API")
    for route in leading:
        found = timeout(route, deployment.target)
        if found is None:
            yield CannotTell(
                f"which time-out the controller behind {route.document.title} applies",
                'seatrial.toml: [gateway] controller = "nginx"',
            )
        elif found[1] is None or found[1] < LONG_ANSWER_S:
            place, seconds = found
            observed = "no time-out" if seconds is None else f"{seconds:g} s"
            yield Finding(place, observed, f"at least {LONG_ANSWER_S} s, or none (a threshold of this project)")


@requirement(
    "SVC-13",
    why="The leader's name does not resolve, and no rank finds it.",
    fix="Add a headless Service (clusterIP: None) that selects the pods, and name it in serviceName.",
    source="sglang#5553",
)
def test_stateful_set_has_its_headless_service(deployment: ManifestSet) -> Outcomes:
    """The `serviceName` of a multi-node StatefulSet MUST name a headless Service of the set that selects its pods."""
    stateful = [group for group in groups(deployment) if group.document.kind == "StatefulSet" and group.size > 1]
    if not stateful:
        raise NotApplicable("no StatefulSet of the set spans nodes")
    for group in stateful:
        field = group.document.at("spec", "serviceName")
        service = deployment.find("Service", field.text or "", group.namespace, group="") if field.text else None
        if service is None and is_declared(deployment, field.text or "", group.namespace):
            yield CannotTell(
                f"whether Service {field.text}, which is outside the set, is headless and selects the pods"
            )
        elif service is None:
            yield Finding(field, f"no Service {field.text}" if field.text else "no serviceName", "a headless Service")
        elif not is_headless(service):
            yield Finding(service.at("spec", "clusterIP"), f"{service.title} has a cluster address", "clusterIP: None")
        elif not any(pod.template.document is group.document for pod in behind(deployment, service)):
            yield Finding(service.at("spec", "selector"), f"selects no pod of {group.title}", "the pods' labels")


@requirement(
    "SVC-14",
    why="LWS creates no Service for leaders, and its headless Service leads to workers as well.",
    fix=f"Add a Service that selects {RIGHT_SELECTOR}.",
    source="lws#689",
)
def test_api_has_a_service(lws: LeaderWorkerSet) -> Outcomes:
    """A LeaderWorkerSet that serves an API MUST come with a Service for its leaders."""
    group = next((group for group in groups(lws.manifests) if group.lws is lws), None)
    if group is None:
        raise NotApplicable(f"{lws.title} does not run SGLang")
    if any(lws in service.leader_worker_sets for service in api_services(lws.manifests)):
        return
    if _headless_for_leaders(lws) or _pool_for_leaders(lws):
        return
    if group.leader.launch.argv is not None and group.leader.value("disaggregation_mode") in ("prefill", "decode"):
        raise NotApplicable("prefill and decode groups are reached through their router")
    if lws.manifests.target.get("existing.services"):
        raise CannotTell(
            "whether one of the Services outside the set selects the leaders", "add the API's Service to the set"
        )
    yield Finding(lws.document["kind"], "no Service of the set selects its leaders", "a Service for the API")


def _headless_for_leaders(lws: LeaderWorkerSet) -> bool:
    return any(
        service.name != lws.name and any(pod.lws is lws and pod.is_leader for pod in behind(lws.manifests, service))
        for service in lws.manifests.of_kind("Service", group="")
    )


def _pool_for_leaders(lws: LeaderWorkerSet) -> bool:
    """Whether an InferencePool of the Gateway API's inference extension takes the place of a Service."""
    for pool in lws.manifests.of_kind("InferencePool"):
        selector = pool.at("spec", "selector")
        wanted = (selector["matchLabels"] if selector["matchLabels"].exists else selector).texts
        if wanted and any(pod.role == "leader" and wanted.items() <= dict(pod.labels).items() for pod in lws.pods):
            return lws.manifests.namespace(pool) == lws.namespace
    return False
