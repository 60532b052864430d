"""What the user said about the cluster."""

from dataclasses import dataclass
from pathlib import Path

from seatrial.clusters.capability import Capability


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user said about the cluster."""

    provider: str = "auto"
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    named: bool = False
    """Whether the user named manifests; otherwise an existing cluster tells what runs on it."""
    deploy: bool = False
    disruptive: bool = False
    assets: tuple[Path, ...] = ()
    require: frozenset[Capability] = frozenset()
    wait_s: float | None = None

    @property
    def chosen(self) -> str:
        """The provider: `kwok`, or `existing` where a kubeconfig was given."""
        if self.provider != "auto":
            return self.provider
        return "existing" if self.kubeconfig is not None else "kwok"
