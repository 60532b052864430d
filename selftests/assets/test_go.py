"""Go: found or asked for in one line, and its failures in one line each."""

import errno
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import types
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.clusters.assets import AssetError, go, obtain
from seatrial.clusters.assets.programs import LWS_VERSIONS, PROGRAMS

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")

FAILURES = [
    (
        'm@v1: Get "https://p/m.zip": dial tcp: lookup p: no such host\nmain.go:3:2: package m is not in std',
        'Get "https://p/m.zip": dial tcp: lookup p: no such host; the module proxy cannot be reached: set GOPROXY',
    ),
    ("go: m@v1: reading https://p/m.mod: 403 Forbidden", "403 Forbidden; the module proxy cannot be reached"),
    ("go: module lookup disabled by GOPROXY=off", "GOPROXY=off; the module proxy cannot be reached"),
    (
        "verifying m@v1: checksum mismatch\n\tdownloaded: h1:a=\n\tgo.sum:     h1:b=\n\n"
        "SECURITY ERROR\nThis download does NOT match.\n\nFor more information, see 'go help module-auth'.",
        "checksum mismatch; the download is not what go.sum pins",
    ),
    ("go: downloading m v1\nmkdir /x: no space left on device\nfailed", "no space left on device; free some space"),
    ("# m/big\ncompile: signal: killed\nx", "compile: signal: killed; it needs about 2 GB of memory"),
    ("open /m: read-only file system", "read-only file system; make it writable"),
    ("# m/cmd\ncmd.go:1:1: syntax error\n", ": cmd.go:1:1: syntax error; all of go's output: "),
    ("go: downloading m v1\n", ": exit code 1 and no word; all of go's output: "),
]


@pytest.mark.parametrize(("output", "line"), FAILURES, ids=[line[:40] for _, line in FAILURES])
def test_a_failure_is_one_line_and_the_log_has_all(tool, store, fake_go, output, line):
    fake_go.fail(output)
    with pytest.raises(AssetError) as error:
        obtain([tool], store)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("cannot build tool v1.2.3: ")
    assert line in message
    log = Path(message.rpartition("all of go's output: ")[2])
    assert log.read_text() == output + "\n"
    assert store.entries() == []
    fake_go.succeed()
    obtain([tool], store)


def test_where_not_even_the_log_can_be_written_the_line_is_there(tool, store, fake_go, monkeypatch):
    write = Path.write_text

    def full(path, *rest, **more):
        if path.suffix == ".log":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, *rest, **more)

    fake_go.fail("mkdir /x: no space left on device")
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(AssetError, match=r"free some space, .*; its output could not be kept$"):
        obtain([tool], store)


def test_go_that_was_killed(tool, store, fake_go):
    script = fake_go.path.read_text().replace("compiler.kill()", "compiler.kill(); os.kill(os.getpid(), 9)")
    fake_go.path.write_text(script)
    with pytest.raises(AssetError, match=r"v1.2.3: ended by SIGKILL; "):
        obtain([tool], store)


def no_go(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def test_no_go(tool, store, monkeypatch):
    no_go(monkeypatch)
    with pytest.raises(AssetError, match=r"^no Go to build .*: pip install 'seatrial\[go\]' .*--assets DIR$"):
        obtain([tool], store)


@pytest.mark.parametrize("version", ["go1.23.12", "go1.24rc1", "go1.9"])
def test_go_that_is_too_old(tool, store, fake_go, monkeypatch, version):
    (tool.wrapper / "go.mod").write_text((tool.wrapper / "go.mod").read_text().replace("go 1.24.0", "go 1.24.1"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    fake_go.version(version)
    with pytest.raises(AssetError, match=rf"^{fake_go.path} is {version}, .* need go1\.24\.1 or newer: pip install"):
        obtain([tool], store)
    assert fake_go.builds == []


@pytest.mark.parametrize("version", ["go1.24.0", "go1.24.7", "go1.25.1 X:nodwarf5", "go1.26rc2", "devel go1.27-abc123"])
def test_go_that_is_new_enough(tool, store, fake_go, version):
    fake_go.version(version)
    obtain([tool], store)


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("#!/bin/sh\necho no version is set >&2\nexit 126\n", r"does not say its version \(no version is set\)"),
        ("#!/nonexistent\n", "does not run: No such file or directory"),
        ("\x7fELF", "does not run: Exec format error"),
    ],
)
def test_go_that_does_not_work(tool, store, fake_go, monkeypatch, script, line):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    fake_go.path.write_text(script)
    with pytest.raises(AssetError, match=f"^{fake_go.path} {line}: pip install"):
        obtain([tool], store)


@pytest.mark.parametrize("on_path", ["none", "old"])
def test_the_go_of_the_wheel_is_found(tool, store, fake_go, monkeypatch, tmp_path, on_path):
    wheel = tmp_path / "site-packages" / "go"
    (wheel / "bin").mkdir(parents=True)
    (wheel / "__init__.py").touch()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: types.SimpleNamespace(origin=wheel / "__init__.py"))
    shutil.copy(fake_go.path, wheel / "bin" / "go")
    if on_path == "old":
        fake_go.path.write_text("#!/bin/sh\necho go1.19.8\necho linux\necho amd64\n")
    else:
        monkeypatch.setenv("PATH", "/bin:/usr/bin")
        if shutil.which("go"):
            pytest.skip("there is a go in /usr/bin")
    obtain([tool], store)
    assert len(fake_go.builds) == 1


def test_what_the_user_says_about_proxies_is_kept_and_the_rest_is_not(monkeypatch):
    monkeypatch.setenv("GOPROXY", "https://proxy.invalid")
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOPRIVATE", "example.invalid")
    for name, value in {
        "GOFLAGS": "-mod=vendor",
        "GOWORK": "/w",
        "GO111MODULE": "off",
        "GOROOT": "/r",
        "CGO_ENABLED": "1",
    }.items():
        monkeypatch.setenv(name, value)
    environment = go.environment()
    assert [environment[name] for name in ("GOPROXY", "GOSUMDB", "GOPRIVATE")] == [
        "https://proxy.invalid",
        "off",
        "example.invalid",
    ]
    assert (environment["GO111MODULE"], environment["GOWORK"], environment["CGO_ENABLED"]) == ("on", "off", "0")
    assert "vendor" not in environment["GOFLAGS"]
    assert "GOROOT" not in environment


@needs_go
def test_real_go_builds_for_this_machine_and_stamps_the_version(tool, store, monkeypatch):
    monkeypatch.setenv("GOOS", "windows")
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    place = obtain([tool], store)["tool"]
    assert subprocess.run([place / "tool"], capture_output=True, text=True, check=True).stdout == "tool v1.2.3\n"
    assert str(tool.wrapper).encode() not in (place / "tool").read_bytes()


@needs_go
def test_real_go_where_files_may_not_grow(tool, store, in_another_process):
    """Much like a full disk, and needs no rights."""
    limit = (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    run = in_another_process(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    _, complaint = run.communicate()
    last = complaint.splitlines()[-1]
    assert "AssetError: cannot build tool v1.2.3: " in last
    assert "; raise the limit on the size of files: ulimit -f; " in last
    assert store.entries() == []
    obtain([tool], store)


@pytest.fixture
def published(tool, tmp_path, monkeypatch):
    """The upstream module behind a proxy of files, pinned by a go.sum that go wrote."""
    served = tmp_path / "proxy" / "example.invalid" / "upstream" / "@v"
    served.mkdir(parents=True)
    upstream = tool.wrapper / "upstream"
    (served / "v1.2.3.info").write_text('{"Version": "v1.2.3"}')
    shutil.copy(upstream / "go.mod", served / "v1.2.3.mod")
    with zipfile.ZipFile(served / "v1.2.3.zip", "w") as archive:
        for name in ("go.mod", "cmd/tool/main.go"):
            archive.write(upstream / name, f"example.invalid/upstream@v1.2.3/{name}")
    shutil.rmtree(upstream)
    go_mod = tool.wrapper / "go.mod"
    go_mod.write_text(go_mod.read_text().partition("replace")[0])
    monkeypatch.setenv("GOPROXY", f"file://{tmp_path / 'proxy'}")
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    write = {"GOFLAGS": "-mod=mod -modcacherw", "GOWORK": "off", "GO111MODULE": "on"}
    subprocess.run(["go", "mod", "download", "all"], cwd=tool.wrapper, env=os.environ | write, check=True)
    subprocess.run(["go", "clean", "-modcache"], cwd=tool.wrapper, env=os.environ | write, check=True)
    return tool


@needs_go
def test_real_go_downloads_what_go_sum_pins(published, store):
    assert "example.invalid/upstream v1.2.3 h1:" in (published.wrapper / "go.sum").read_text()
    obtain([published], store)


@needs_go
def test_real_go_refuses_what_go_sum_does_not_pin(published, store, tmp_path):
    with zipfile.ZipFile(next((tmp_path / "proxy").rglob("*.zip")), "a") as archive:
        archive.writestr("example.invalid/upstream@v1.2.3/cmd/tool/more.go", "package main\n")
    with pytest.raises(AssetError, match=r"checksum mismatch; the download is not what go.sum pins: look at GOPROXY"):
        obtain([published], store)


@needs_go
def test_real_go_without_network(published, store, monkeypatch):
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:1")
    with pytest.raises(AssetError, match=r"connection refused; the module proxy cannot be reached: set GOPROXY"):
        obtain([published], store)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_pinned_modules_have_all_that_is_built(program):
    text = (program.wrapper / "go.mod").read_text()
    assert program.package in text.split()
    assert f"{program.module} {program.version} h1:" in (program.wrapper / "go.sum").read_text()
    assert go.Go(Path(), "go1.26.6", "", "").builds(program.go), "the wheel of the extra `go` must be new enough"
    assert f"-X {program.stamps[0][0]}={program.version}" in program.flags[-1] if program.stamps else True


def test_kubernetes_and_its_staging_modules_are_of_one_release():
    kubernetes = next(program for program in PROGRAMS if program.name == "kubectl")
    staging = "v0." + kubernetes.version.partition(".")[2]
    lines = [line.split() for line in (kubernetes.wrapper / "go.mod").read_text().splitlines() if "=>" in line]
    assert len(lines) >= 30
    assert {line[-1] for line in lines} == {staging}


def test_releases_of_lws_are_in_order_and_of_their_version():
    assert LWS_VERSIONS[0] == "0.6.2"
    for version in LWS_VERSIONS:
        assert next(program for program in PROGRAMS if program.name == f"lws-{version}").version == f"v{version}"


def test_a_wrapper_that_is_not_there(tool, store, tmp_path):
    with pytest.raises(AssetError, match=r"go.mod: No such file or directory; install seatrial again"):
        obtain([replace(tool, wrapper=tmp_path / "nowhere")], store)


def test_the_tether_needs_nothing_of_seatrial():
    run = subprocess.run(
        [sys.executable, "-I", "-S", go._TETHER, "sh", "-c", "exit 7"], stdin=subprocess.PIPE, start_new_session=True
    )
    assert run.returncode in (7, -9)  # its owner let go at once, so either may come first
