"""One environment variable of the SGLang process: what its container is given, changed by its script."""

from dataclasses import dataclass

from seatrial.finding import Place
from seatrial.workload.serving import Role
from seatrial.workload.variables import hidden_sources, variables


@dataclass(frozen=True, slots=True)
class EngineVariable:
    """A variable and the line that sets it. `value` is None when nobody can know it.

    It is not `certain` where a Secret or ConfigMap outside the set, or a condition of the script, may set it or not.
    """

    place: Place
    value: str | None
    certain: bool = True


def engine_variable(role: Role, name: str) -> EngineVariable | None:
    """The variable as the engine of a role gets it; None when nothing sets it."""
    own = variables(role.manifests, role.template, role.container).get(name)
    got = role.engine_environment.get(name)
    sometimes = name in role.launch.unsettled
    if got is not None and (own is None or own.text != got.text):
        return EngineVariable(_place_of_export(role, name), got.text if got.known else None, not sometimes)
    if own is not None and (got is not None or sometimes):
        return EngineVariable(own.place, own.text, not sometimes)
    if own is not None:
        return None  # the script unsets it
    hidden = hidden_sources(role.manifests, role.group.namespace, role.container)
    return EngineVariable(role.container["envFrom"], None, certain=False) if hidden else None


def _place_of_export(role: Role, name: str) -> Place:
    words = (word for command in role.launch.commands for word in command.words)
    assignment = next((word for word in words if word.text.startswith(f"{name}=")), None)
    return role.place_of(assignment) if assignment else role.command_place
