"""CLI: clients of the API."""

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.manifest_set import ManifestSet
from seatrial.network.clients import BaseUrl, Client, clients
from seatrial.network.outside import outside
from seatrial.network.routing import ApiService
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.leader_worker_set import leader_worker_sets
from seatrial.workload.serving import Role, groups
from seatrial.workload.variables import Variable, variables

KEYS = ("OPENAI_API_KEY", "OPENAI_API_KEYS")


@requirement(
    "CLI-01",
    why="With a wrong host, port or path the client lists no model.",
    fix="Write http://SERVICE:PORT/v1; from another namespace SERVICE.NAMESPACE instead of SERVICE.",
)
def test_base_url_leads_to_the_api(deployment: ManifestSet) -> Outcomes:
    """A client's base URL SHOULD be the API Service's name and port followed by `/v1`."""
    if not groups(deployment) and not deployment.leader_worker_sets:
        raise NotApplicable("the set serves no API")
    addressed = [client for client in clients(deployment) if client.addresses]
    if not addressed:
        raise NotApplicable("no workload of the set is given a base URL")
    for client in addressed:
        for variable in client.addresses:
            if variable.text is None:
                yield CannotTell(
                    f"the value of {variable.name} of {client.document.title}: it comes from {variable.origin}",
                    f"a literal value, or {variable.origin.partition(',')[0]} in the set",
                )
        urls = list(client.urls())
        reaches = any(client.api_of(url) for url in urls)
        for url in urls:
            yield from _url(client, url, reaches)


def _url(client: Client, url: BaseUrl, reaches: bool) -> Outcomes:
    service = client.api_of(url)
    if service is not None:
        yield from _port_and_path(url, service)
    elif url.service is None:
        if not reaches:  # a client of this API may use others beside it
            yield CannotTell(f"whether {url.text} of {client.document.title} leads to the API")
    elif _is_headless_of_lws(client.manifests, url):
        yield Finding(
            url.place, f"{url.text}: the headless Service of LeaderWorkerSet/{url.service}", "the API Service's name"
        )
    elif client.manifests.find("Service", url.service, url.namespace, group=""):
        yield NotApplicable(f"Service/{url.service} is no API Service: a router or another server")
    else:
        port = str(url.port) if url.port else None
        yield from outside(client.manifests, url.place, url.namespace, port, url.service)


def _port_and_path(url: BaseUrl, service: ApiService) -> Outcomes:
    ports = [port["port"].integer for port in service.ports]
    right = f"{service.name}:{ports[0] if ports else '?'}/v1"
    if url.port not in ports:
        yield Finding(url.place, f"{url.text}: port {url.port}", right)
    if url.parts.path.rstrip("/") != "/v1":
        yield Finding(url.place, f"{url.text}: path {url.parts.path or '/'}", right)


def _is_headless_of_lws(manifests: ManifestSet, url: BaseUrl) -> bool:
    """Whether the name is that of the Service which LWS makes: nobody declares it, and it leads to workers too."""
    return manifests.find("Service", url.service or "", url.namespace, group="") is None and any(
        (lws.name, lws.namespace) == (url.service, url.namespace) for lws in manifests.once(leader_worker_sets)
    )


@requirement(
    "CLI-02",
    why="The page waits for a server that does not exist.",
    fix='Set the variable ENABLE_OLLAMA_API to "False".',
)
def test_ollama_is_switched_off(deployment: ManifestSet) -> Outcomes:
    """OpenWebUI SHOULD have its Ollama connection switched off when SGLang is the only engine."""
    found = [client for client in clients(deployment) if client.is_open_webui]
    if not found or not groups(deployment):
        raise NotApplicable("no Open WebUI beside an SGLang group in the set")
    if _has_ollama(deployment):
        raise NotApplicable("the set has an Ollama server")
    for client in found:
        if ":ollama" in (client.container["image"].text or "") or "OLLAMA_BASE_URL" in client.variables:
            yield NotApplicable(f"{client.document.title} is given an Ollama server")
            continue
        switch = client.variables.get("ENABLE_OLLAMA_API")
        origin = switch.origin if switch and switch.text is None else ", ".join(client.hidden) if not switch else ""
        if origin:
            yield CannotTell(f"ENABLE_OLLAMA_API of {client.document.title}: {origin} is not in the set")
        elif switch is None:
            yield Finding(client.container["env"], "ENABLE_OLLAMA_API is not set, which means True", '"False"')
        elif (switch.text or "").lower() == "true":
            yield Finding(switch.place, f"ENABLE_OLLAMA_API is {switch.text}", '"False"')


def _has_ollama(manifests: ManifestSet) -> bool:
    containers = (each for template in manifests.pod_templates for each in template.containers)
    images = ((container["image"].text or "").partition(":")[0] for container in containers)
    services = (service.name for service in manifests.of_kind("Service", group=""))
    return any(image.rpartition("/")[2] == "ollama" for image in images) or any("ollama" in name for name in services)


@requirement(
    "CLI-03",
    why="Every call is answered 401, and the list of models stays empty.",
    fix="Set OPENAI_API_KEY of the client from the Secret and key that the engine's --api-key comes from.",
)
def test_client_sends_the_engine_s_key(deployment: ManifestSet) -> Outcomes:
    """A client MUST send the key that the engine was given."""
    judged = False
    for client in clients(deployment):
        services = [client.api_of(url) for url in client.urls()]
        leaders = {group.title: group.leader for service in services if service for group in service.groups}
        for leader in leaders.values():
            if leader.value("api_key"):
                judged = True
                yield from _same_key(client, leader)
    if not judged:
        raise NotApplicable("no client of the set calls a leader that was given a key")


def _same_key(client: Client, leader: Role) -> Outcomes:
    wanted = _key_of(leader)
    keys = [client.variables[name] for name in KEYS if name in client.variables]
    if not keys:
        if client.hidden:
            yield CannotTell(f"whether {', '.join(client.hidden)} gives {client.document.title} the key")
        else:
            yield Finding(client.container["env"], "no OPENAI_API_KEY", f"the key of {leader.title}: {_shown(wanted)}")
        return
    for key in keys:
        if key.text is not None and wanted.text is not None:
            if wanted.text not in key.text.split(";"):
                yield Finding(key.place, f"{key.name} has another value", f"the key of {leader.title}")
        elif key.origin != wanted.origin:
            if key.origin and wanted.origin and key.name == "OPENAI_API_KEY":
                yield Finding(key.place, f"{key.name} from {key.origin}", f"{_shown(wanted)}, as {leader.title}")
            else:
                yield CannotTell(f"whether {key.name} of {client.document.title} is the key of {leader.title}")
        elif client.namespace != leader.group.namespace:
            yield CannotTell(
                f"whether {key.origin} is the same in namespaces {client.namespace} and {leader.group.namespace}"
            )


def _key_of(leader: Role) -> Variable:
    """The engine's key as a variable: the one it flows from, else its literal text."""
    use = leader.given("api_key")
    word = leader.words[use.index if use and use.value_index is None else use.value_index or 0] if use else None
    known = variables(leader.manifests, leader.template, leader.container)
    sources = [known[name] for name in sorted(word.sources) if name in known] if word else []
    if len(sources) == 1:
        return sources[0]
    literal = str(leader.value("api_key")) if word and word.known else None
    return Variable("--api-key", leader.container, literal, "" if literal else "the launch line")


def _shown(key: Variable) -> str:
    """Where a key comes from; the key itself is never shown."""
    return key.origin or "the literal value"
