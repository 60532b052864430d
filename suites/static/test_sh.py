"""SH: scripts and variable expansion in commands."""

import re
from collections.abc import Iterator

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.lws import keys
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.launch import Problem
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.container_commands import ContainerCommand, container_commands

INJECTED_LATER = keys.WORKER_INDEX_ENV  # whether the release injects it is LWS-07's question
INJECTED = (keys.LEADER_ADDRESS_ENV, keys.GROUP_SIZE_ENV, keys.WORKER_INDEX_ENV)
REFERENCE = re.compile(r"(?<!\$)\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


def _commands(deployment: ManifestSet) -> list[ContainerCommand]:
    """The set's commands. Raises NotApplicable when no container has one."""
    found = container_commands(deployment)
    if not found:
        raise NotApplicable("no container has a command")
    return found


def _problems(deployment: ManifestSet, *kinds: str) -> Iterator[tuple[ContainerCommand, Problem]]:
    for command in _commands(deployment):
        for problem in command.launch.problems:
            if problem.kind in kinds:
                yield command, problem


@requirement(
    "SH-00",
    why="The container exits at once.",
    fix="Correct the script; bash -n FILE shows where it stops to understand.",
)
def test_scripts_parse(deployment: ManifestSet) -> Outcomes:
    """A shell script in a command MUST parse."""
    if not any(command.launch.form == "script" for command in _commands(deployment)):
        raise NotApplicable("no container runs a script")
    for command, problem in _problems(deployment, "syntax", "unsupported"):
        if problem.kind == "syntax":
            yield Finding(command.place(problem.path, problem.line), problem.message, "a script that the shell parses")
        else:
            yield CannotTell(f"{command.title}: {problem.message}")


@requirement(
    "SH-01",
    why="It yields the name, not the value.",
    fix="Put a $ before the name in the default: ${A:-$B}.",
)
def test_defaults_are_values(deployment: ManifestSet) -> Outcomes:
    """A default in `${A:-B}` SHOULD NOT be the bare name of another variable."""
    for command, problem in _problems(deployment, "default is a name"):
        yield Finding(command.place(problem.path, problem.line), problem.message, f"${{…:-${problem.variable}}}")


@requirement(
    "SH-02",
    why="`$VAR` stays literal, because no shell runs.",
    fix="Write $(VAR), which the kubelet expands, or run the command in bash -c.",
)
def test_commands_without_a_shell_use_kubelet_references(deployment: ManifestSet) -> Outcomes:
    """A command without a shell MUST use `$(VAR)` for variables."""
    for command, problem in _problems(deployment, "dollar in exec form"):
        yield Finding(command.place(problem.path, problem.line), problem.message, f"$({problem.variable})")


@requirement(
    "SH-03",
    why="An empty flag value swallows the next flag.",
    fix="Define the variable in env or in the script, or correct its name.",
)
def test_variables_are_defined(deployment: ManifestSet) -> Outcomes:
    """Every variable used in a command MUST be defined."""
    ours = [command for command in _commands(deployment) if command.role is not None]
    if not ours:
        raise NotApplicable("nothing in the set runs SGLang")
    for command in ours:
        for problem in command.launch.problems:
            if problem.kind in ("undefined", "kubelet reference in script") and problem.variable != INJECTED_LATER:
                yield Finding(
                    command.place(problem.path, problem.line), problem.message, f"a value for {problem.variable}"
                )


@requirement(
    "SH-04",
    why="Kubernetes expands only `$(VAR)`; the literal text arrives.",
    fix="Write $(VAR), and define VAR further up in the list; a Secret's value comes with valueFrom.",
)
def test_env_values_use_kubelet_references(deployment: ManifestSet) -> Outcomes:
    """An env value MUST NOT be a `$VAR` reference."""
    for template in deployment.pod_templates:
        for container in template.all_containers:
            names = {*INJECTED, *(entry["name"].text for entry in container["env"])}
            for entry in container["env"]:
                own, value = entry["name"].text, entry["value"].text or ""
                for found in REFERENCE.finditer(value):
                    name = found[1] or found[2]
                    if name in names or found[0] == value.strip():
                        expected = f"$({name}) in place of {found[0]}" if name in names - {own} else "the value itself"
                        yield Finding(entry["value"], f"{own}: {value}", expected)
