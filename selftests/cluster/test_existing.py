"""A cluster that somebody else owns: what is read of it, with which rights, and what is left on it afterwards."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.clusters.leftovers import Run
from seatrial.clusters.provider import ClusterError
from seatrial.live.api import ApiError
from seatrial.live.own_namespace import MANAGED, RUN, OwnNamespace, left_behind
from seatrial.live.resources import CONFIG_MAPS, KNOWN, NAMESPACES, SECRETS, Resource
from seatrial.verdict import Verdict

from .users_cluster import NAMESPACE, UsersCluster, account, grant, judge, not_fine, rules, told, users_cluster

ROOT = Path(__file__).parents[2]
AUDIT = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""
READER = "reader"


@pytest.fixture(scope="module")
def users(
    run: Run, asset_folders: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UsersCluster]:
    folder = tmp_path_factory.mktemp("set")
    policy = tmp_path_factory.mktemp("policy") / "audit.yaml"
    policy.write_text(AUDIT)
    with users_cluster("two-groups", folder, run, asset_folders, policy) as found:
        yield found


@pytest.fixture(scope="module")
def reader(users: UsersCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of somebody who may do what `seatrial rbac read` says."""
    return account(users, READER, tmp_path_factory.mktemp("reader"), rules("read"))


Pytest = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    def start(*arguments: str | Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "pytest", "-p", "seatrial.plugin", "-p", "no:cacheprovider", "-m", "cluster"]
        return subprocess.Popen(
            [*command, "--report-dir", tmp_path / "out", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{tmp_path}", "COLUMNS": "120", "PYTHONUNBUFFERED": "1"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return start


@pytest.fixture
def run_pytest(start: Callable[..., "subprocess.Popen[str]"]) -> Pytest:
    def run_pytest(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        process = start(*arguments)
        out, _ = process.communicate(timeout=180)
        assert "Traceback" not in out
        return subprocess.CompletedProcess(process.args, process.returncode, out)

    return run_pytest


def rows(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]


# What is judged.


def test_nothing_is_found_on_a_healthy_cluster(users: UsersCluster, tmp_path: Path) -> None:
    found = judge(users, tmp_path)
    assert not_fine(found) == {}
    assert {found[id].verdict for id in ("CTL-02", "GRP-01", "EPS-01", "VOL-02", "ADM-02", "ADM-06")} == {
        Verdict.PASSED
    }


def test_what_runs_is_read_back(users: UsersCluster, tmp_path: Path) -> None:
    found = judge(users, tmp_path, named=False)
    assert not_fine(found) == {}
    assert {found[id].verdict for id in ("CTL-02", "GRP-01", "EPS-01", "VOL-02", "ADM-02")} == {Verdict.PASSED}
    assert found["ADM-06"].reason == "the manifests were read from this cluster"


def test_dressed_nodes_are_no_hardware(users: UsersCluster, tmp_path: Path) -> None:
    found = judge(users, tmp_path)
    assert found["DLJ-01"].reason == "nothing runs inside the pods of this cluster"
    assert found["CTL-01"].reason == "the LWS controller of this cluster runs outside it"
    assert "dry run asks for the right to create" in found["ADM-03"].reason


def test_on_the_command_line(users: UsersCluster, run_pytest: Pytest, tmp_path: Path) -> None:
    done = run_pytest("--kubeconfig", users.kubeconfig)
    assert done.returncode == 0, done.stdout
    assert "judging 1 set (llm)" in done.stdout and "which is only read" in done.stdout
    assert {row["set"] for row in rows(tmp_path)} == {"llm"}
    named = run_pytest("--kubeconfig", users.kubeconfig, "--manifests", users.folder, "--namespace", NAMESPACE)
    assert named.returncode == 0, named.stdout


# With which rights.


def requests(users: UsersCluster, name: str) -> list[dict[str, Any]]:
    """What the API server noted of a service account."""
    lines = users.provider.running.logs["audit"].read_text().splitlines()
    seen = [json.loads(line) for line in lines if f"system:serviceaccount:default:{name}" in line]
    return [one for one in seen if one["user"]["username"] == f"system:serviceaccount:default:{name}"]


def refused(seen: list[dict[str, Any]]) -> list[str]:
    """What the account had no right to; webhooks refuse with the same status."""
    return [one["requestURI"] for one in seen if one["annotations"]["authorization.k8s.io/decision"] != "allow"]


def test_only_get_list_and_watch_are_sent(users: UsersCluster, reader: Path, run_pytest: Pytest) -> None:
    for more in ([], ["--manifests", users.folder, "--namespace", NAMESPACE]):
        done = run_pytest("--kubeconfig", reader, *more)
        assert done.returncode == 0, done.stdout
        assert "may not be read" not in done.stdout
    seen = requests(users, READER)
    assert {one["verb"] for one in seen} == {"get", "list", "watch"}
    assert refused(seen) == []
    assert [one["requestURI"] for one in seen if "/secrets" in one["requestURI"]] == []


def test_a_run_that_only_reads_refuses_to_write(users: UsersCluster) -> None:
    from seatrial.clusters.kubeconfig import client
    from seatrial.live.api import Api, WriteRefused

    api = Api(client(users.kubeconfig), read_only=True)
    for write in (
        lambda: api.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, NAMESPACE),
        lambda: api.apply(CONFIG_MAPS, {"metadata": {"name": "a"}}, NAMESPACE),
        lambda: api.patch(CONFIG_MAPS, "a", {}, NAMESPACE),
        lambda: api.delete(CONFIG_MAPS, "a", NAMESPACE),
    ):
        with pytest.raises(WriteRefused):
            write()
    api.close()


def granted(mode: str) -> dict[tuple[str, str], set[str]]:
    return {
        (group, resource): set(rule["verbs"])
        for rule in rules(mode)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_the_role_for_reading_covers_what_is_read() -> None:
    found = granted("read")
    assert found.pop(("", "pods/log")) == {"get"}
    assert {frozenset(verbs) for verbs in found.values()} == {frozenset({"get", "list", "watch"})}
    assert {(one.group, one.plural) for one in KNOWN if one is not SECRETS} - found.keys() == set()
    assert ("", "secrets") not in found


def without(plural: str) -> list[dict[str, Any]]:
    """The rights of a reader, but for one kind."""
    return [
        {**rule, "resources": left}
        for rule in rules("read")
        if (left := [one for one in rule["resources"] if one != plural])
    ]


READ_OF_THE_SET = [
    one for one in KNOWN if one.plural in {
        "leaderworkersets", "pods", "services", "endpointslices", "statefulsets", "events", "persistentvolumeclaims",
        "nodes", "customresourcedefinitions", "mutatingwebhookconfigurations", "storageclasses", "persistentvolumes",
        "csinodes", "deployments", "jobs", "configmaps", "poddisruptionbudgets",
    }
]  # fmt: skip


UNASKED = ("jobs", "configmaps", "poddisruptionbudgets", "deployments", "events")
"""Kinds that no requirement asks for on this cluster as long as the set is well."""


@pytest.mark.parametrize("hidden", READ_OF_THE_SET, ids=lambda resource: resource.plural)
def test_a_missing_right_is_named_and_nothing_else(
    hidden: Resource, users: UsersCluster, limited: Path, tmp_path: Path
) -> None:
    """No wrong verdict, no crash; and where a requirement needs the kind, it says which right is missing."""
    grant(users, "limited", without(hidden.plural))
    _until_allowed(users, hidden, False)
    for named in (True, False):
        if hidden.plural == "leaderworkersets" and not named:
            with pytest.raises(ClusterError, match="leaderworkersets in namespace llm may not be read"):
                judge(users, tmp_path, named=named, kubeconfig=limited)
            continue
        found = judge(users, tmp_path, named=named, kubeconfig=limited)
        assert not_fine(found) == {}
        if named and hidden.plural not in UNASKED:
            said = [one.reason for one in found.values() if one.verdict is Verdict.CANNOT_TELL]
            assert any(hidden.plural in reason for reason in said), said


@pytest.fixture(scope="module")
def limited(users: UsersCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of somebody whose rights are about to be cut."""
    return account(users, "limited", tmp_path_factory.mktemp("limited"), rules("read"))


def _until_allowed(users: UsersCluster, resource: Resource, expected: bool) -> None:
    """The authorizer follows roles with a delay."""
    asked = {"verb": "list", "group": resource.group, "resource": resource.plural}
    if resource.namespaced:
        asked["namespace"] = NAMESPACE
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": "system:serviceaccount:default:limited", "resourceAttributes": asked},
    }
    reviews = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", False)
    users.until(
        f"{resource.plural} are {'' if expected else 'not '}allowed",
        lambda: bool(users.api.create(reviews, review)["status"]["allowed"]) is expected,
    )


def test_without_any_right(users: UsersCluster, tmp_path: Path, run_pytest: Pytest) -> None:
    file = account(users, "nobody", tmp_path, [])
    found = judge(users, tmp_path, kubeconfig=file)
    assert not_fine(found) == {}
    done = run_pytest("--kubeconfig", file)
    assert done.returncode == 4
    assert "leaderworkersets may not be read by this kubeconfig's user" in done.stdout
    assert "--namespace NAME" in done.stdout


# What cannot be judged ends in one line.


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 4, done.stdout
    return next(line for line in reversed(done.stdout.splitlines()) if line.strip())


def changed(users: UsersCluster, folder: Path, **entry: Any) -> Path:
    """The user's kubeconfig with other entries of the cluster or the user."""
    config = yaml.safe_load(users.kubeconfig.read_text())
    for section, name in (("clusters", "cluster"), ("users", "user")):
        for one in config[section]:
            one[name] = {**one[name], **entry.get(name, {})}
            one[name] = {key: value for key, value in one[name].items() if value is not None}
    file = folder / "changed.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


NO_CERTIFICATE = {
    "client-certificate": None,
    "client-key": None,
    "client-certificate-data": None,
    "client-key-data": None,
}


def test_wrong_credentials(users: UsersCluster, tmp_path: Path, run_pytest: Pytest) -> None:
    file = changed(users, tmp_path, user={**NO_CERTIFICATE, "token": "s3cr3t"})
    said = last_line(run_pytest("--kubeconfig", file))
    assert "does not accept the credentials of user" in said and "s3cr3t" not in said


def test_no_credentials(users: UsersCluster, tmp_path: Path, run_pytest: Pytest) -> None:
    said = last_line(run_pytest("--kubeconfig", changed(users, tmp_path, user=NO_CERTIFICATE)))
    assert "has no credentials" in said or "does not accept the credentials" in said


def test_wrong_authority(users: UsersCluster, tmp_path: Path, run_pytest: Pytest) -> None:
    stranger = ROOT / "selftests" / "certificates" / "stranger.pem"
    trust = {"certificate-authority": str(stranger), "certificate-authority-data": None}
    said = last_line(run_pytest("--kubeconfig", changed(users, tmp_path, cluster=trust)))
    assert "its certificate is not one that the kubeconfig trusts" in said


def test_unverified_server(users: UsersCluster, tmp_path: Path, run_pytest: Pytest) -> None:
    trust = {"certificate-authority": None, "certificate-authority-data": None, "insecure-skip-tls-verify": True}
    done = run_pytest("--kubeconfig", changed(users, tmp_path, cluster=trust), "-k", "CTL-02")
    assert done.returncode == 0, done.stdout
    assert "the server's certificate is not verified" in done.stdout


def test_namespaces(users: UsersCluster, run_pytest: Pytest) -> None:
    assert "the closest is llm" in last_line(run_pytest("--kubeconfig", users.kubeconfig, "--namespace", "lml"))
    empty = last_line(run_pytest("--kubeconfig", users.kubeconfig, "--namespace", "default"))
    assert "no LeaderWorkerSet is in namespace default; there are: llm/deepseek-r1" in empty


def test_a_set_that_runs_elsewhere(users: UsersCluster, run_pytest: Pytest) -> None:
    said = last_line(run_pytest("--kubeconfig", users.kubeconfig, "--manifests", users.folder))
    assert "LeaderWorkerSet default/deepseek-r1 is not on the cluster; there are: llm/deepseek-r1" in said


def test_namespace_that_is_going_away(users: UsersCluster, run_pytest: Pytest) -> None:
    users.api.create(NAMESPACES, {"metadata": {"name": "leaving"}})
    held = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    users.api.create(CONFIG_MAPS, held, "leaving")
    users.api.delete(NAMESPACES, "leaving")
    try:
        said = last_line(run_pytest("--kubeconfig", users.kubeconfig, "--namespace", "leaving"))
        assert "--namespace leaving: it is being deleted" in said
    finally:
        users.api.patch(CONFIG_MAPS, "held", {"metadata": {"finalizers": None}}, "leaving")


CUT = """
import pathlib, time
count = 0
def pytest_runtest_setup(item):
    global count
    count += 1
    if count == 6:
        here = pathlib.Path(__file__).parent
        (here / "cut").touch()
        while not (here / "is_cut").exists():
            time.sleep(0.01)
"""


def test_connection_that_is_lost(users: UsersCluster, tmp_path: Path, run_pytest: Pytest) -> None:
    """Verdicts so far are kept, and one line says why there are no more."""
    (tmp_path / "cutter.py").write_text(CUT)
    wire = Wire(users.provider.server.port)

    def cut() -> None:
        while not (tmp_path / "cut").exists():
            time.sleep(0.01)
        wire.cut()
        (tmp_path / "is_cut").touch()

    threading.Thread(target=cut, daemon=True).start()
    file = changed(users, tmp_path, cluster={"server": f"https://127.0.0.1:{wire.port}"})
    done = run_pytest("--kubeconfig", file, "-p", "cutter")
    assert done.returncode == 4, done.stdout
    assert f"https://127.0.0.1:{wire.port}: " in done.stdout
    assert len(rows(tmp_path)) >= 5
    assert json.loads((tmp_path / "out" / "report.json").read_text())["outcome"] != "success"


class Wire:
    """Carries bytes to the API server until it is cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._sockets = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            one.close()

    def cut(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


# A namespace of the run's own.


def own(users: UsersCluster) -> list[str]:
    return [
        one["metadata"]["name"] for one in users.api.list(NAMESPACES, labels="app.kubernetes.io/managed-by=seatrial")
    ]


def test_deploy(users: UsersCluster, tmp_path: Path, run_pytest: Pytest) -> None:
    """With exactly the rights that it says it needs; the user's own set is not touched."""
    file = account(users, "deployer", tmp_path, [*rules("read"), *rules("deploy")])
    before = {pod.uid for pod in users.deployed.pods()}
    done = run_pytest("--kubeconfig", file, "--manifests", users.folder, "--deploy", "--wait", "5")
    verdicts = {row["requirement"]: row["verdict"] for row in rows(tmp_path)}
    assert {verdicts[id] for id in ("ADM-03", "ADM-04", "ADM-06", "CTL-05", "CTL-06", "GRP-02")} == {"passed"}, (
        done.stdout
    )
    seen = requests(users, "deployer")
    writes = {
        (one["verb"], one["objectRef"].get("namespace") or one["objectRef"]["name"])
        for one in seen
        if one["verb"] not in ("get", "list", "watch")
    }
    assert {where.split("-")[0] for _, where in writes} == {"seatrial"}, writes
    assert refused(seen) == []
    assert own(users) == []
    assert {pod.uid for pod in users.deployed.pods()} == before


def test_deploy_that_is_interrupted(users: UsersCluster, start: Callable[..., "subprocess.Popen[str]"]) -> None:
    process = start("--kubeconfig", users.kubeconfig, "--manifests", users.folder, "--deploy")
    try:
        users.until("a namespace is made", lambda: own(users))
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0, out
    users.until("it is gone", lambda: not own(users))


def test_deploy_without_the_right(users: UsersCluster, reader: Path, run_pytest: Pytest) -> None:
    done = run_pytest("--kubeconfig", reader, "--manifests", users.folder, "--deploy")
    assert done.returncode == 4
    assert "cannot be made: namespaces is forbidden" in done.stdout
    assert "grant the rights that `seatrial rbac deploy` prints" in done.stdout


def test_deploy_of_a_set_in_two_namespaces(users: UsersCluster, tmp_path: Path, run_pytest: Pytest) -> None:
    folder = tmp_path / "spread"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.yaml").write_text(
            f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: {name}}}\n"
        )
    said = last_line(run_pytest("--kubeconfig", users.kubeconfig, "--manifests", folder, "--deploy"))
    assert "set spread is spread over namespaces one, two" in said


def test_a_namespace_of_that_name_is_left_alone(users: UsersCluster) -> None:
    home = OwnNamespace(users.api, "set", lambda _step: None)
    users.api.create(NAMESPACES, {"metadata": {"name": home.name, "labels": MANAGED}})
    try:
        with pytest.raises(ClusterError, match="is there already, and not of this run"):
            home.take()
        home.leave()
        assert users.api.find(NAMESPACES, home.name) is not None
    finally:
        users.api.delete(NAMESPACES, home.name)


def test_what_another_run_left_is_told_and_stays(users: UsersCluster, run_pytest: Pytest) -> None:
    left = {"name": "seatrial-0badcafe-set", "labels": {**MANAGED, RUN: "0badcafe"}, "annotations": {RUN: "0badcafe"}}
    users.api.create(NAMESPACES, {"metadata": left})
    try:
        [line] = left_behind(users.api)
        assert line.startswith("namespace seatrial-0badcafe-set is there since 0 min, made by run 0badcafe")
        done = run_pytest(
            "--kubeconfig", users.kubeconfig, "--manifests", users.folder, "--deploy", "--wait", "0", "-k", "CTL-02"
        )
        assert line[:45] in done.stdout and "kubectl delete namespace" in done.stdout
        assert users.api.find(NAMESPACES, left["name"]) is not None
    finally:
        users.api.delete(NAMESPACES, left["name"])


def test_who_may_not_look_is_not_told(users: UsersCluster) -> None:
    class Blind:
        def list(self, *_: object, **__: object) -> list[dict[str, Any]]:
            raise ApiError(403, "Forbidden", "no")

    assert left_behind(Blind()) == []  # type: ignore[arg-type]


def test_verdicts_say_what_they_found(users: UsersCluster, tmp_path: Path) -> None:
    """The report of a run without rights is honest: nothing passed that was not seen."""
    file = account(users, "blind", tmp_path, [])
    found = judge(users, tmp_path, kubeconfig=file)
    passed = {id: told(one) for id, one in found.items() if one.verdict is Verdict.PASSED}
    assert set(passed) <= {"ADM-02"}, passed
