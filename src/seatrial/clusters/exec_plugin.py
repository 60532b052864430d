"""Credentials from a program that a kubeconfig names, as clouds have it.

Source: Kubernetes documentation, Authenticating: client-go credential plugins.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seatrial.clusters.provider import ClusterError

LONGEST_S = 60.0
"""How long a program may take; one that waits for somebody to log in in a browser takes that long."""
_EARLY = timedelta(seconds=30)
"""Credentials are renewed so long before they end."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What the program has answered: a token, or a certificate with its key in PEM. Never shown."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    expires: datetime | None = None

    @property
    def stale(self) -> bool:
        return self.expires is not None and datetime.now(UTC) >= self.expires - _EARLY


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """The `exec` entry of a kubeconfig's user. `where` is how messages call it."""

    where: str
    command: str
    arguments: tuple[str, ...]
    variables: Mapping[str, str]
    api_version: str
    folder: Path
    hint: str = ""
    cluster: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, spec: Mapping[str, Any], where: str, folder: Path, cluster: Mapping[str, Any]) -> "ExecPlugin":
        """Raises ClusterError for an entry without command or apiVersion."""
        for key in ("command", "apiVersion"):
            if not isinstance(spec.get(key), str) or not spec[key]:
                raise ClusterError(f"{where}: its exec entry has no {key}; get a new kubeconfig for this cluster")
        variables = {str(one.get("name")): str(one.get("value")) for one in spec.get("env") or ()}
        return cls(
            where,
            spec["command"],
            tuple(map(str, spec.get("args") or ())),
            variables,
            spec["apiVersion"],
            folder,
            str(spec.get("installHint") or ""),
            cluster if spec.get("provideClusterInfo") else None,
        )

    def run(self) -> Credential:
        """Ask the program. Raises ClusterError when it is missing, fails, or answers something else."""
        answer = self._answer(self._output())
        token, certificate, key = (
            str(answer.get(name) or "") for name in ("token", "clientCertificateData", "clientKeyData")
        )
        if not token and not (certificate and key):
            raise self._broken("its answer holds neither a token nor a certificate with its key")
        return Credential(token, certificate, key, _moment(answer.get("expirationTimestamp")))

    def _output(self) -> str:
        program = self._program()
        spec: dict[str, Any] = {"interactive": False}
        if self.cluster is not None:
            spec["cluster"] = _told(self.cluster)
        asked = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}
        environment = {**os.environ, **self.variables, "KUBERNETES_EXEC_INFO": json.dumps(asked)}
        try:
            done = subprocess.run(
                [program, *self.arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise self._broken(f"it has not answered within {LONGEST_S:.0f} s") from None
        except OSError as error:
            raise self._broken(f"it cannot be started: {error.strerror}") from None
        if done.returncode:
            # What it wrote is not shown: some programs print the request, and with it secrets.
            raise self._broken(f"it ended with exit code {done.returncode}")
        return done.stdout

    def _program(self) -> str:
        """Relative paths are relative to the kubeconfig; plain names are looked for in PATH."""
        relative = os.sep in self.command
        found = shutil.which(str(self.folder / self.command) if relative else self.command)
        if found is None:
            hint = " ".join(self.hint.split())[:200] or "install it, or use a kubeconfig that holds a token"
            raise self._broken(f"there is no such program; {hint}", mend=False)
        return found

    def _answer(self, output: str) -> Mapping[str, Any]:
        try:
            answer = json.loads(output)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("status"), dict):
            raise self._broken("its answer is no ExecCredential with a status")
        if answer.get("apiVersion") != self.api_version:
            raise self._broken(f"its answer is not of {self.api_version}, which the kubeconfig asks for")
        status: Mapping[str, Any] = answer["status"]
        return status

    def _broken(self, what: str, *, mend: bool = True) -> ClusterError:
        advice = "; run it by hand to see why" if mend else ""
        return ClusterError(f"{self.where}: program `{self.command}` gives no credentials: {what}{advice}")


def _told(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """The cluster as the plugin is told of it, with the configuration that is meant for it."""
    told = {key: value for key, value in cluster.items() if key != "extensions"}
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            told["config"] = extension.get("extension")
    return told


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found
