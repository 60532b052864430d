"""The workloads of a set that run SGLang: groups, their roles, and the arguments that each role really gets."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from seatrial.finding import Blocked, CannotTell, Place
from seatrial.knowledge import sglang
from seatrial.knowledge.images import reference
from seatrial.knowledge.sglang import FlagTable, Parsed, Unknown, Use
from seatrial.lws.expand import Pod
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Document, Node
from seatrial.manifests.launch import Environment, Launch, Value, Word, container_environment, resolve
from seatrial.manifests.workloads import PodTemplate, pod_templates
from seatrial.workload.environments import environment
from seatrial.workload.leader_worker_set import LeaderWorkerSet, leader_worker_sets
from seatrial.workload.scripts import Command, command

DEFAULT_PORT = 30000
GPU = "nvidia.com/gpu"
SUPPLY_VERSION = 'seatrial.toml: [engine] version = "0.5.9"'
# Kinds that serve; a Job or DaemonSet with the engine's image downloads something.
_SERVING_KINDS = ("StatefulSet", "Deployment", "ReplicaSet", "Pod")


class Role:
    """Leader or worker of a group: its template, the container that runs SGLang, and the launch of sample pods."""

    def __init__(self, group: "Group", name: str, template: PodTemplate, container: Node, pods: list[Pod]) -> None:
        self.group = group
        self.name = name
        self.template = template
        self.container = container
        self.pods = pods

    @property
    def title(self) -> str:
        return f"{self.group.title} {self.name}"

    @property
    def manifests(self) -> ManifestSet:
        return self.group.manifests

    @cached_property
    def launches(self) -> list[Launch]:
        """One launch for each sample pod, in the order of `pods`; a single one where no pods are expanded."""
        return [resolve(self.command.mapping, environment) for environment in self.environments]

    @cached_property
    def command(self) -> Command:
        """The container's command, with a script of the set read in place."""
        return command(self.manifests, self.template, self.container)

    @cached_property
    def environments(self) -> list[Environment]:
        pods: list[Pod | None] = [*self.pods] or [None]
        return [environment(self.manifests, self.template, self.container, pod) for pod in pods]

    @property
    def launch(self) -> Launch:
        return self.launches[0]

    @property
    def environment(self) -> Environment:
        return self.environments[0]

    @property
    def engine_environment(self) -> Mapping[str, Value]:
        """The variables of the SGLang process in the first sample pod: the container's, and what its script exports.

        Only the container's where the launch line is not resolved.
        """
        return self.environment.values if self.launch.argv is None else self.launch.environment

    def variable(self, name: str) -> str | None:
        """The value of a variable of the SGLang process; None when it is not set or not known."""
        value = self.engine_environment.get(name)
        return value.text if value is not None and value.known else None

    def container_variable(self, name: str) -> str | None:
        """The value of a variable as the kubelet sets it; None when it is not set or not known."""
        value = self.environment.get(name)
        return value.text if value is not None and value.known else None

    @property
    def image(self) -> str:
        return self.container["image"].text or ""

    @property
    def stated_version(self) -> str | None:
        """The SGLang version by name: `engine.version` of the target, else what the image's tag says."""
        fact = self.manifests.target.get("engine.version")
        return str(fact) if fact else sglang.version_of_tag(reference(self.image).tag or "")

    @property
    def version(self) -> str | None:
        """The SGLang version; None when nothing states it, or when it is beyond the releases that are known."""
        stated = self.stated_version
        return stated if stated is not None and sglang.covers(stated) else None

    @property
    def version_gap(self) -> tuple[str, str]:
        """Why the version does not help, and what would: of use only where `version` is None."""
        if self.stated_version is None:
            return f"image {self.image or '(none)'} does not tell the SGLang version", SUPPLY_VERSION
        known = sglang.versions()
        gap = f"SGLang {self.stated_version} is not among the releases known here, {known[0]} to {known[-1]}"
        return gap, "a seatrial that knows this release: tools/sglang_flags.py reads it in a checkout"

    def need_version(self) -> str:
        """Raises CannotTell when the version is not known."""
        if self.version is None:
            raise CannotTell(*self.version_gap)
        return self.version

    @cached_property
    def table(self) -> FlagTable:
        """The flag table of the version, or of the nearest or newest one when the version is unknown."""
        known = self.stated_version and sglang.nearest(self.stated_version)
        return sglang.flag_table(known or sglang.versions()[-1])

    def across_versions(self, answer: Callable[[str], Any], question: str) -> Any:
        """The answer for the image's version, or the one that all known versions give when it is unknown.

        `question` begins with "whether" or "what". Raises CannotTell when the version is unknown and it decides.
        """
        if self.version is not None:
            return answer(self.version)
        answers = {answer(version) for version in sglang.versions()}
        if len(answers) > 1:
            gap, supply = self.version_gap
            raise CannotTell(f"{question} depends on the SGLang version; {gap}", supply)
        return answers.pop()

    def parsed_by(self, version: str) -> Parsed:
        """The arguments as the parser of `version` reads them. Raises Blocked when they cannot be resolved."""
        known = sglang.nearest(version) or version
        return self.arguments if known == self.table.version else self.parses[known]

    @cached_property
    def parses(self) -> Mapping[str, Parsed]:
        """The arguments as each known version reads them. Raises Blocked when they cannot be resolved."""
        return sglang.parses(self.argv)

    @cached_property
    def argv(self) -> tuple[str, ...]:
        """SGLang's arguments as texts, of the first sample pod. Raises Blocked by ARG-00."""
        return _texts(self.words)

    def each_pod(self) -> Iterator[tuple[Pod, Parsed, tuple[Word, ...]]]:
        """Every sample pod with its own arguments and their words. Raises Blocked by ARG-00."""
        for pod, launch in zip(self.pods, self.launches, strict=False):
            words = _resolved(self, launch)
            yield pod, self.table.parse(_texts(words)), words

    @property
    def words(self) -> tuple[Word, ...]:
        return _resolved(self, self.launch)

    @cached_property
    def arguments(self) -> Parsed:
        """The parsed arguments of the first sample pod. Raises Blocked by ARG-00."""
        return self.table.parse(self.argv)

    def given(self, dest: str) -> Use | None:
        """The last use of a flag by its argparse destination, None when it is not given."""
        return self.arguments.given(dest)

    def value(self, dest: str, default: Any = None) -> Any:
        """The typed value of a flag; `default` when it is not given or its value is not known."""
        value = self.arguments.values.get(dest)
        return default if value is None else value

    def number(self, dest: str, default: int) -> int:
        """A whole number, e.g. `number("tp_size", 1)`. Raises CannotTell when the value is given but unknown."""
        use = self.given(dest)
        if use is None:
            return default
        value = self.arguments.values.get(dest)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if value is None:
            raise Blocked("ARG-05", f"the value of {use.typed} is not a number")
        raise CannotTell(f"the value of {use.typed} is not known from the manifests")

    def place(self, dest: str) -> Place:
        """Where a flag is given, else where the launch line stands."""
        use = self.given(dest)
        return self.place_of(self.words[use.index]) if use else self.command_place

    def place_of(self, word: Word) -> Place:
        return self.command.at(word.path).word_line(word.line)

    @property
    def command_place(self) -> Place:
        """The launch line: the line of a script on which SGLang is started, else the command."""
        launch = self.launch
        if launch.argv:
            return self.place_of(launch.argv[0])
        command = self.container["command"]
        return (
            command if command.exists else self.container["args"] if self.container["args"].exists else self.container
        )

    @property
    def port(self) -> int:
        """The HTTP port."""
        return self.number("port", DEFAULT_PORT)

    @property
    def host(self) -> str:
        """The listen address; SGLang's default is loopback."""
        return str(self.value("host", "127.0.0.1"))

    @property
    def gpu_limit(self) -> Node:
        return self.container.at("resources", "limits", GPU)

    @property
    def gpus(self) -> int | None:
        """GPUs of the pod; None when the limit is absent or no whole number."""
        raw = self.gpu_limit.raw
        text = raw if isinstance(raw, str) else str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else ""
        return int(text) if text.isascii() and text.isdigit() else None


def _resolved(role: Role, launch: Launch) -> tuple[Word, ...]:
    if launch.argv is None:
        raise Blocked("ARG-00", f"the launch line of the {role.name} is not resolved")
    return launch.argv


def _texts(words: tuple[Word, ...]) -> tuple[str, ...]:
    return tuple(word.text if word.known else Unknown(word.text) for word in words)


class Group:
    """A workload that serves with SGLang: a LeaderWorkerSet, or a StatefulSet, Deployment or Pod without LWS."""

    def __init__(self, manifests: ManifestSet, document: Document, lws: LeaderWorkerSet | None) -> None:
        self.manifests = manifests
        self.document = document
        self.lws = lws

    @property
    def title(self) -> str:
        return self.document.title

    @property
    def namespace(self) -> str:
        return self.manifests.namespace(self.document)

    @property
    def size(self) -> int:
        """Pods that form one engine. A StatefulSet that passes `--nnodes` is one engine over its replicas."""
        if self.lws is not None:
            return self.lws.size
        if self.document.kind == "StatefulSet" and self.leader.launch.argv is not None and self.leader.given("nnodes"):
            return max(1, self.document["spec"]["replicas"].integer or 1)
        return 1

    @property
    def replicas(self) -> int:
        """Groups."""
        if self.lws is not None:
            return self.lws.replicas
        replicas = self.document["spec"]["replicas"].integer
        return 1 if replicas is None or self.size > 1 else max(0, replicas)

    @cached_property
    def leader(self) -> Role:
        template = self.lws.leader_template if self.lws else next(pod_templates(self.document))
        return self._role("leader", template)

    @cached_property
    def worker(self) -> Role | None:
        """The workers' role; None where a group is one pod or all pods share one template without LWS."""
        return self._role("worker", self.lws.worker_template) if self.lws and self.lws.size > 1 else None

    def _role(self, name: str, template: PodTemplate) -> Role:
        pods = [pod for pod in self.lws.pods if pod.role == name] if self.lws else []
        return Role(self, name, template, serving_container(template) or template.spec["containers"][0], pods)

    @property
    def roles(self) -> list[Role]:
        return [self.leader, self.worker] if self.worker else [self.leader]

    def number(self, dest: str, default: int) -> int:
        """A number that leader and workers share, read from the leader (DRF-01 compares them)."""
        return self.leader.number(dest, default)

    @property
    def dp(self) -> int:
        """Engines in one group: data-parallel replicas each hold all weights, attention data parallelism does not."""
        return 1 if self.leader.value("enable_dp_attention") else self.number("dp_size", 1)

    @property
    def ranks(self) -> int:
        """Scheduler processes of a group, one on each GPU that is used."""
        return self.tp * self.pp * self.dp

    @property
    def tp(self) -> int:
        return self.number("tp_size", 1)

    @property
    def pp(self) -> int:
        return self.number("pp_size", 1)

    @property
    def nnodes(self) -> int:
        return self.number("nnodes", 1)


def mentions_sglang(container: Node) -> bool:
    """Whether image or command of a container speak of the SGLang engine (its router is another program)."""
    texts = [container["image"].text or ""]
    for field in ("command", "args"):
        texts.extend(node.text or "" for node in container[field])
    return any("sglang" in text.replace("sglang_router", "").replace("sglang-router", "") for text in texts)


def serving_container(template: PodTemplate) -> Node | None:
    """The container that runs SGLang, or that should: it launches it, or at least has its image."""
    candidates = [container for container in template.containers if mentions_sglang(container)]
    for container in candidates if len(candidates) > 1 else ():
        if resolve(container.mapping, container_environment(container.mapping, (), _nothing, _nothing)).engine:
            return container
    return candidates[0] if candidates else None


def _nothing(*_: str) -> None:
    return None


def groups(manifests: ManifestSet) -> list[Group]:
    """The groups of a set, LeaderWorkerSets first. Computed once."""
    return manifests.once(_find_groups)


def _find_groups(manifests: ManifestSet) -> list[Group]:
    return [*_lws_groups(manifests), *_other_groups(manifests)]


def _lws_groups(manifests: ManifestSet) -> Iterator[Group]:
    declared = manifests.target.get("engine.name") == "sglang"
    for lws in manifests.once(leader_worker_sets):
        if declared or any(serving_container(template) for template in lws.templates):
            yield Group(manifests, lws.document, lws)


def _other_groups(manifests: ManifestSet) -> Iterator[Group]:
    """Workloads without LWS count only when they really launch SGLang, or hold GPUs with its image."""
    for document in manifests.of_kind(*_SERVING_KINDS):
        for template in pod_templates(document):
            container = serving_container(template)
            if container is None:
                continue
            group = Group(manifests, document, None)
            if group.leader.launch.engine or group.leader.gpu_limit.exists:
                yield group
