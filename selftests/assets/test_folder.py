"""Programs that the user gives are right, or the run ends with a line that says what is wrong with them."""

import os
import shutil
from dataclasses import replace

import pytest

from seatrial.clusters.assets import AssetError, LwsAssets, ensure, folder, lws, obtain

SCHEDULER = "kube-scheduler"


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch, tmp_path):
    """What is not in the folder is nowhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/bin:/usr/bin")


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "given"
    path.mkdir()
    return path


def put(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def answers(text):
    return f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n"


def linked(package, module, version):
    """What Go's linker leaves in a binary, behind a script that runs."""
    return (
        answers(f"{module} v1.34.4")
        + f"\nexit\npath\t{package}\nmod\texample.invalid\t(devel)\ndep\t{module}\t{version}\th1:x\n"
    )


@pytest.mark.parametrize(
    "version", ["Kubernetes v1.34.4", "Kubernetes v1.34.0", "Kubernetes v1.34.9+k3s1", "Kubernetes v1.34.4-dirty"]
)
def test_one_of_the_minor_version_is_taken(given, version):
    put(given / SCHEDULER, answers(version))
    assert ensure([SCHEDULER], folders=[given]) == {SCHEDULER: given / SCHEDULER}


def test_the_first_folder_that_has_it_wins(given, tmp_path):
    put(given / SCHEDULER, answers("Kubernetes v1.34.4"))
    other = tmp_path / "other"
    put(other / "etcd", answers("etcd Version: 3.6.16"))
    put(other / SCHEDULER, answers("Kubernetes v1.34.1"))
    found = ensure([SCHEDULER, "etcd"], folders=[given, other])
    assert found == {SCHEDULER: given / SCHEDULER, "etcd": other / "etcd"}


WRONG = [
    (answers("Kubernetes v1.33.2"), "version 1.33.2, expected 1.34.x"),
    (answers("hello"), "says 'hello' to --version, expected version 1.34.x"),
    ("#!/bin/sh\n", "says 'nothing' to --version, expected version 1.34.x"),
    ("#!/bin/sh\nkill -SEGV $$\n", "broken (ended by signal 11), expected kube-scheduler v1.34.4"),
    ("\x7fELF of another machine", "does not run (Exec format error), expected kube-scheduler v1.34.4 for "),
    ("", "does not run (Exec format error), expected kube-scheduler v1.34.4 for "),
    ("#!/nonexistent/sh\n", "does not run (No such file or directory), expected kube-scheduler v1.34.4 for "),
    (
        linked("k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes", "v1.34.4"),
        "is k8s.io/kubernetes/cmd/kube-apiserver, expected k8s.io/kubernetes/cmd/kube-scheduler",
    ),
]


@pytest.mark.parametrize(("content", "line"), WRONG, ids=[line[:30] for _, line in WRONG])
def test_a_wrong_one_ends_the_run(given, content, line):
    put(given / SCHEDULER, content)
    with pytest.raises(AssetError) as error:
        ensure([SCHEDULER], folders=[given])
    assert str(error.value).startswith(f"{given / SCHEDULER}: {line}")
    assert "\n" not in str(error.value)


def test_one_that_is_not_executable(given):
    put(given / SCHEDULER, answers("Kubernetes v1.34.4"))
    (given / SCHEDULER).chmod(0o644)
    with pytest.raises(AssetError, match=r"kube-scheduler: does not run \(Permission denied\)"):
        ensure([SCHEDULER], folders=[given])


def test_a_folder_by_the_name_of_a_program(given):
    (given / SCHEDULER).mkdir()
    with pytest.raises(AssetError, match=r"kube-scheduler: does not run \(Permission denied\)"):
        ensure([SCHEDULER], folders=[given])


def test_one_that_never_answers(given, monkeypatch):
    monkeypatch.setattr(folder, "_ANSWERS_WITHIN_S", 0.2)
    put(given / SCHEDULER, "#!/bin/sh\nexec sleep 600\n")
    with pytest.raises(AssetError, match=r"kube-scheduler: no answer to --version within 0\.2 s"):
        ensure([SCHEDULER], folders=[given])


def test_one_that_another_build_system_linked_is_taken(given):
    """Images of LWS are built from files, so their main package has no name of its own."""
    put(given / SCHEDULER, linked("command-line-arguments", "k8s.io/kubernetes", "v1.34.4"))
    ensure([SCHEDULER], folders=[given])


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda path: None, "no such folder"),
        (lambda path: path.touch(), "not a folder"),
        (lambda path: path.mkdir(), "holds no program; seatrial knows kube-apiserver, "),
    ],
    ids=["missing", "file", "empty"],
)
def test_a_folder_that_gives_nothing(tmp_path, make, line):
    make(tmp_path / "assets")
    with pytest.raises(AssetError) as error:
        ensure([SCHEDULER], folders=[tmp_path / "assets"])
    assert str(error.value).startswith(f"--assets {tmp_path / 'assets'}: {line}")


@pytest.fixture
def release(given):
    """LWS 0.9.0 as `seatrial assets build --into` leaves it."""
    place = given / "lws-0.9.0"
    put(place / "manager", answers("Version: v0.9.0"))
    (place / "crds").mkdir()
    (place / "crds" / "b.yaml").touch()
    (place / "crds" / "a.yaml").touch()
    (place / "webhooks.yaml").touch()
    return place


def test_a_release_of_lws(given, release):
    crds = (release / "crds" / "a.yaml", release / "crds" / "b.yaml")
    assert lws("0.9.0", folders=[given]) == LwsAssets("0.9.0", release / "manager", crds, release / "webhooks.yaml")


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (lambda place: shutil.rmtree(place / "crds"), "lws-0.9.0: no crds/*.yaml; seatrial assets build --into DIR"),
        (lambda place: (place / "webhooks.yaml").unlink(), "lws-0.9.0: no webhooks.yaml; seatrial assets build --into"),
        (lambda place: (place / "manager").unlink(), "lws-0.9.0/manager: does not run (No such file or directory)"),
        (
            lambda place: put(place / "manager", answers("Version: v0.8.0")),
            "lws-0.9.0/manager: version 0.8.0, expected 0.9.0",
        ),
        (
            lambda place: put(place / "manager", linked("sigs.k8s.io/lws/cmd", "sigs.k8s.io/lws", "v0.7.0")),
            "lws-0.9.0/manager: version 0.7.0, expected 0.9.0",
        ),
    ],
    ids=["no CRDs", "no webhooks", "no manager", "says another release", "is another release"],
)
def test_a_release_of_lws_that_is_not_whole(given, release, harm, line):
    harm(release)
    with pytest.raises(AssetError) as error:
        lws("0.9.0", folders=[given])
    assert str(error.value).startswith(f"{given}/{line}")


def test_an_old_manager_knows_no_version_but_is_taken(given, release):
    shutil.move(release, given / "lws-0.6.2")
    put(given / "lws-0.6.2" / "manager", "#!/bin/sh\n[ $1 = --help ] || exit 2\necho Usage of manager:\n")
    assert lws("0.6.2", folders=[given]).version == "0.6.2"


@pytest.mark.parametrize("name", ["kube-schedular", "lws-0.9", ""])
def test_a_name_nobody_knows(name):
    with pytest.raises(AssetError, match=f"no program '{name}'; (did you mean|known: )"):
        ensure([name])


def test_a_release_nobody_knows():
    with pytest.raises(AssetError, match=r"no LWS '0.5.1'; known: 0.6.2, "):
        lws("0.5.1")


def test_the_cache_comes_after_the_folder_and_before_a_build(given, tool, store, fake_go, monkeypatch):
    monkeypatch.setenv("PATH", f"{fake_go.path.parent}{os.pathsep}{os.environ['PATH']}")
    put(given / SCHEDULER, answers("Kubernetes v1.34.4"))
    in_cache = obtain([tool], store, [given])["tool"]
    put(given / "tool", answers("tool v1.2.0"))
    assert obtain([tool], store, [given])["tool"] == given
    (given / "tool").unlink()
    assert obtain([tool], store, [given])["tool"] == in_cache
    assert len(fake_go.builds) == 1


def test_nothing_is_built_when_something_given_is_wrong(given, tool, store, fake_go):
    put(given / SCHEDULER, answers("Kubernetes v1.34.4"))
    put(given / "other", answers("other v9.9.9"))
    with pytest.raises(AssetError, match=r"other: version 9.9.9, expected 1.2.x"):
        obtain([tool, replace(tool, name="other")], store, [given])
    assert fake_go.builds == []
