"""The LeaderWorkerSet (LWS) controller as a process of this machine, with webhooks that are reached by URL.

The controller reads a configuration file from release 0.6.0 on (apiVersion config.lws.x-k8s.io/v1alpha1).
Source: pkg/config and cmd/main.go of kubernetes-sigs/lws, 0.6.2 to 0.9.0.
"""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from seatrial.clusters import ports, processes
from seatrial.clusters.apiserver import ApiServer, Refused, Unreachable
from seatrial.clusters.assets import LwsAssets
from seatrial.clusters.logs import last_lines
from seatrial.clusters.provider import ClusterError

NAME = "lws-manager"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
WEBHOOKS = {
    "MutatingWebhookConfiguration": f"{ADMISSION}/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": f"{ADMISSION}/validatingwebhookconfigurations",
}
SETS = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/default/leaderworkersets"
READY_WITHIN = 60.0
"""Seconds from the start of the process until its webhooks must decide."""
POLL = 0.05
_DESCRIPTION = re.compile(rb"^( *)description: \S.*\n(?:\1 .*\n|\n)*", re.MULTILINE)
"""A text in a block mapping, with its further lines, which are indented more. A field of that name has no text."""


class LwsManager:
    """One controller process for one cluster. `folder` is the cluster's; `kubeconfig` its administrator's."""

    def __init__(self, folder: Path, kubeconfig: Path, server: ApiServer) -> None:
        self.folder = folder
        self.kubeconfig = kubeconfig
        self.server = server
        self.log = folder / "logs" / f"{NAME}.log"
        self.release: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def install(self, assets: LwsAssets) -> None:
        """Make the CRDs of the release, or replace those of another. `installed` tells when they are served."""
        for path in assets.crds:
            # Not parsed, as the CRD has 1.3 MB; two thirds of them are descriptions, which the server would parse.
            self.server.put(CRDS, _crd_name(path), without_descriptions(path.read_bytes()))

    def installed(self, assets: LwsAssets) -> bool:
        return all(_established(self.server.get(f"{CRDS}/{_crd_name(path)}")) for path in assets.crds)

    def start(self, assets: LwsAssets) -> None:
        """Start the controller; its CRDs must be there. `register` its webhooks; `wait` tells when it works."""
        port = ports.free(("webhooks", "health"))
        program = self.folder / "bin" / NAME
        program.parent.mkdir(exist_ok=True)
        program.unlink(missing_ok=True)
        program.symlink_to(assets.manager)
        configuration = self.folder / f"{NAME}.yaml"
        configuration.write_text(yaml.safe_dump(_configuration(port, self._certificates())))
        self.log.parent.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    [program, f"--config={configuration}", f"--kubeconfig={self.kubeconfig}", "--zap-log-level=2"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    start_new_session=True,
                )
            except OSError as error:
                raise ClusterError(f"LWS {assets.version}: cannot run {assets.manager}: {error.strerror}") from error
        self.release = assets.version
        self._port = port["webhooks"]

    def register(self, assets: LwsAssets) -> None:
        """Make the API server ask the webhooks of the process that was started, or ask it instead of another."""
        authority = base64.b64encode(self.server.credentials.authority.read_bytes()).decode()
        for configuration in yaml.safe_load_all(assets.webhooks.read_bytes()):
            for webhook in configuration["webhooks"]:
                path = webhook["clientConfig"]["service"]["path"]
                webhook["clientConfig"] = {"url": f"https://127.0.0.1:{self._port}{path}", "caBundle": authority}
            name = configuration["metadata"]["name"]
            self.server.put(WEBHOOKS[configuration["kind"]], name, json.dumps(configuration).encode())

    def wait(self, deadline: float | None = None) -> None:
        """Return once a set is completed and a wrong one refused, as the release at hand does it.

        Raises ClusterError if the process ends before, or not enough happens in time; PortTaken if it lost its port.
        """
        deadline = deadline or time.monotonic() + READY_WITHIN
        observed = ""
        while time.monotonic() < deadline:
            self.check()
            if (observed := self._undecided()) == "":
                return
            time.sleep(POLL)
        raise ClusterError(f"LWS {self.release} did not become ready in {READY_WITHIN:g} s: {observed}")

    def check(self) -> None:
        """Raises ClusterError with the last words of the process if it has ended by itself."""
        if self._process is None or (code := processes.exit_code(self._process)) is None:
            return
        words = last_lines(self.log)
        if "address already in use" in words:
            raise ports.PortTaken(f"the LWS manager lost its port to another program: {words}")
        raise ClusterError(f"the LWS manager {self.release} ended with code {code}: {words}")

    def stop(self) -> None:
        """End the process. Its webhooks stay registered: sets and their pods can then not be written, as in reality."""
        if self._process is not None:
            processes.end(self._process)
            self._process = None

    def _undecided(self) -> str:
        """What keeps the controller from being ready; empty when nothing does."""
        try:
            answer = self.server.create(SETS, _minimal_set(size=1), dry_run=True)
        except (Refused, Unreachable) as error:
            return str(error)
        # Only the mutating webhook writes this; defaults of the CRD do not show that it was asked.
        if answer["spec"].get("networkConfig", {}).get("subdomainPolicy") != "Shared":
            return "a new LeaderWorkerSet is accepted, but not completed by the webhook"
        try:
            self.server.create(SETS, _minimal_set(size=0), dry_run=True)
        except Refused as error:
            return "" if "size" in str(error) else str(error)
        except Unreachable as error:
            return str(error)
        return "a LeaderWorkerSet of size 0 is accepted"

    def _certificates(self) -> Path:
        """The cluster's own certificate is for 127.0.0.1, too: no other authority is needed."""
        folder = self.folder / "webhook-certificate"
        folder.mkdir(exist_ok=True)
        shutil.copyfile(self.server.credentials.certificate, folder / "tls.crt")
        shutil.copyfile(self.server.credentials.key, folder / "tls.key")
        return folder


def _configuration(port: Mapping[str, int], certificates: Path) -> dict[str, Any]:
    return {
        "apiVersion": "config.lws.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "webhook": {"host": "127.0.0.1", "port": port["webhooks"], "certDir": str(certificates)},
        "metrics": {"bindAddress": "0"},
        "health": {"healthProbeBindAddress": f"127.0.0.1:{port['health']}"},
    }


def without_descriptions(crd: bytes) -> bytes:
    """The YAML of a CRD as controller-gen writes it, less what is for human readers only."""
    return _DESCRIPTION.sub(b"", crd)


def _crd_name(path: Path) -> str:
    """controller-gen names the files <group>_<plural>.yaml."""
    group, _, plural = path.stem.partition("_")
    return f"{plural}.{group}"


def _established(crd: Mapping[str, Any]) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)


def _minimal_set(size: int) -> dict[str, Any]:
    worker = {"spec": {"containers": [{"name": "engine", "image": "seatrial.invalid/none"}]}}
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "seatrial-probe"},
        "spec": {"replicas": 1, "leaderWorkerTemplate": {"size": size, "workerTemplate": worker}},
    }
