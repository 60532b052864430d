"""`seatrial assets`."""

import io
import shutil
from dataclasses import replace

import pytest
import yaml

from seatrial import cli
from seatrial.clusters.assets import AssetError, command, lws_files, programs
from seatrial.clusters.assets.progress import ProgressLine
from seatrial.clusters.assets.store import Store


@pytest.fixture(autouse=True)
def user(monkeypatch, tmp_path, tool):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    known = (tool, replace(tool, name="other"))
    monkeypatch.setattr(programs, "PROGRAMS", known)
    monkeypatch.setattr(command, "PROGRAMS", known)


def run(*arguments):
    try:
        return cli.main(["assets", *arguments])
    except SystemExit as ended:
        return ended.code


def test_build_all(fake_go, capsys):
    assert run("build") == 0
    out, err = capsys.readouterr()
    assert out.startswith("2 programs in ")
    assert err.splitlines() == [
        "building tool v1.2.3 (1 of 2, first build, which takes minutes)",
        "building other v1.2.3 (2 of 2, first build, which takes minutes)",
    ]
    assert [entry.name for entry in Store.of_user().entries()] == ["other", "tool"]


def test_build_some(fake_go, capsys):
    assert run("build", "other", "other") == 0
    assert [entry.name for entry in Store.of_user().entries()] == ["other"]


def test_build_into_a_folder(fake_go, tmp_path, capsys):
    assert run("build", "tool", "--into", str(tmp_path / "new" / "folder")) == 0
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["tool"]
    assert f"use them with --assets {tmp_path / 'new' / 'folder'}" in capsys.readouterr().out


def test_build_into_what_is_no_folder(fake_go, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run("build", "tool", "--into", str(tmp_path / "file")) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"seatrial: cannot write to {tmp_path / 'file'}: ")


def test_a_build_that_fails(fake_go, capsys):
    fake_go.fail("something is wrong")
    assert run("build") == 1
    err = capsys.readouterr().err.splitlines()
    assert err[-1].startswith("seatrial: cannot build tool v1.2.3: something is wrong; all of go's output: ")
    assert len(err) == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["build", "toll"], "seatrial: no program 'toll'; did you mean tool?"),
        (["bild"], "invalid choice: 'bild'"),
        ([], "the following arguments are required: ACTION"),
        (["list", "--into", "x"], "unrecognized arguments: --into x"),
    ],
)
def test_bad_usage(capsys, arguments, line):
    assert run(*arguments) == 4
    assert line in capsys.readouterr().err


def test_list(fake_go, tool, capsys):
    run("build", "tool")
    capsys.readouterr()
    assert run("list") == 0
    header, built, missing = capsys.readouterr().out.splitlines()
    assert header.split() == ["PROGRAM", "VERSION", "SIZE", "BUILT", "TOOK", "WHERE"]
    assert built.split()[:2] == ["tool", "v1.2.3"]
    assert built.split()[-1] == str(Store.of_user().folder(tool) / "tool")
    assert missing.split() == ["other", "v1.2.3", "-", "not", "built", "-", "-"]


def test_list_says_what_is_harmed_and_what_is_of_other_versions(fake_go, tool, capsys):
    run("build")
    (Store.of_user().folder(tool) / "tool").write_text("")
    (tool.wrapper / "go.sum").write_text("changed")
    run("build", "tool")
    (Store.of_user().folder(tool) / "tool").write_text("")
    capsys.readouterr()
    assert run("list") == 0
    _, harmed, missing, rest = capsys.readouterr().out.splitlines()
    assert harmed.split()[:4] == ["tool", "v1.2.3", "-", "harmed"]
    assert missing.split()[3:5] == ["not", "built"]
    assert rest.startswith("and 2 of other versions (")


def test_list_of_nothing(capsys):
    assert run("list") == 0
    assert capsys.readouterr().out.count("not built") == 2


def test_clean(fake_go, capsys):
    run("build")
    root = Store.of_user().root
    capsys.readouterr()
    assert run("clean") == 0
    assert capsys.readouterr().out == f"removed 0 MB from {root}\n"
    assert not root.exists()


def test_ctrl_c(fake_go, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "obtain", interrupt)
    assert run("build") == 130
    assert capsys.readouterr().err == "seatrial: interrupted; what is built stays, the next build goes on from here\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal_is_one_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    clock = iter([10.0, 10.0, 15.0, 100.0, 100.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    stream = Terminal()
    line = ProgressLine(stream)
    line("building x")
    line("building x")
    line("building y, and more than fits")
    line.end()
    assert stream.getvalue().split("\r\x1b[K") == ["", "building x", "building x, 5 s", "building y, and mor", ""]


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_progress_elsewhere_is_a_line_for_each_step(monkeypatch, stream):
    monkeypatch.setenv("TERM", "dumb")
    stream = stream()
    line = ProgressLine(stream)
    for step in ("a", "a", "b", "b"):
        line(step)
    line.end()
    assert stream.getvalue() == "a\nb\n"


def webhook(name, **more):
    return {
        "name": name,
        "clientConfig": {"service": {"name": "webhook-service", "namespace": "system", "path": f"/{name}"}},
    } | more


@pytest.fixture
def module(tmp_path):
    """A module of LWS in small: two configurations, a patch for one webhook of the first."""
    folder = tmp_path / "module" / "config"
    (folder / "crd" / "bases").mkdir(parents=True)
    (folder / "crd" / "bases" / "sets.yaml").write_text("kind: CustomResourceDefinition\n")
    (folder / "crd" / "bases" / "sets.yaml").chmod(0o444)
    (folder / "webhook").mkdir()
    kinds = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    documents = [
        {"kind": kind, "metadata": {"name": kind.lower()}, "webhooks": [webhook("set"), webhook("pod")]}
        for kind in kinds
    ]
    (folder / "webhook" / "manifests.yaml").write_text(yaml.safe_dump_all(documents))
    patched = webhook("pod", objectSelector={"matchExpressions": [{"key": "k", "operator": "Exists"}]})
    write_patch(folder.parent, [{"op": "replace", "path": "/webhooks/1", "value": patched}])
    kustomization = {"patches": [{"path": "patch.yaml", "target": {"kind": kinds[0]}}]}
    (folder / "webhook" / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder.parent


def write_patch(module, operations):
    (module / "config" / "webhook" / "patch.yaml").write_text(yaml.safe_dump(operations))


def test_lws_files_are_as_kustomize_makes_them(module, tmp_path):
    into = tmp_path / "into"
    into.mkdir()
    lws_files.copy(module, into)
    shutil.rmtree(into / "crds")  # read-only files would still be, but ours are not
    mutating, validating = yaml.safe_load_all((into / "webhooks.yaml").read_text())
    assert mutating["metadata"]["name"] == "lws-mutatingwebhookconfiguration"
    assert [hook.get("objectSelector") for hook in mutating["webhooks"]] == [
        None,
        {"matchExpressions": [{"key": "k", "operator": "Exists"}]},
    ]
    assert [hook.get("objectSelector") for hook in validating["webhooks"]] == [None, None]
    services = [hook["clientConfig"]["service"] for hook in (*mutating["webhooks"], *validating["webhooks"])]
    assert services == [
        {"name": "lws-webhook-service", "namespace": "lws-system", "path": f"/{name}"} for name in ("set", "pod") * 2
    ]


def test_a_patch_of_another_kind_is_not_passed_over(module, tmp_path):
    write_patch(module, [{"op": "add", "path": "/webhooks/-", "value": webhook("new")}])
    with pytest.raises(AssetError, match=r"patch.yaml: JSON patch 'add' is not known"):
        lws_files.copy(module, tmp_path)


def test_a_module_without_crds(module, tmp_path):
    shutil.rmtree(module / "config" / "crd")
    with pytest.raises(AssetError, match=r"no CRD in config/crd/bases"):
        lws_files.copy(module, tmp_path)
