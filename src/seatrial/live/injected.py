"""The containers of a group's pods beside those of its template, and the variables that LWS puts into them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from seatrial.live.group import LiveGroup
from seatrial.live.objects import LiveObject
from seatrial.lws.pods import Pod


@dataclass(frozen=True, slots=True)
class LiveContainer:
    """A container or init container that the template declares, at its place in the pod."""

    pod: LiveObject
    expected: Pod
    path: tuple[str, int]
    raw: dict[str, Any]
    declared: dict[str, Any]
    """The container as LWS has to make it of the template."""

    @property
    def name(self) -> str:
        return str(self.raw.get("name"))

    def value(self, variable: str) -> str | None:
        """The value that stands in the spec; None where there is none, or it comes from elsewhere."""
        found = self.entry(variable)
        return None if found is None or "valueFrom" in found else str(found.get("value") or "")

    def entry(self, variable: str) -> dict[str, Any] | None:
        return next((one for one in self.env if one.get("name") == variable), None)

    @property
    def overtaken(self) -> list[str]:
        """The injected variables that stand behind one of the template's."""
        names = [one.get("name") for one in self.env]
        injected = [name for name, _ in self.expected.env]
        own = {one.get("name") for one in self.declared.get("env") or ()} - set(injected)
        first = next((position for position, name in enumerate(names) if name in own), len(names))
        return [name for name in injected if name in names[first:]]

    @property
    def env(self) -> list[dict[str, Any]]:
        return [one for one in self.raw.get("env") or () if isinstance(one, dict)]

    def shown(self, variable: str) -> str:
        """What of the variable is there, in words."""
        value = self.value(variable)
        if value is not None:
            return f"{variable}={value}"
        return f"no {variable}" if self.entry(variable) is None else f"{variable} from somewhere else"


def declared_containers(group: LiveGroup) -> Iterator[LiveContainer]:
    """Every container of the group's pods but for those that the template does not declare (GRP-11 judges these).

    Raises CannotTell where nobody knows of which template the group was made.
    """
    for pod, expected in group.paired():
        for field, of_template in (("initContainers", expected.init_containers), ("containers", expected.containers)):
            declared = {str(one.get("name")): dict(one) for one in of_template}
            for position, raw in enumerate(pod.each("spec", field)):
                if raw.get("name") in declared:
                    yield LiveContainer(pod, expected, (field, position), raw, declared[raw["name"]])


def foreign_containers(group: LiveGroup) -> Iterator[tuple[LiveObject, tuple[str, int], str]]:
    """Containers of the group's pods that the template does not declare: the pod, the place, the name.

    Ephemeral containers, as kubectl debug adds them, are among them. Raises CannotTell as `declared_containers` does.
    """
    for pod, expected in group.paired():
        fields = {
            "initContainers": expected.init_containers,
            "containers": expected.containers,
            "ephemeralContainers": (),
        }
        for field, of_template in fields.items():
            declared = {one.get("name") for one in of_template}
            for position, raw in enumerate(pod.each("spec", field)):
                if raw.get("name") not in declared:
                    yield pod, (field, position), str(raw.get("name"))


def by_pod(found: Iterable[LiveContainer]) -> list[list[LiveContainer]]:
    """Containers of the same pod together, in the order of the pods."""
    pods: dict[str, list[LiveContainer]] = {}
    for one in found:
        pods.setdefault(one.pod.name, []).append(one)
    return list(pods.values())
