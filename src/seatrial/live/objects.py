"""One object of a cluster, with what every check asks of it, and where a finding about it points."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from seatrial.finding import Where
from seatrial.manifests.document import dotted


@dataclass(frozen=True, slots=True)
class LivePlace:
    """A field of an object on the cluster. There is no file, so the namespace stands in its place."""

    namespace: str
    object: str
    path: tuple[str | int, ...] = ()

    def where(self) -> Where:
        file = f"cluster, namespace {self.namespace}" if self.namespace else "cluster"
        return Where(file, 0, dotted(self.path), self.object)


class LiveObject:
    """An object as the API server gave it. Never changed: several checks share it."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw

    @cached_property
    def metadata(self) -> dict[str, Any]:
        return self.raw.get("metadata") or {}

    @property
    def kind(self) -> str:
        return str(self.raw.get("kind", ""))

    @property
    def name(self) -> str:
        return str(self.metadata.get("name", ""))

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace", ""))

    @property
    def uid(self) -> str:
        return str(self.metadata.get("uid", ""))

    @property
    def title(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def labels(self) -> dict[str, str]:
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> dict[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def deleting(self) -> bool:
        return "deletionTimestamp" in self.metadata

    @property
    def created(self) -> datetime:
        return moment(self.metadata.get("creationTimestamp")) or datetime.fromtimestamp(0).astimezone()

    def at(self, *steps: str | int) -> Any:
        """The value at `steps`, None where there is none."""
        value: Any = self.raw
        for step in steps:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
                value = value[step]
            else:
                return None
        return value

    def each(self, *steps: str | int) -> list[Any]:
        """The list at `steps`, empty where there is none."""
        value = self.at(*steps)
        return value if isinstance(value, list) else []

    def condition(self, type: str) -> dict[str, Any] | None:
        """The status condition of that type."""
        return next((one for one in self.each("status", "conditions") if one.get("type") == type), None)

    def holds(self, type: str) -> bool:
        """Whether the condition of that type is True."""
        found = self.condition(type)
        return found is not None and found.get("status") == "True"

    @property
    def owner(self) -> dict[str, Any] | None:
        """The owner that controls it."""
        return next((one for one in self.metadata.get("ownerReferences") or () if one.get("controller")), None)

    def place(self, *path: str | int) -> LivePlace:
        return LivePlace(self.namespace, self.title, path)

    def __repr__(self) -> str:
        return f"<{self.namespace}/{self.title}>"


def container_statuses(pod: LiveObject) -> list[Any]:
    """What the kubelet says of each container of a pod, init containers first."""
    return [*pod.each("status", "initContainerStatuses"), *pod.each("status", "containerStatuses")]


def moment(text: object) -> datetime | None:
    """A Kubernetes timestamp, None for anything else."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
