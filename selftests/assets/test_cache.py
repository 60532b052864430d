"""What is in the cache is whole and what it should be, whatever happens while it gets there."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.clusters.assets import AssetError, obtain
from seatrial.clusters.assets.store import Entry, Store

PATIENCE_S = 30


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def runs(pid):
    """A process that has ended may still wait to be reaped; then it has no command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def said(tool, place):
    return subprocess.run([place / tool.executable], capture_output=True, text=True, check=True).stdout


def test_built_once_then_found(tool, store, fake_go):
    words = []
    place = obtain([tool], store, progress=words.append)["tool"]
    assert said(tool, place) == "tool v1.2.3\n"
    assert obtain([tool], store, progress=words.append)["tool"] == place
    assert len(fake_go.builds) == 1
    assert words[0] == "building tool v1.2.3 (first build, which takes minutes)"
    assert sorted(path.name for path in place.iterdir()) == ["manifest.json", "tool"]


def test_the_manifest_says_what_it_is(tool, store, fake_go):
    entry = Entry.read(obtain([tool], store)["tool"])
    assert entry is not None
    assert (entry.name, entry.module, entry.version, entry.go) == ("tool", tool.module, "v1.2.3", "go1.99.0")
    assert entry.bytes == (entry.folder / "tool").stat().st_size
    assert entry.seconds >= 0


def test_it_is_told_how_far_and_how_long_it_took_last_time(tool, store, fake_go):
    obtain([tool], store)
    manifest = store.folder(tool) / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"seconds": 173.4}))
    (tool.wrapper / "go.sum").write_text("changed\n")
    words = []
    obtain([tool, replace(tool, name="other")], store, progress=words.append)
    assert words[0] == "building tool v1.2.3 (1 of 2, took 173 s last time)"
    assert "building other v1.2.3 (2 of 2, first build, which takes minutes)" in words


@pytest.mark.parametrize("change", ["go.mod", "go.sum", "stamps", "package", "name"])
def test_whatever_decides_what_is_built_is_part_of_the_key(tool, change):
    before = tool.key
    if change.startswith("go."):
        with (tool.wrapper / change).open("a") as file:
            file.write("// another\n")
        assert tool.key != before
    else:
        other = (("main.other", "{version}"),) if change == "stamps" else "another"
        assert replace(tool, **{change: other}).key != before


def test_of_two_at_once_one_builds_and_the_other_waits(tool, store, fake_go, in_another_process):
    fake_go.hold()
    first = in_another_process()
    until(lambda: fake_go.builds)
    second = in_another_process()
    assert second.stdout.readline() == "waiting for another run that builds tool v1.2.3\n"
    fake_go.go_on()
    told, complaint = first.communicate(timeout=PATIENCE_S)
    told_second, complaint_second = second.communicate(timeout=PATIENCE_S)
    assert (complaint, complaint_second) == ("", "")
    assert told.splitlines()[-1] == told_second.splitlines()[-1] == str(store.folder(tool))
    assert len(fake_go.builds) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ended_in_the_middle_of_a_build(tool, store, fake_go, in_another_process, end):
    fake_go.hold()
    run = in_another_process()
    until(lambda: fake_go.builds)
    go, compiler = fake_go.builds[0]
    assert runs(go) and runs(compiler)
    run.send_signal(end)
    run.communicate(timeout=PATIENCE_S)
    until(lambda: not runs(go) and not runs(compiler))
    assert store.find(tool) is None
    assert store.entries() == []
    fake_go.go_on()
    assert said(tool, obtain([tool], store)["tool"]) == "tool v1.2.3\n"
    assert [path.name for path in (store.root / ".work").iterdir()] == [f"tool-{tool.key}.lock"]


def test_what_is_built_stays_when_the_next_one_fails(tool, store, fake_go):
    class Stop(Exception):
        pass

    def stop(words):
        if "other" in words:
            raise Stop

    with pytest.raises(Stop):
        obtain([tool, replace(tool, name="other")], store, progress=stop)
    assert [entry.name for entry in store.entries()] == ["tool"]
    assert store.find(tool) is not None


def truncate(executable):
    with executable.open("r+b") as file:
        file.truncate(5)


def overwrite(executable):
    """Same size, and so soon that a clock of seconds would not notice."""
    executable.write_bytes(b"x" * executable.stat().st_size)


@pytest.mark.parametrize(
    "harm",
    [
        truncate,
        overwrite,
        Path.unlink,
        lambda executable: executable.chmod(0o644),
        lambda executable: (executable.parent / "manifest.json").write_text("{"),
        lambda executable: (executable.parent / "manifest.json").write_text("[]"),
        lambda executable: (executable.parent / "manifest.json").write_text('{"files": [{}]}'),
        lambda executable: (executable.parent / "manifest.json").write_bytes(b"\xff\xfe"),
        lambda executable: (executable.parent / "manifest.json").unlink(),
    ],
    ids=["truncated", "overwritten", "gone", "not executable", "half", "a list", "no file", "binary", "no manifest"],
)
def test_harmed_it_is_built_again(tool, store, fake_go, harm):
    place = obtain([tool], store)["tool"]
    harm(place / "tool")
    assert said(tool, obtain([tool], store)["tool"]) == "tool v1.2.3\n"
    assert len(fake_go.builds) == 2
    obtain([tool], store)
    assert len(fake_go.builds) == 2


def test_a_copy_of_the_cache_is_good(tool, store, fake_go, tmp_path):
    place = obtain([tool], store)["tool"]
    os.utime(place / "tool", (1, 1))
    obtain([tool], store)
    assert len(fake_go.builds) == 1


def test_finding_writes_nothing(tool, store, fake_go):
    obtain([tool], store)
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    obtain([tool], store)
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before


def test_another_go_finds_it_and_no_go_does_too(tool, store, fake_go, monkeypatch):
    place = obtain([tool], store)["tool"]
    fake_go.version("go1.98.0")
    assert obtain([tool], store)["tool"] == place
    monkeypatch.setenv("PATH", "/nonexistent")
    assert obtain([tool], store)["tool"] == place


def test_a_cache_folder_that_cannot_be_made(tool, fake_go, tmp_path):
    (tmp_path / "file").touch()
    root = tmp_path / "file" / "assets"
    with pytest.raises(AssetError, match=r"the cache .*: Not a directory; set XDG_CACHE_HOME"):
        obtain([tool], Store(root))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_folder(tool, fake_go, tmp_path):
    tmp_path.joinpath("cache").mkdir(mode=0o500)
    with pytest.raises(AssetError, match=r"cannot write to the cache folder .*: Permission denied; .*--assets DIR"):
        obtain([tool], Store(tmp_path / "cache" / "assets"))


@pytest.mark.parametrize(
    ("stated", "expected"), [("/x/cache", "/x/cache"), ("relative", "/home/y/.cache"), ("", "/home/y/.cache")]
)
def test_where_the_cache_is(monkeypatch, stated, expected):
    monkeypatch.setenv("XDG_CACHE_HOME", stated)
    monkeypatch.setenv("HOME", "/home/y")
    assert Store.of_user().root == Path(expected, "seatrial", "assets")


def test_clean_removes_all(tool, store, fake_go):
    place = obtain([tool], store)["tool"]
    size = sum(path.stat().st_size for path in place.iterdir())
    (store.root / ".work" / "tool.log").write_text("12345")
    assert store.clean() == (size + 5, [])
    assert not store.root.exists()
    assert store.clean() == (0, [])


def test_clean_leaves_what_is_being_built(tool, store, fake_go, in_another_process):
    obtain([replace(tool, name="other")], store)
    fake_go.hold()
    run = in_another_process()
    until(lambda: len(fake_go.builds) == 2)
    removed, busy = store.clean()
    assert (removed > 0, busy) == (True, [f"tool-{tool.key}"])
    assert store.entries() == []
    fake_go.go_on()
    told, complaint = run.communicate(timeout=PATIENCE_S)
    assert (complaint, told.splitlines()[-1]) == ("", str(store.folder(tool)))
    assert store.find(tool) is not None


def test_who_waits_while_the_cache_is_cleaned_locks_anew(tool, store):
    """Else it would hold a lock that nobody else can see."""
    with store.lock(tool, print):
        (store.root / ".work" / f"tool-{tool.key}.lock").unlink()
        with store.lock(tool, print):
            waited = []

            class Waited(Exception):
                pass

            def note(words):
                waited.append(words)
                raise Waited

            with pytest.raises(Waited), store.lock(tool, note):
                pass
            assert waited == ["waiting for another run that builds tool v1.2.3"]
