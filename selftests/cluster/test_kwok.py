"""The kwok provider on real clusters: what it makes, and that nothing of it stays, however a run ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from seatrial.clusters import leftovers, ports, processes
from seatrial.clusters.apiserver import ApiServer, Refused
from seatrial.clusters.kwok import Kwok
from seatrial.clusters.leftovers import Run
from seatrial.clusters.provider import ClusterError

from .conftest import node

SETS = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/default/leaderworkersets"
PODS = "/api/v1/namespaces/default/pods"
SOURCES = Path(leftovers.__file__).parents[2]


def eventually(holds: Callable[[], bool], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"did not come true in {within:g} s"
        time.sleep(0.1)


def lws(name: str, replicas: int = 1, size: int = 2) -> dict[str, Any]:
    engine = {"name": "engine", "image": "engine", "resources": {"limits": {"nvidia.com/gpu": "8"}}}
    template = {"size": size, "workerTemplate": {"spec": {"containers": [engine]}}}
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "leaderWorkerTemplate": template},
    }


def pods_of(server: ApiServer, name: str) -> list[dict[str, Any]]:
    pods: list[dict[str, Any]] = server.get(f"{PODS}?labelSelector=leaderworkerset.sigs.k8s.io/name%3D{name}")["items"]
    return pods


def available(server: ApiServer, name: str) -> bool:
    conditions = server.get(f"{SETS}/{name}").get("status", {}).get("conditions", [])
    return any(condition["type"] == "Available" and condition["status"] == "True" for condition in conditions)


def listening(folder: Path) -> dict[int, set[str]]:
    """TCP ports on which processes of the folder listen, and on which addresses."""
    inodes = set()
    for process in processes.running_in(folder):
        for handle in (processes.PROC / str(process.pid) / "fd").iterdir():
            if socket_of := re.fullmatch(r"socket:\[(\d+)\]", str(handle.readlink())):
                inodes.add(socket_of[1])
    found: dict[int, set[str]] = {}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == "0A" and fields[9] in inodes:
                found.setdefault(int(port, 16), set()).add(address)
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
def own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with Run.begin() as run:
        yield run


@pytest.fixture
def set_name(kwok_provider: Kwok, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name for a set on the shared cluster, which is removed with its pods."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:40].strip("-")
    yield name
    server = kwok_provider.server
    server.request("DELETE", f"{SETS}?fieldSelector=metadata.name%3D{name}")
    eventually(lambda: not pods_of(server, name))


class TestStartAndStop:
    def test_everything_works_and_nothing_stays(
        self, own_run: Run, asset_folders: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine = tmp_path / "kubeconfig-of-the-user"
        mine.write_text("not for others")
        monkeypatch.setenv("KUBECONFIG", str(mine))
        # The programs are the user's own; all else of the home folder is not for a cluster.
        monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("KWOK_WORKDIR", str(tmp_path / "kwok-of-the-user"))
        steps: list[str] = []
        provider = Kwok("0.9.0", [node("one"), node("two")], asset_folders=asset_folders, run=own_run)
        cluster = provider.start(steps.append)
        server = provider.server

        assert {"starting the control plane", "creating 2 nodes", "installing LWS 0.9.0"} <= set(steps)
        assert cluster.lws == "0.9.0"
        assert own_run.folder in cluster.kubeconfig.parents
        server.create(SETS, lws("sets-come-up"))
        eventually(lambda: available(server, "sets-come-up"))
        assert {pod["spec"]["nodeName"] for pod in pods_of(server, "sets-come-up")} == {"one", "two"}
        provider.check()

        open_ports = listening(own_run.folder)
        assert len(open_ports) >= 8
        assert {address for addresses in open_ports.values() for address in addresses} == {"0100007F"}
        assert {log for log, path in cluster.logs.items() if not path.stat().st_size} == set()

        provider.stop()
        assert processes.running_in(own_run.folder) == []
        assert [port for port in open_ports if not is_free(port)] == []
        assert [entry.name for entry in own_run.folder.iterdir()] == [leftovers.RECORD]
        assert mine.read_text() == "not for others"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["kubeconfig-of-the-user", "state"]
        provider.stop()

    def test_two_at_once_do_not_meet(self, own_run: Run, asset_folders: tuple[Path, ...], tmp_path: Path) -> None:
        policy = tmp_path / "policy.yaml"
        policy.write_text('{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}')
        first = Kwok("0.9.0", [node("of-the-first")], asset_folders=asset_folders, run=own_run)
        second = Kwok("0.8.0", [node("of-the-second")], asset_folders=asset_folders, run=own_run, audit_policy=policy)
        try:
            with ThreadPoolExecutor() as pool:
                clusters = list(pool.map(lambda provider: provider.start(), (first, second)))
            names = [
                provider.server.get("/api/v1/nodes")["items"][0]["metadata"]["name"] for provider in (first, second)
            ]
            assert names == ["of-the-first", "of-the-second"]
            assert [cluster.lws for cluster in clusters] == ["0.9.0", "0.8.0"]
            assert ["audit" in cluster.logs for cluster in clusters] == [False, True]
            assert "/api/v1/nodes" in clusters[1].logs["audit"].read_text()
            first.stop()
            second.check()
            assert second.server.get("/readyz") == "ok"
        finally:
            first.stop()
            second.stop()

    def test_a_port_that_is_taken_is_replaced_by_another(
        self, own_run: Run, asset_folders: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        choose, asked = ports.free, []

        def unlucky(names: Any) -> dict[str, int]:
            asked.append(names)
            chosen = choose(names)
            return {**chosen, "kubeSchedulerPort": other.getsockname()[1]} if len(asked) == 1 else chosen

        monkeypatch.setattr(ports, "free", unlucky)
        provider = Kwok("0.9.0", [], asset_folders=asset_folders, run=own_run)
        with socket.create_server(("127.0.0.1", 0)) as other:
            try:
                provider.start()
                assert sum("kubeSchedulerPort" in names for names in asked) == 2
            finally:
                provider.stop()

    def test_ports_that_are_always_taken_end_in_one_line(
        self, own_run: Run, asset_folders: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        choose = ports.free
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = other.getsockname()[1]
            monkeypatch.setattr(ports, "free", lambda names: {**choose(names), "etcdPort": taken})
            with pytest.raises(ClusterError, match=r"^etcd lost its port to another program: .*address already in use"):
                Kwok("0.9.0", [], asset_folders=asset_folders, run=own_run).start()
        assert processes.running_in(own_run.folder) == []


class TestBrokenPrograms:
    """Programs that tell the right version, and then do not work."""

    @pytest.fixture
    def folder(self, tmp_path: Path, asset_folders: tuple[Path, ...]) -> Path:
        from seatrial.clusters import assets
        from seatrial.clusters.kwok import PROGRAMS

        folder = tmp_path / "assets"
        folder.mkdir()
        for name, path in assets.ensure(PROGRAMS, folders=asset_folders).items():
            (folder / name).symlink_to(path)
        (folder / "lws-0.9.0").symlink_to(assets.lws("0.9.0", folders=asset_folders).manager.parent)
        return folder

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("kube-apiserver", "kube-apiserver of the kwok cluster ended: .*out of paper"),
            ("kube-scheduler", "kube-scheduler of the kwok cluster ended: .*out of paper"),
            ("kwokctl", "kwokctl could not make the cluster: .*out of paper"),
        ],
    )
    def test_a_program_that_ends_is_named_with_its_last_words(
        self, own_run: Run, folder: Path, name: str, said: str
    ) -> None:
        real = (folder / name).resolve()
        (folder / name).unlink()
        (folder / name).write_text(
            f'#!/bin/sh\ncase "$*" in --version) exec {real} --version;; esac\necho error: out of paper >&2\nexit 3\n'
        )
        (folder / name).chmod(0o755)
        with pytest.raises(ClusterError, match=f"^{said}") as caught:
            Kwok("0.9.0", [node("one")], asset_folders=[folder], run=own_run).start()
        assert "\n" not in str(caught.value)
        assert processes.running_in(own_run.folder) == []
        assert [entry.name for entry in own_run.folder.iterdir()] == [leftovers.RECORD]


class TestLwsManager:
    def test_one_that_died_is_told_with_its_last_words(self, kwok_provider: Kwok) -> None:
        folder = kwok_provider.running.kubeconfig.parent
        kwok_provider.check()
        [manager] = [process for process in processes.running_in(folder) if process.name == "lws-manager"]
        processes.kill([manager])
        try:
            eventually(lambda: processes.read(manager.pid) is None)
            with pytest.raises(ClusterError, match=r"^the LWS manager 0\.9\.0 ended with code -9: .+"):
                kwok_provider.check()
        finally:
            kwok_provider.start_lws_manager()
        kwok_provider.check()

    def test_without_it_sets_cannot_be_written(self, kwok_provider: Kwok, set_name: str) -> None:
        server = kwok_provider.server
        kwok_provider.stop_lws_manager()
        try:
            with pytest.raises(Refused, match="failed calling webhook"):
                server.create(SETS, lws(set_name))
        finally:
            kwok_provider.start_lws_manager()
        server.create(SETS, lws(set_name))
        eventually(lambda: available(server, set_name))

    def test_another_release_takes_over_what_runs(self, kwok_provider: Kwok, set_name: str) -> None:
        server = kwok_provider.server
        server.create(SETS, lws(set_name))
        eventually(lambda: available(server, set_name))
        before = {pod["metadata"]["uid"] for pod in pods_of(server, set_name)}
        kwok_provider.replace_lws("0.8.0")
        try:
            assert kwok_provider.running.lws == "0.8.0"
            server.patch(f"{SETS}/{set_name}", {"spec": {"replicas": 2}})
            eventually(lambda: len(pods_of(server, set_name)) == 4)
            assert before <= {pod["metadata"]["uid"] for pod in pods_of(server, set_name)}
        finally:
            kwok_provider.replace_lws("0.9.0")
        assert kwok_provider.running.lws == "0.9.0"


class TestNodes:
    def test_pods_of_a_stopped_kubelet_wait(self, kwok_provider: Kwok, set_name: str) -> None:
        server = kwok_provider.server
        for n in range(8):
            kwok_provider.stop_kubelet(f"node-{n}")
        server.create(SETS, lws(set_name))
        eventually(lambda: sum("nodeName" in pod["spec"] for pod in pods_of(server, set_name)) == 2)
        assert {pod["status"]["phase"] for pod in pods_of(server, set_name)} == {"Pending"}
        for n in range(8):
            kwok_provider.start_kubelet(f"node-{n}")
        eventually(lambda: available(server, set_name))

    def test_a_lost_node_is_unreachable_until_it_is_back(self, kwok_provider: Kwok, set_name: str) -> None:
        server = kwok_provider.server
        server.create(SETS, lws(set_name))
        eventually(lambda: available(server, set_name))
        lost = pods_of(server, set_name)[0]["spec"]["nodeName"]

        def taints() -> set[tuple[str, str]]:
            return {(t["key"], t["effect"]) for t in server.get(f"/api/v1/nodes/{lost}")["spec"].get("taints", [])}

        kwok_provider.lose_node(lost)
        unreachable = {("node.kubernetes.io/unreachable", effect) for effect in ("NoSchedule", "NoExecute")}
        eventually(lambda: taints() == unreachable)
        eventually(lambda: not available(server, set_name))
        kwok_provider.start_kubelet(lost)
        eventually(lambda: taints() == set())
        assert server.get(f"/api/v1/nodes/{lost}")["metadata"]["labels"].get("seatrial/kubelet") is None


CHILD = """
import signal, sys, time
from pathlib import Path
from seatrial.clusters.kwok import Kwok
from seatrial.clusters.leftovers import Run

def end(number, frame):
    raise SystemExit(143)

signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, signal.default_int_handler)
with Run.begin(guarded=sys.argv[1] == "guarded") as run:
    print("run", run.folder, run.guard, flush=True)
    kwok = Kwok("0.9.0", [], asset_folders=[Path(folder) for folder in sys.argv[2:]], run=run)
    try:
        kwok.start(lambda step: print("step", step, flush=True))
        print("step started", flush=True)
        time.sleep(600)
    finally:
        kwok.stop()
"""


class Child:
    """A run in a process of its own, to be ended in every way."""

    def __init__(self, state: Path, asset_folders: tuple[Path, ...], *, guarded: bool) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, "guarded" if guarded else "alone", *map(str, asset_folders)],
            env=os.environ | {"PYTHONPATH": str(SOURCES), "XDG_STATE_HOME": str(state)},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        _, folder, _guard = self.line().split()
        self.folder = Path(folder)

    def line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"the run ended early with code {self.process.wait()}"
        return line.strip()

    def reach(self, step: str) -> None:
        while not self.line().startswith(f"step {step}"):
            pass

    def signal(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def left(self) -> list[processes.Process]:
        return processes.running_in(self.folder)


@pytest.fixture
def child(tmp_path: Path, asset_folders: tuple[Path, ...]) -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def begin(*, guarded: bool = True) -> Child:
        children.append(Child(tmp_path / "state", asset_folders, guarded=guarded))
        return children[-1]

    yield begin
    for each in children:
        each.process.kill()
        each.process.wait()
        assert each.process.stdout
        each.process.stdout.close()
        processes.kill_all(each.folder)


class TestEndings:
    @pytest.mark.parametrize("moment", ["starting the control plane", "installing LWS", "waiting for LWS"])
    @pytest.mark.parametrize("delay", [0.0, 0.3])
    def test_ctrl_c_during_the_start(self, child: Callable[..., Child], moment: str, delay: float) -> None:
        run = child()
        run.reach(moment)
        time.sleep(delay)
        assert run.signal(signal.SIGINT) != 0
        assert run.left() == []
        assert not run.folder.exists()

    def test_sigterm(self, child: Callable[..., Child]) -> None:
        run = child()
        run.reach("started")
        assert run.signal(signal.SIGTERM) == 143
        assert run.left() == []
        assert not run.folder.exists()

    @pytest.mark.parametrize("moment", ["starting the control plane", "started"])
    def test_the_guard_clears_up_after_a_hard_kill(self, child: Callable[..., Child], moment: str) -> None:
        run = child()
        run.reach(moment)
        run.signal(signal.SIGKILL)
        eventually(lambda: not run.folder.exists())
        assert run.left() == []

    def test_the_next_run_clears_up_where_nobody_guarded(
        self, child: Callable[..., Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alive, killed = child(), child(guarded=False)
        killed.reach("started")
        killed.signal(signal.SIGKILL)
        assert {process.name for process in killed.left()} >= {"etcd", "kube-apiserver", "lws-manager"}

        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        with ThreadPoolExecutor() as pool:
            removed = [name for names in pool.map(lambda _: leftovers.sweep(), range(4)) for name in names]
        assert removed == [killed.folder.name]
        assert killed.left() == []
        assert not killed.folder.exists()
        assert json.loads((alive.folder / leftovers.RECORD).read_text())["pid"] == alive.process.pid
        alive.reach("started")
