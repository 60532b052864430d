"""seatrial on pytest's command line: outcomes, exit codes, reports. Runs pytest in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

ROOT = Path(__file__).parent.parent
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: a
spec:
  containers:
  - name: c
    image: x
"""
SUITE = '''\
from seatrial.finding import Blocked, CannotTell, Finding, NotApplicable
from seatrial.requirement import requirement

A = dict(why="Because.", fix="Mend it.")

@requirement("MY-01", **A)
def test_passes(deployment):
    """A pod MUST be a pod."""
    yield from ()

@requirement("MY-02", **A)
def test_fails(deployment):
    """A pod MUST NOT be called a."""
    for document in deployment.documents:
        if document.name == "a":
            yield Finding(document["metadata"]["name"], "a", "another name")

@requirement("MY-03", **A)
def test_warns(deployment):
    """A pod SHOULD be green."""
    yield Finding(deployment.documents[0]["metadata"]["labels"], "no colour", "green")

@requirement("MY-04", **A)
def test_cannot_tell(deployment):
    """A pod MUST be fast."""
    deployment.target.need("pool.nodes")
    yield from ()

@requirement("MY-05", **A)
def test_does_not_apply(lws):
    """A group MUST be small."""
    yield from ()

@requirement("MY-06", **A)
def test_is_blocked(deployment):
    """A pod MUST start."""
    raise Blocked("MY-02", "its name is a")
    yield

@requirement("MY-07", **A)
def test_is_broken(deployment):
    """A pod MUST be well."""
    raise ValueError("oops")
    yield
'''


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "suite" / "static").mkdir(parents=True)
    (tmp_path / "suite" / "static" / "test_my.py").write_text(SUITE)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "pod.yaml").write_text(POD)
    return tmp_path


def run(place: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "120"}
    command = [sys.executable, "-m", "pytest", "-p", "seatrial.plugin", "-p", "no:cacheprovider", "--report-dir", "out"]
    return subprocess.run(
        [*command, *arguments], cwd=place, env=environment, text=True, capture_output=True, input=stdin, timeout=60
    )


def rows(place: Path) -> dict[str, dict[str, object]]:
    lines = (place / "out" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["requirement"]: row for row in map(json.loads, lines)}


def test_every_verdict(place: Path) -> None:
    done = run(place, "suite", "--manifests", "set", "--junitxml", "junit.xml")
    assert done.returncode == 1, done.stdout
    verdicts = {id: row["verdict"] for id, row in rows(place).items()}
    assert verdicts == {
        "MY-01": "passed", "MY-02": "failed", "MY-03": "warned", "MY-04": "cannot tell",
        "MY-05": "not applicable", "MY-06": "not run", "MY-07": "error",
    }  # fmt: skip
    assert "1 failed, 1 passed, 1 error, 1 warned, 1 cannot tell, 1 not applicable, 1 not run" in done.stdout
    assert "set/pod.yaml" in done.stdout
    assert "MY-02 failed   A pod MUST NOT be called a.\n  line 4       Pod/a metadata.name" in done.stdout
    assert "[pool] nodes" in done.stdout, "how to supply the missing fact"
    assert "blocked by MY-02" in done.stdout
    assert "MY-07        ValueError: oops" in done.stdout
    assert "Traceback" not in done.stdout
    junit = (place / "junit.xml").read_text()
    assert 'errors="1" failures="1" skipped="3"' in junit
    assert "set/pod.yaml:4: Pod/a metadata.name" in junit


def test_reports_keep_their_schemas(place: Path) -> None:
    run(place, "suite", "--manifests", "set")
    schemas = ROOT / "reports" / "schema"
    result = json.loads((schemas / "result.schema.json").read_text())
    for row in rows(place).values():
        jsonschema_rs.validate(result, row)
    report = json.loads((place / "out" / "report.json").read_text())
    schema = json.loads((schemas / "report.schema.json").read_text())
    schema["properties"]["results"]["items"] = {"type": "object"}
    jsonschema_rs.validate(schema, report)
    assert report["outcome"] == "failure"
    assert [row["requirement"] for row in report["results"]] == ["MY-02", "MY-03", "MY-04", "MY-06", "MY-07"]
    assert report["options"]["--manifests"] == {"value": ["set"], "source": "command line"}


def test_a_warning_fails_only_a_strict_run(place: Path) -> None:
    assert run(place, "suite", "--manifests", "set", "-k", "warns").returncode == 0
    assert run(place, "suite", "--manifests", "set", "-k", "warns", "--strict").returncode == 1
    assert run(place, "suite", "--manifests", "set", "-k", "cannot", "--strict").returncode == 1


def test_nothing_judged_is_not_green(place: Path) -> None:
    assert run(place, "suite", "--manifests", "set", "-k", "does_not_apply").returncode == 5
    assert run(place, "suite", "--manifests", "set", "-k", "cannot").returncode == 5


def test_standard_input(place: Path) -> None:
    done = run(place, "suite", "--manifests", "-", "-k", "fails", stdin=POD)
    assert done.returncode == 1
    assert "<stdin>" in done.stdout


def test_unusable_input_is_exit_code_4(place: Path) -> None:
    done = run(place, "suite", "--manifests", "nowhere")
    assert done.returncode == 4
    assert "nowhere: no such file or folder" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (place / "out").exists(), "nothing was judged, so nothing is written"


def test_a_report_folder_that_cannot_be_written(place: Path) -> None:
    (place / "out").write_text("a file")
    done = run(place, "suite", "--manifests", "set")
    assert done.returncode == 4
    assert "--report-dir" in done.stderr


def test_waivers(place: Path) -> None:
    waiver = '[[waiver]]\nid = "IMG-01"\nobject = "Pod/a"\nreason = "x"\nexpires = 2099-01-01\n'
    (place / "set" / "seatrial.toml").write_text(waiver)
    suite = [str(ROOT / "suites" / "static" / "test_img.py"), "-k", "images_are_pinned"]
    assert run(place, *suite, "--manifests", "set").returncode == 0
    assert rows(place)["IMG-01"]["waived"]
    (place / "set" / "pod.yaml").write_text(POD.replace("image: x", "image: x:1.2.3"))
    done = run(place, *suite, "--manifests", "set")
    assert done.returncode == 1
    assert "matches no finding" in done.stdout


def test_requirements_that_break_the_rules_are_named_together(place: Path) -> None:
    suite = place / "suite" / "static" / "test_my.py"
    suite.write_text(SUITE.replace('"MY-02"', '"MY-01"').replace('"MY-04"', '"MY-03"'))
    done = run(place, "suite", "--manifests", "set")
    assert done.returncode == 4
    assert "id MY-01 is taken" in done.stderr
    assert "id MY-03 is taken" in done.stderr


def test_workers_of_xdist_give_the_same_results(place: Path) -> None:
    done = run(place, "suite", "--manifests", "set", "-n", "2", "-p", "xdist")
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(rows(place)) == 7


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--manifests", "nowhere"], "nowhere: no such file or folder"),
        (["--manifests", "-"], "only one process can read standard input"),
        (["--list-requirements"], "lists in one process"),
    ],
)
def test_unusable_input_with_workers(place: Path, arguments: list[str], expected: str) -> None:
    done = run(place, "suite", *arguments, "-n", "2", "-p", "xdist")
    assert done.returncode == 4
    assert expected in done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


def test_nothing_acts_on_the_terminal(place: Path) -> None:
    acting = 'metadata:\n  name: "a\\e[31m\\r\\u202e"\n'
    (place / "set" / "pod.yaml").write_text(POD.replace("metadata:\n  name: a\n", acting))
    (place / "set" / "seatrial.toml").write_text('"pool\\u001b[31m" = 1\n')
    refused = run(place, "suite", "--manifests", "set")
    (place / "set" / "seatrial.toml").unlink()
    shown = run(place, "suite", "--manifests", "set", "--tb=short", "-rs")
    assert "\\x1b[31m" in refused.stderr
    assert "Pod/a\\x1b[31m\\r\\u202e" in shown.stdout
    assert not set("\x1b\r\u202e") & set(shown.stdout + shown.stderr + refused.stderr)


def test_a_file_name_that_is_not_utf_8(place: Path) -> None:
    (place / "set" / "pod.yaml").rename(place / "set" / os.fsdecode(b"\xff.yaml"))
    done = run(place, "suite", "--manifests", "set", "-k", "fails")
    assert done.returncode == 1, done.stdout + done.stderr
    assert rows(place)["MY-02"]["findings"][0]["file"] == "set/\udcff.yaml"


def test_collecting_only_leaves_the_last_report_alone(place: Path) -> None:
    run(place, "suite", "--manifests", "set")
    done = run(place, "suite", "--manifests", "set", "--collect-only")
    assert done.returncode == 0
    assert len(rows(place)) == 7


def test_the_report_stands_in_the_current_folder(place: Path) -> None:
    """Pytest may take its root from the path after --manifests; the next run would read the report as a manifest."""
    run(place, "suite", "--manifests", "set", "--report-dir", "")
    (place / "elsewhere").mkdir()
    done = run(place / "elsewhere", "../suite", "--manifests", str(place / "set"), "--report-dir", "")
    assert (place / "elsewhere" / "reports" / "latest" / "report.json").exists(), done.stdout
    assert not (place / "set" / "reports").exists()


def test_rows_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    program = """
import resource, signal, sys, pytest
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
from pathlib import Path
from types import SimpleNamespace
from seatrial.report.recorder import Recorder
recorder = Recorder(SimpleNamespace(option=None, getoption=lambda dest: "."))
recorder._stream = open("results.jsonl", "wb", buffering=0)
recorder._write([SimpleNamespace(line="a" * 300)])
try:
    recorder._write([SimpleNamespace(line="b" * 300), SimpleNamespace(line="c" * 600)])
except OSError:
    sys.exit(7)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, timeout=60)
    assert done.returncode == 7
    assert (tmp_path / "results.jsonl").read_text() == "a" * 300 + "\n"


def test_a_disk_that_fills_up_ends_the_run(place: Path) -> None:
    (place / "out").mkdir()
    (place / "out" / "results.jsonl").symlink_to("/dev/full")
    done = run(place, "suite", "--manifests", "set")
    assert done.returncode == 4
    assert "--report-dir out: cannot be written: No space left on device" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_report_that_cannot_be_closed(place: Path) -> None:
    (place / "out" / "report.json").mkdir(parents=True)
    done = run(place, "suite", "--manifests", "set")
    assert done.returncode == 4
    assert "--report-dir out: cannot be written" in done.stdout
    assert len(rows(place)) == 7
    assert sorted(path.name for path in (place / "out").iterdir()) == ["report.json", "results.jsonl"]


def test_a_run_that_is_stopped_is_no_success(place: Path) -> None:
    (place / "set" / "pod.yaml").write_text(POD.replace("name: a", "name: b"))
    done = run(place, "suite", "--manifests", "set", "--maxfail", "1", "-k", "passes or broken or cannot")
    assert "verdicts until the run was stopped" in done.stdout
    assert json.loads((place / "out" / "report.json").read_text())["outcome"] == "inconclusive"


def test_an_installed_checkout_serves_other_folders(place: Path) -> None:
    done = run(place, "-m", "static", "--manifests", "set", "-k", "images_are_pinned")
    assert done.returncode == 1, done.stdout + done.stderr
    assert set(rows(place)) == {"IMG-01"}


def test_a_project_with_tests_of_its_own(place: Path) -> None:
    (place / "pytest.ini").write_text("[pytest]\ntestpaths = mine\n")
    (place / "mine").mkdir()
    (place / "mine" / "test_mine.py").write_text("def test_images_are_pinned_of_mine(): assert 1\n")
    done = run(place, "--manifests=set", "-k", "images_are_pinned")
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert set(rows(place)) == {"IMG-01"}


def test_a_requirement_is_selected_by_its_id(place: Path) -> None:
    run(place, "suite", "--manifests", "set", "-k", "MY-02")
    assert set(rows(place)) == {"MY-02"}


def test_listing_without_a_terminal(place: Path) -> None:
    done = run(place, "suite", "--list-requirements", "-p", "no:terminal")
    assert done.returncode == 4
    assert "leave out -p no:terminal" in done.stderr


def test_listing(place: Path) -> None:
    done = run(place, "suite", "--list-requirements")
    assert done.returncode == 0
    assert "MY-02   MUST NOT   A pod MUST NOT be called a." in done.stdout
    assert not (place / "out").exists()


def test_no_colours_in_a_pipe(place: Path) -> None:
    assert "\x1b[" not in run(place, "suite", "--manifests", "set").stdout


def test_heavy_packages_are_not_imported(place: Path) -> None:
    probe = "import sys, pytest; pytest.main(); print(sorted(set(sys.modules) & set(sys.argv[1].split(','))))"
    heavy = "kubernetes,locust,gevent,numpy,matplotlib"
    code = probe.replace("pytest.main()", "pytest.main(['-q', '-p', 'seatrial.plugin', 'suite', '--manifests', 'set'])")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code, heavy], cwd=place, env=environment, text=True, capture_output=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_narrow_screens(place: Path) -> None:
    """Words that are wider than their column are taken apart at dots; long lists of ids stand above their reason."""
    finding = 'Finding(document["spec"]["aVeryLongName"]["anotherVeryLongName"]["name"], "a", "another name")'
    text = SUITE.replace('Finding(document["metadata"]["name"], "a", "another name")', finding)
    blocked = '\n@requirement("MY-1{0}", **A)\ndef test_blocked_{0}(deployment):\n    """A pod MUST start."""\n    raise Blocked("MY-02", "its name is a")\n    yield\n'
    (place / "suite" / "static" / "test_my.py").write_text(text + "".join(map(blocked.format, range(9))))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "seatrial.plugin", "suite", "--manifests", "set", "--report-dir", "out"],
        cwd=place, env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "48"}, text=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert "Pod/a spec.aVeryLongName.\n               anotherVeryLongName.name\n" in done.stdout, done.stdout
    assert (
        "  MY-06, MY-10, MY-11, MY-12, MY-13, MY-14,\n  MY-15, MY-16, MY-17, MY-18\n               blocked by MY-02"
        in done.stdout
    )
    assert "\nset  1 error, 1 failed, 10 not run,\n     1 cannot tell, 1 warned, 1 passed,\n" in done.stdout
    summary = done.stdout.partition("─")[2].partition("\nresults:")[0]
    assert max(map(len, summary.splitlines())) <= 48
