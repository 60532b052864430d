"""A cluster of this machine alone: a real control plane by kwok, nodes that are only dressed, a real LWS controller.

kwokctl's binary runtime makes certificates and starts etcd, API server, controller manager, scheduler and kwok's own
controller, which plays the kubelets. All of it lives below one folder of the run and listens on 127.0.0.1 only.
Source: pkg/kwokctl of sigs.k8s.io/kwok 0.7.0.
"""

import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from seatrial.clusters import assets, ports, processes
from seatrial.clusters.apiserver import ApiServer, Credentials, Object, Refused, Unreachable
from seatrial.clusters.assets.programs import program
from seatrial.clusters.capability import Capability
from seatrial.clusters.leftovers import Run
from seatrial.clusters.logs import last_lines, telling
from seatrial.clusters.lws_manager import NAME as LWS_MANAGER
from seatrial.clusters.lws_manager import LwsManager
from seatrial.clusters.provider import Cluster, ClusterError, Progress, silent

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "etcd", "kwok", "kwokctl")
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "kwok-controller")
PORTS = {
    "etcdPort": "etcd",
    "etcdPeerPort": "etcd",
    "kubeApiserverPort": "kube-apiserver",
    "kubeControllerManagerPort": "kube-controller-manager",
    "kubeSchedulerPort": "kube-scheduler",
    "kwokControllerPort": "kwok-controller",
}
CAPABILITIES = frozenset({Capability.DRY_RUN, Capability.DISRUPT, Capability.CONTROL})
NODES = "/api/v1/nodes"
NODES_SEEN = f"{NODES}?resourceVersion=0"
"""From the API server's memory, which may be a moment old."""
READY_WITHIN = 120.0
"""Seconds for each step of the start; many times what a slow machine needs."""
KUBELET = "seatrial/kubelet"
"""Label of nodes; kwok plays the kubelet of all but those where it says stopped."""
ATTEMPTS = 3
"""Starts with other ports, when somebody else took one meanwhile."""
POLL = 0.05
IMPATIENT = "failed to wait for apiserver being healthy"
"""With these words the controller manager ends when the API server needs more than 10 s, as on a busy machine."""


class _GaveUp(ClusterError):
    """A program of the cluster has ended because another one was not ready in time."""


class Kwok:
    """Provider of one kwok cluster. The experiments (`stop_lws_manager` and so on) need a started one."""

    name = "kwok"
    own = True

    def __init__(
        self,
        lws_version: str,
        nodes: Sequence[Object],
        *,
        asset_folders: Sequence[Path] = (),
        run: Run,
        audit_policy: Path | None = None,
    ) -> None:
        """`audit_policy` (a Policy of audit.k8s.io) adds the log "audit": who asked the API server for what."""
        self.lws_version = lws_version
        self.nodes = nodes
        self.asset_folders = tuple(asset_folders)
        self.audit_policy = audit_policy
        self.cluster = f"seatrial-{secrets.token_hex(4)}"
        self.folder = run.folder / self.cluster
        self._kwokctl: subprocess.Popen[bytes] | None = None
        self._again = False
        self._server: ApiServer | None = None
        self._manager: LwsManager | None = None
        self._running: Cluster | None = None

    @property
    def running(self) -> Cluster:
        """What `start` returned. Raises ClusterError before and after that."""
        if self._running is None:
            raise ClusterError("the kwok cluster is not running: start it first")
        return self._running

    @property
    def server(self) -> ApiServer:
        """The API server, for the administrator and one thread. Raises ClusterError when it is not running."""
        if self._server is None:
            raise ClusterError("the kwok cluster is not running: start it first")
        return self._server

    def start(self, progress: Progress = silent) -> Cluster:
        """Raises ClusterError; leaves nothing behind when it, or anything else, is raised."""
        try:
            programs = assets.ensure(PROGRAMS, folders=self.asset_folders, progress=progress)
            release = assets.lws(self.lws_version, folders=self.asset_folders, progress=progress)
            for _ in range(ATTEMPTS - 1):
                try:
                    return self._bring_up(programs, release, progress)
                except ports.PortTaken:
                    self.stop()
            return self._bring_up(programs, release, progress)
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError):
                what = f"{error.filename or self.folder}: {error.strerror or error}"
                raise ClusterError(f"the kwok cluster could not be started: {what}") from error
            raise

    def stop(self) -> None:
        """End all processes and remove the folder with all logs. Never raises; may be called at any time, and again."""
        with processes.uninterrupted():
            if self._server is not None:
                self._server.close()
            if self._manager is not None:
                self._manager.stop()
            if self._kwokctl is not None:
                processes.end(self._kwokctl)
            self._server = self._manager = self._kwokctl = self._running = None
            # What does not even end when it is killed keeps its folder: by it the next sweep finds it.
            if not processes.kill_all(self.folder):
                shutil.rmtree(self.folder, ignore_errors=True)

    def check(self) -> None:
        """Raises ClusterError with its last words if a program of the cluster has ended by itself."""
        if not self._is_starting_again:
            for file in sorted((self._home / "pids").glob("*.pid")):
                self._check_component(file)
        if self._manager is not None:
            self._manager.check()

    def stop_lws_manager(self) -> None:
        """End the LWS controller. Its webhooks stay registered, so that sets and their pods cannot be written."""
        self._started().stop()

    def start_lws_manager(self) -> None:
        """Start the controller again, of the same release; returns when it decides."""
        self.replace_lws(self.lws_version)

    def replace_lws(self, version: str, progress: Progress = silent) -> None:
        """Put another release's CRDs, webhooks and controller in the place of the present ones; sets stay."""
        manager = self._started()
        release = assets.lws(version, folders=self.asset_folders, progress=progress)
        manager.stop()
        self._install(manager, release)
        manager.wait()
        self.lws_version = version
        self._running = replace(self.running, lws=version)

    def stop_kubelet(self, node: str) -> None:
        """From now on nothing happens on this node: pods bound to it stay Pending, those being deleted Terminating.

        The control plane does not know it yet: heartbeats may be late. `lose_node` tells it.
        """
        self.server.patch(f"{NODES}/{node}", {"metadata": {"labels": {KUBELET: "stopped"}}})

    def start_kubelet(self, node: str) -> None:
        """End `stop_kubelet` or `lose_node`: the node becomes ready again, and what waited on it happens."""
        self.server.patch(f"{NODES}/{node}", {"metadata": {"labels": {KUBELET: None}}})

    def lose_node(self, node: str) -> None:
        """Stop the kubelet and report at once what the node controller reports when heartbeats stay away.

        That is: the node's conditions are unknown, its pods not ready. The node controller itself then taints the node
        as unreachable, and evicts its pods when their tolerations end.
        Source: monitorNodeHealth of pkg/controller/nodelifecycle, Kubernetes 1.34.
        """
        self.stop_kubelet(node)
        server = self.server
        conditions = server.get(f"{NODES}/{node}")["status"]["conditions"]
        lost = {"status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
        server.patch(f"{NODES}/{node}/status", {"status": {"conditions": [{**each, **lost} for each in conditions]}})
        for pod in server.get(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}")["items"]:
            conditions = [
                {**each, "status": "False"} if each["type"] == "Ready" else each for each in pod["status"]["conditions"]
            ]
            path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
            server.patch(path, {"status": {"conditions": conditions}})

    @property
    def _home(self) -> Path:
        """Where kwokctl keeps this cluster: bin, etcd, logs, pids, pki, kwok.yaml."""
        return self.folder / "clusters" / self.cluster

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def _started(self) -> LwsManager:
        if self._manager is None:
            raise ClusterError("the kwok cluster is not running: start it first")
        return self._manager

    def _bring_up(self, programs: Mapping[str, Path], release: assets.LwsAssets, progress: Progress) -> Cluster:
        progress("starting the control plane")
        chosen = ports.free(tuple(PORTS))
        self._create(programs, chosen)
        pki = self._home / "pki"
        server = self._server = ApiServer(
            chosen["kubeApiserverPort"], Credentials(pki / "ca.crt", pki / "admin.crt", pki / "admin.key")
        )
        self._until("the API server answered", lambda: bool(server.get("/version")))
        progress(f"installing LWS {release.version}")
        manager = self._manager = LwsManager(self._home, self.kubeconfig, server)
        self._install(manager, release)
        self._until("the API server was ready", lambda: server.get("/readyz") == "ok")
        progress(f"creating {len(self.nodes)} nodes")
        server.create_all(NODES, self.nodes)
        # Looking at a thousand nodes is work for the API server, too.
        pause = max(POLL, len(self.nodes) / 2000)
        self._until("the nodes were ready", lambda: not _unready(server.get(NODES_SEEN)["items"]), pause)
        self._until("the default service account was there", lambda: _has_service_account(server))
        progress(f"waiting for LWS {release.version}")
        manager.wait()
        self._running = Cluster(
            provider=self.name,
            name=self.cluster,
            kubeconfig=self.kubeconfig,
            context=f"kwok-{self.cluster}",
            capabilities=CAPABILITIES,
            lws=release.version,
            logs={name: self._home / "logs" / f"{name}.log" for name in self._logs()},
        )
        return self._running

    def _logs(self) -> tuple[str, ...]:
        return (*COMPONENTS, LWS_MANAGER, *(["audit"] if self.audit_policy else []))

    def _install(self, manager: LwsManager, release: assets.LwsAssets) -> None:
        """Each step can be refused while the API server still starts, and be done twice."""
        lws = f"LWS {release.version}"
        self._until(f"the CRDs of {lws} were accepted", lambda: _done(manager.install, release))
        self._until(f"the CRDs of {lws} were served", lambda: manager.installed(release))
        manager.start(release)
        self._until(f"the webhooks of {lws} were accepted", lambda: _done(manager.register, release))

    def _create(self, programs: Mapping[str, Path], chosen: Mapping[str, int]) -> None:
        """Make the cluster's folder and start its programs."""
        kwokctl = self.folder / "bin" / "kwokctl"
        kwokctl.parent.mkdir(parents=True)
        kwokctl.symlink_to(programs["kwokctl"])
        configuration = self.folder / "kwokctl.yaml"
        configuration.write_text(yaml.safe_dump(self._configuration(programs, chosen)))
        self._again = False
        self._run_kwokctl("--config", configuration, "create", "cluster", "--kubeconfig", self.kubeconfig)

    def _start_again(self) -> None:
        """Start the programs that have ended; kwokctl leaves those alone that run."""
        if not self._kwokctl_runs:  # else it is at it
            self._again = True
            self._run_kwokctl("start", "cluster")

    @property
    def _is_starting_again(self) -> bool:
        """Meanwhile a program that has ended has an empty log, which kwokctl opens anew, and still its old number."""
        return self._again and self._kwokctl_runs

    @property
    def _kwokctl_runs(self) -> bool:
        return self._kwokctl is not None and processes.exit_code(self._kwokctl) is None

    def _run_kwokctl(self, *arguments: str | Path) -> None:
        """Start kwokctl, which starts the rest. It is not waited for here: its own waiting is slower than ours."""
        # Nothing of the user's environment: KWOK_* variables, proxies and ~/.kube are not for this cluster.
        environment = {"HOME": self.folder, "KUBECONFIG": self.kubeconfig, "KWOK_WORKDIR": self.folder}
        with (self.folder / "kwokctl.log").open("ab") as log:
            self._kwokctl = subprocess.Popen(
                [self.folder / "bin" / "kwokctl", "--name", self.cluster, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    def _configuration(self, programs: Mapping[str, Path], chosen: Mapping[str, int]) -> dict[str, Any]:
        return {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokctlConfiguration",
            "options": {
                "runtime": "binary",
                "bindAddress": "127.0.0.1",
                "kubeVersion": program("kube-apiserver").version,
                "kubeApiserverBinary": str(programs["kube-apiserver"]),
                "kubeControllerManagerBinary": str(programs["kube-controller-manager"]),
                "kubeSchedulerBinary": str(programs["kube-scheduler"]),
                "kubectlBinary": str(programs["kubectl"]),
                "etcdBinary": str(programs["etcd"]),
                "kwokControllerBinary": str(programs["kwok"]),
                # Should an etcd of another cluster ever answer on our port, nothing of it can be mixed up with ours.
                "etcdPrefix": f"/{self.cluster}",
                "disableQPSLimits": True,
                # A lease is renewed four times in its duration: 20 times a second in a fleet of 1,000 nodes.
                "heartbeatFactor": 1,
                "nodeLeaseDurationSeconds": 200,
                "nodeStatusUpdateFrequencyMilliseconds": 50_000,
                "kubeControllerManagerNodeMonitorGracePeriodMilliseconds": 200_000,
                "kubeControllerManagerNodeMonitorPeriodMilliseconds": 1_000,
                "kubeAuditPolicy": str(self.audit_policy.resolve()) if self.audit_policy else "",
                **chosen,
            },
            "componentsPatches": [
                # The data live as long as the run.
                _arguments("etcd", {"unsafe-no-fsync": "true"}),
                # An address of its own choice would need a network (RFC 5737: for documentation only).
                _arguments("kube-apiserver", {"advertise-address": "192.0.2.1"}),
                # It only tells kubelets how long to keep secrets, and each time the cluster grows it patches all nodes.
                # A claim that names its volume can lose a race between two workers, and then waits for the next sync.
                _arguments(
                    "kube-controller-manager", {"controllers": "*,-ttl-controller", "pvclaimbinder-sync-period": "2s"}
                ),
                # Now and then a pod is not told that its claim has been bound, and is tried again only after this time.
                _arguments("kube-scheduler", {"pod-max-in-unschedulable-pods-duration": "5s"}),
                # The last of two equal flags counts; kwokctl itself says that all nodes are managed.
                _arguments(
                    "kwok-controller",
                    {"manage-all-nodes": "false", "manage-nodes-with-label-selector": f"{KUBELET}!=stopped"},
                ),
            ],
        }

    def _until(self, what: str, holds: Callable[[], bool], pause: float = POLL) -> None:
        """Wait until it holds, looking every `pause` seconds.

        Raises ClusterError when a program ends meanwhile, or when READY_WITHIN seconds have passed.
        """
        deadline = time.monotonic() + READY_WITHIN
        observed = ""
        while time.monotonic() < deadline:
            try:
                if holds():
                    return
            except (Refused, Unreachable) as error:
                observed = f": {error}"
            self._check_kwokctl()
            try:
                self.check()
            except _GaveUp:
                self._start_again()
            time.sleep(pause)
        raise ClusterError(f"the kwok cluster did not start: {READY_WITHIN:g} s passed before {what}{observed}")

    def _check_kwokctl(self) -> None:
        if self._kwokctl is not None and processes.exit_code(self._kwokctl):
            words = telling((self.folder / "kwokctl.log").read_text(errors="replace"))
            raise ClusterError(f"kwokctl could not make the cluster: {words}")

    def _check_component(self, file: Path) -> None:
        number = file.read_text().strip() if file.exists() else ""
        if not number:
            return  # being written
        process = processes.read(int(number))
        if process is not None and processes.belongs(process, self.folder):
            return
        name = file.stem
        words = last_lines(self._home / "logs" / f"{name}.log")
        if "address already in use" in words:
            raise ports.PortTaken(f"{name} lost its port to another program: {words}")
        kind = _GaveUp if IMPATIENT in words else ClusterError
        raise kind(f"{name} of the kwok cluster ended: {words}")


def _done(step: Callable[[assets.LwsAssets], None], release: assets.LwsAssets) -> bool:
    step(release)
    return True


def _arguments(component: str, flags: Mapping[str, str]) -> dict[str, Any]:
    return {"name": component, "extraArgs": [{"key": key, "value": value} for key, value in flags.items()]}


def _unready(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of nodes that take no pods yet: not reported as ready, or the report is not yet taken notice of."""
    return [node["metadata"]["name"] for node in nodes if not _is_ready(node)]


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    taints = node["spec"].get("taints", [])
    return ready and not any(taint["key"] == "node.kubernetes.io/not-ready" for taint in taints)


def _has_service_account(server: ApiServer) -> bool:
    """Pods can be created only once the controller manager has made it."""
    return bool(server.get("/api/v1/namespaces/default/serviceaccounts/default"))
