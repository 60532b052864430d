"""`--disruptive` on a user's cluster: with exactly the rights it says it needs, and everything is back afterwards."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial import catalogue
from seatrial.clusters.leftovers import Run
from seatrial.live.resources import LEADER_WORKER_SETS, NAMESPACES, SERVICES

from .users_cluster import NAMESPACE, UsersCluster, account, judge, not_fine, rules, users_cluster

ROOT = Path(__file__).parents[2]
NAME = "breaker"
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""
EXPERIMENTS = {one.id for one in catalogue.requirements("cluster") if one.disruptive}


@pytest.fixture(scope="module")
def users(
    run: Run, asset_folders: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UsersCluster]:
    policy = tmp_path_factory.mktemp("policy") / "audit.yaml"
    policy.write_text(POLICY)
    with users_cluster("two-groups", tmp_path_factory.mktemp("set"), run, asset_folders, policy) as found:
        yield found


def run_pytest(users: UsersCluster, kubeconfig: Path, report: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "seatrial.plugin", "-p", "no:cacheprovider", "-m", "cluster"]
    where = ["--kubeconfig", kubeconfig, "--manifests", users.folder, "--namespace", NAMESPACE]
    return subprocess.run(
        [*command, *where, "--report-dir", report, "--disruptive", *more],
        cwd=report,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "120"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=400,
        check=False,
    )


def noted(users: UsersCluster) -> list[dict[str, Any]]:
    """What the API server noted of the account."""
    lines = users.provider.running.logs["audit"].read_text().splitlines()
    name = f"system:serviceaccount:default:{NAME}"
    return [one for line in lines if name in line and (one := json.loads(line))["user"]["username"] == name]


def shape(users: UsersCluster) -> dict[str, Any]:
    """What the user declared, as it is on the cluster."""
    live = users.get(LEADER_WORKER_SETS, "deepseek-r1")
    service = users.get(SERVICES, "deepseek-r1-api")
    return {"spec": live.at("spec"), "labels": live.labels, "selector": service.at("spec", "selector")}


def test_experiments_pass_and_leave_nothing_changed(users: UsersCluster, tmp_path: Path) -> None:
    kubeconfig = account(users, NAME, tmp_path, [*rules("read"), *rules("disruptive")])
    before = shape(users)
    done = run_pytest(users, kubeconfig, tmp_path)
    assert done.returncode == 0, done.stdout
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    verdicts = {row["requirement"]: (row["verdict"], row["reason"]) for row in rows}
    done_here = {id for id in EXPERIMENTS if verdicts[id][0] == "passed"}
    assert {"LIF-01", "LIF-02", "LIF-08", "LIF-09", "LIF-11"} <= done_here, {id: verdicts[id] for id in EXPERIMENTS}
    assert {verdicts[id][0] for id in EXPERIMENTS} <= {"passed", "cannot tell", "not applicable"}
    seen = noted(users)
    assert [one["requestURI"] for one in seen if one["annotations"]["authorization.k8s.io/decision"] != "allow"] == []
    writes = {one["objectRef"].get("namespace") for one in seen if one["verb"] not in ("get", "list", "watch")}
    assert writes == {NAMESPACE}
    users.settle()
    assert shape(users) == before
    # Events still tell that groups were recreated, as they were: nothing else is left of it.
    assert {*not_fine(judge(users, tmp_path / "after"))} <= {"LIF-07"}


def test_without_the_rights_nothing_is_broken(users: UsersCluster, tmp_path: Path) -> None:
    """Whoever may only read cannot experiment: it says so for each, and no pod is lost on the way."""
    kubeconfig = account(users, "onlooker", tmp_path, rules("read"))
    pods = {pod.uid for pod in users.deployed.pods()}
    done = run_pytest(users, kubeconfig, tmp_path, "-k", "LIF")
    assert "Traceback" not in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    verdicts = {row["requirement"]: row["verdict"] for row in rows if row["requirement"] in EXPERIMENTS}
    assert verdicts and "passed" not in set(verdicts.values()), done.stdout
    assert {pod.uid for pod in users.deployed.pods()} == pods
    assert users.api.find(NAMESPACES, NAMESPACE) is not None
