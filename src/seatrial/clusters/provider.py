"""Where a cluster comes from: what every provider promises."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from seatrial.clusters.capability import MEANING, Capability

Progress = Callable[[str], None]
"""Told in a few words what is being done; called again with the next step, or the same words while it goes on."""


def silent(_step: str) -> None:
    """Progress that nobody watches."""


class ClusterError(Exception):
    """A cluster cannot be had or reached. The message is one line: what, where, how to mend."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that answers.

    `lws` is the release of the controller where the provider installed it itself, else None. `logs` are the files in
    which its programs write, by name: evidence when something fails.
    """

    provider: str
    name: str
    kubeconfig: Path
    context: str | None
    capabilities: frozenset[Capability]
    lws: str | None = None
    logs: Mapping[str, Path] = field(default_factory=dict)
    lacking: Mapping[Capability, tuple[str, str]] = field(default_factory=dict)
    """Why it is not known to have a capability, and what would supply it, where that differs from the usual."""
    verified: bool = True
    """Whether somebody looks at its certificate."""

    def why_not(self, capability: Capability) -> tuple[str, str]:
        """Why it lacks a capability, and what would supply it."""
        return self.lacking.get(capability, MEANING[capability])


class Provider(Protocol):
    """Starts, or adopts, one cluster at a time."""

    name: str
    own: bool
    """Whether the cluster belongs to the run, which may then do with it what it likes."""

    def start(self, progress: Progress = silent) -> Cluster:
        """Raises ClusterError; leaves nothing behind when it does."""
        ...

    def stop(self) -> None:
        """End what `start` began. Never raises, may be called again, and before `start` has returned."""
        ...
