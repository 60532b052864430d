"""The command of every container of a set, evaluated in one of its pods."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.finding import Place
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.launch import Environment, Launch, resolve
from seatrial.manifests.workloads import PodTemplate
from seatrial.workload.environments import sample_environment
from seatrial.workload.scripts import Command, command
from seatrial.workload.serving import Role, groups


@dataclass(frozen=True, slots=True)
class ContainerCommand:
    """A container with its launch. `role` is set for the container that runs SGLang."""

    template: PodTemplate
    command: Command
    launch: Launch
    environment: Environment
    role: Role | None = None

    @property
    def container(self) -> Node:
        return self.command.container

    @property
    def title(self) -> str:
        return f"{self.template.title} container {self.container['name'].text or '?'}"

    def place(self, path: tuple[str | int, ...], line: int) -> Place:
        """A line of the script or word at `path` below the container; a parser may stop behind the last one."""
        node = self.command.at(path)
        last = (node.text or "").rstrip("\n").count("\n")
        return node.line(min(line, last)) if last else node


def container_commands(manifests: ManifestSet) -> list[ContainerCommand]:
    """Every container that says what to run. Computed once."""
    return manifests.once(_all)


def _all(manifests: ManifestSet) -> list[ContainerCommand]:
    return list(_find(manifests))


def _find(manifests: ManifestSet) -> Iterator[ContainerCommand]:
    roles = {
        (id(role.container.document), role.container.path): role for group in groups(manifests) for role in group.roles
    }
    for template in manifests.pod_templates:
        for container in template.all_containers:
            role = roles.get((id(container.document), container.path))
            if role is not None:
                yield ContainerCommand(template, role.command, role.launch, role.environment, role)
            elif container["command"].raw or container["args"].raw:
                environment = sample_environment(manifests, template, container)
                own = command(manifests, template, container)
                yield ContainerCommand(template, own, resolve(own.mapping, environment), environment)
