"""A whole run on a cluster, with a secret in every place in which one may stand: nothing that it leaves holds any."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial import defects

ROOT = Path(__file__).parents[2]

SECRETS = {
    "Secret": "zebra-quartz-71",
    "Secret in base64": "umbrella-lantern-52",
    "variable": "violet-harbour-33",
    "flag": "granite-otter-12",
    "flag and value": "cobalt-badger-90",
    "annotation": "maple-falcon-44",
    "kubeconfig": "amber-walrus-58",
    "quoted by the server": "crimson badger !46",
    "event": "indigo-heron-27",
    "log of LWS": "ochre-puffin-39",
    "header in a log": "Qm9ndXNCZWFyZXI2NQ",
    "key in a log": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
}

PLANTED = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{api-key: {SECRETS["Secret"]}}}
data: {{other: {base64.b64encode(SECRETS["Secret in base64"].encode()).decode()}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: tools}}
data:
  kubeconfig: |
    apiVersion: v1
    kind: Config
    users:
    - name: admin
      user: {{token: {SECRETS["kubeconfig"]}}}
---
# The server refuses the label, and quotes it.
apiVersion: v1
kind: ConfigMap
metadata:
  name: refused
  labels: {{api-token: "{SECRETS["quoted by the server"]}"}}
"""

# While the run gathers, somebody else writes an event and the LWS manager its log.
PLANTER = f"""\
import time
from seatrial.live import evidence
from seatrial.live.resources import EVENTS, PODS

gather = evidence.gather


def plant(deployed, folder, requirement):
    view, namespace = deployed.view, deployed.namespaces[0]
    with view.cluster.logs["lws-manager"].open("a") as log:
        log.write('{{"msg":"planted","password":"{SECRETS["log of LWS"]}"}}\\n')
        log.write("Authorization: Bearer {SECRETS["header in a log"]}\\n")
        log.write("-----BEGIN PRIVATE KEY-----\\n{SECRETS["key in a log"]}\\n-----END PRIVATE KEY-----\\n")
    view.api.create(EVENTS, {{
        "apiVersion": "v1", "kind": "Event", "metadata": {{"name": "planted", "namespace": namespace}},
        "involvedObject": {{"kind": "Pod", "name": "deepseek-r1-0", "namespace": namespace}},
        "type": "Warning", "reason": "Planted", "message": "login with --password={SECRETS["event"]} failed",
    }}, namespace)
    end = time.monotonic() + 30
    while not any(one.at("reason") == "Planted" for one in view.events(namespace)) and time.monotonic() < end:
        time.sleep(0.1)
    return gather(deployed, folder, requirement)


evidence.gather = plant
"""


def planted_set() -> dict[str, str]:
    files = dict(defects.files("deepseek-r1-tke"))
    lws = files["leaderworkerset.yaml"]
    lws = lws.replace(
        "metadata:\n  name: deepseek-r1\n",
        f"metadata:\n  name: deepseek-r1\n  annotations: {{team/api-token: {SECRETS['annotation']}}}\n",
        1,
    )
    lws = lws.replace(
        "          - --enable-metrics\n",
        f"          - --enable-metrics\n          - --api-key={SECRETS['flag']}\n"
        f"          - --admin-api-key\n          - {SECRETS['flag and value']}\n",
    )
    variable = f"          - {{name: HF_TOKEN, value: {SECRETS['variable']}}}\n"
    files["leaderworkerset.yaml"] = lws.replace("          env:\n", f"          env:\n{variable}")
    files["planted.yaml"] = PLANTED
    return files


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, asset_folders: tuple[Path, ...]) -> Path:
    """A folder with what the run has left, its terminal's text among it."""
    place = tmp_path_factory.mktemp("planted")
    (place / "planter.py").write_text(PLANTER)
    (place / "set").mkdir()
    for name, text in planted_set().items():
        (place / "set" / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "seatrial.plugin", "-p", "planter", "-p", "no:cacheprovider"]
    command += [str(ROOT / "suites/cluster/test_adm.py"), str(ROOT / "suites/cluster/test_grp.py"), "-m", "cluster"]
    command += ["--rootdir", str(place), "--manifests", "set", "--report-dir", "out", "--junitxml", "out/junit.xml"]
    command += [word for folder in asset_folders for word in ("--assets", str(folder))]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{place}", "COLUMNS": "200"}
    done = subprocess.run(command, cwd=place, env=environment, text=True, capture_output=True, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    (place / "out" / "terminal.txt").write_text(done.stdout + done.stderr)
    return place


def test_nothing_that_a_run_leaves_holds_a_secret(place: Path) -> None:
    left = {str(path.relative_to(place)): path.read_text() for path in (place / "out").rglob("*") if path.is_file()}
    assert {"out/results.jsonl", "out/report.json", "out/junit.xml", "out/terminal.txt"} < left.keys()
    found = {
        (name, file)
        for name, secret in SECRETS.items()
        for form in (secret, base64.b64encode(secret.encode()).decode())
        for file, text in left.items()
        if form in text
    }
    assert found == set()


def test_what_was_planted_was_looked_at(place: Path) -> None:
    """Else the test above would be content with evidence that says nothing."""
    folder = place / "out" / "evidence" / "set" / "set"
    declared = (folder / "declared-configmap.yaml").read_text()
    assert "<redacted-kubeconfig>" in declared
    assert "api-key: <redacted>" in (folder / "declared-secret.yaml").read_text()
    assert "Planted  x1  login with --password=<redacted> failed" in (folder / "events.txt").read_text()
    assert '"msg":"planted","password":"<redacted>"' in (folder / "logs" / "lws-manager.log").read_text()
    pods = (folder / "pods.yaml").read_text()
    assert "--api-key=<redacted>" in pods
    assert "name: HF_TOKEN\n      value: <redacted>" in pods
    assert {"kube-apiserver.log", "kube-scheduler.log"} <= {path.name for path in (folder / "logs").iterdir()}
    for kind in ("leaderworkersets", "statefulsets", "endpointslices", "nodes", "mutatingwebhookconfigurations"):
        assert (folder / f"{kind}.yaml").stat().st_size > 0


def test_every_report_says_where_the_evidence_is(place: Path) -> None:
    path = str(Path("out") / "evidence" / "set" / "set")
    rows = [json.loads(line) for line in (place / "out" / "results.jsonl").read_text().splitlines()]
    broken = [row for row in rows if row["verdict"] in ("failed", "warned")]
    assert [row["evidence"].endswith(path) for row in broken] == [True] * len(broken)
    assert "ADM-03" in {row["requirement"] for row in broken}
    assert (place / "out" / "terminal.txt").read_text().count("evidence: ") == 1
    assert path in (place / "out" / "junit.xml").read_text()
