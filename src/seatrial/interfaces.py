"""Which network interfaces a role's libraries are told to use, by the manifest or by its script."""

import re
from dataclasses import dataclass

from seatrial.finding import Place
from seatrial.serving import Role
from seatrial.variables import hidden_sources, variables

# Linux names of at most 15 characters, IFNAMSIZ; Gloo takes one of them and knows no lists, prefixes or exclusions.
_CONCRETE = re.compile(r"[^\s/:,^*?=!]{1,15}")
# Annotations by which a pod gets more than one interface, as a list with commas.
_NETWORKS = ("k8s.v1.cni.cncf.io/networks", "tke.cloud.tencent.com/networks")


@dataclass(frozen=True, slots=True)
class Interface:
    """A variable that names an interface. `value` is None when nobody can know it.

    It is not `certain` where a Secret or ConfigMap outside the set may set it or not.
    """

    place: Place
    value: str | None
    certain: bool = True


def is_concrete(name: str) -> bool:
    """Whether a value is one interface that leads out of the pod."""
    return name != "lo" and _CONCRETE.fullmatch(name) is not None


def has_several_interfaces(role: Role) -> bool:
    """Whether the pod sees more than one interface beside loopback: the node's, or additional networks."""
    if role.template.spec["hostNetwork"].boolean is True:
        return True
    multus, tke = (role.template.annotations.get(key, "") for key in _NETWORKS)
    return bool(multus.strip()) or "," in tke


def interface(role: Role, name: str) -> Interface | None:
    """The variable as the engine of a role gets it; None when nothing sets it."""
    own = variables(role.manifests, role.group.namespace, role.container).get(name)
    exported = role.launch.environment.get(name)
    if exported is not None and (own is None or own.text != exported.text):
        return Interface(_place_of_export(role, name), exported.text if exported.known else None)
    if own is not None:
        return Interface(own.place, own.text)
    hidden = hidden_sources(role.manifests, role.group.namespace, role.container)
    return Interface(role.container["envFrom"], None, certain=False) if hidden else None


def _place_of_export(role: Role, name: str) -> Place:
    words = (word for command in role.launch.commands for word in command.words)
    assignment = next((word for word in words if word.text.startswith(f"{name}=")), None)
    return role.place_of(assignment) if assignment else role.command_place
