"""Every way in which a kubeconfig, or what listens behind it, can be unusable ends in one clear line without secrets."""

import base64
import http.server
import json
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.clusters import exec_plugin, existing, kubeconfig
from seatrial.clusters.existing import Existing
from seatrial.clusters.provider import ClusterError

SECRET = "s3cr3t-t0ken"
CERTIFICATES = Path(__file__).parent / "certificates"


def config(
    server: str = "https://127.0.0.1:1", *, user: Any = None, cluster: Any = None, **changed: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "prod",
        "contexts": [{"name": "prod", "context": {"cluster": "tke", "user": "me"}}],
        "clusters": [{"name": "tke", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "me", "user": {"token": SECRET} if user is None else user}],
        **changed,
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[[object], Path]:
    def write(content: object) -> Path:
        file = tmp_path / "kubeconfig"
        file.write_bytes(content if isinstance(content, bytes) else yaml.safe_dump(content).encode())
        return file

    return write


Write = Callable[[object], Path]


def line(file: Path, context: str | None = None) -> str:
    """What the user is told."""
    with pytest.raises(ClusterError) as caught:
        Existing(file, context).start()
    said = str(caught.value)
    assert "\n" not in said and len(said) < 400
    assert SECRET not in said and "BEGIN" not in said
    return said


def test_missing(tmp_path: Path) -> None:
    assert "no such file" in line(tmp_path / "nowhere")


def test_a_folder(tmp_path: Path) -> None:
    assert "a folder; name the file in it" in line(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\x7fELF\x00\xff\xfe", "not text in UTF-8"),
        (b"a: 'x\nb: c\n", "not YAML (line"),
        (b"a: b\x00", "not YAML"),
        (b"[" * 5000, "not YAML"),
        (b"just words", "no kubeconfig"),
        (b"- a\n- b\n", "no kubeconfig"),
        (b"apiVersion: v1\nkind: Pod\n", "no kubeconfig"),
        (b"x" * (5 << 20), "larger than 4 MiB"),
        (b"clusters: 7\ncontexts: [{name: a, context: {cluster: b}}]\ncurrent-context: a\n", "`clusters` is no list"),
        (b"clusters: []\ncontexts: {}\n", "it has no context at all"),
        (b"contexts: [a]\n", "`contexts` is no list of entries with names"),
        (b"contexts: [{name: a}]\ncurrent-context: a\n", "context a has no content"),
    ],
)  # fmt: skip
def test_unreadable(content: bytes, expected: str, write: Write) -> None:
    assert expected in line(write(content))


def test_not_readable(write: Write) -> None:
    file = write(config())
    file.chmod(0)
    try:
        file.read_bytes()
    except PermissionError:
        assert "cannot be read: Permission denied" in line(file)
    else:
        pytest.skip("this user may read everything")


def test_no_current_context(write: Write) -> None:
    assert "no current context; choose one with --context: prod" in line(write(config(**{"current-context": ""})))


def test_unknown_context(write: Write) -> None:
    said = line(write(config()), "prd")
    assert said.startswith("--context prd: ") and said.endswith("has no context of that name; the closest is prod")


def test_current_context_that_is_not_there(write: Write) -> None:
    assert "current context prot: it has no context of that name; the closest is prod" in line(
        write(config(**{"current-context": "prot"}))
    )


def test_missing_entries(write: Write) -> None:
    assert "there is no cluster tke, which it names; clusters: none" in line(write(config(clusters=[])))
    other = [{"name": "you", "user": {}}]
    assert "there is no user me, which it names; users: you" in line(write(config(users=other)))
    context = [{"name": "prod", "context": {"user": "me"}}]
    assert "it names no cluster" in line(write(config(contexts=context)))


@pytest.mark.parametrize("server", ["", "10.0.0.1:6443", "ftp://x", "https://", "https://x:y", 7])
def test_no_server(server: Any, write: Write) -> None:
    assert "`server` is no URL" in line(write(config(server)))


@pytest.mark.parametrize("key", ["client-certificate", "client-key", "tokenFile"])
def test_missing_file_of_a_user(key: str, write: Write, tmp_path: Path) -> None:
    assert f"{key} {tmp_path / 'gone'} cannot be read: No such file" in line(write(config(user={key: "gone"})))


def test_missing_authority(write: Write, tmp_path: Path) -> None:
    said = line(write(config(cluster={"certificate-authority": "pki/ca.crt"})))
    assert f"certificate-authority {tmp_path / 'pki' / 'ca.crt'} cannot be read" in said


def test_certificates_that_are_none(write: Write) -> None:
    broken = base64.b64encode(b"hello").decode()
    said = line(write(config(cluster={"certificate-authority-data": broken})))
    assert "certificate-authority-data: it holds no certificate" in said
    said = line(write(config(user={"client-certificate-data": "%%%"})))
    assert "client-certificate-data: it is not base64 of PEM" in said


def test_expired_client_certificate(write: Write) -> None:
    user = {"client-certificate": str(CERTIFICATES / "expired.pem"), "client-key-data": SECRET}
    assert "user me: its client certificate expired on 2024-02-01 00:00 UTC" in line(write(config(user=user)))


def test_client_certificate_without_key(write: Write) -> None:
    user = {"client-certificate": str(CERTIFICATES / "authority.pem")}
    assert "a client certificate without its client-key" in line(write(config(user=user)))


def test_removed_way_of_logging_in(write: Write) -> None:
    said = line(write(config(user={"auth-provider": {"name": "gcp", "config": {"access-token": SECRET}}})))
    assert "auth-provider gcp is no longer part of Kubernetes" in said


# What gives credentials.


def program(tmp_path: Path, script: str) -> Path:
    file = tmp_path / "login"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def exec_user(command: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, **more}}


ANSWER = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}


def test_missing_program(write: Write) -> None:
    said = line(write(config(user=exec_user("no-such-login", installHint="get it\nfrom the shop"))))
    assert "program `no-such-login` gives no credentials: there is no such program; get it from the shop" in said


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "it ended with exit code 3"),
        (f"echo {SECRET}", "its answer is no ExecCredential"),
        ("echo '{\"status\": 7}'", "its answer is no ExecCredential"),
        (f"echo '{json.dumps({'apiVersion': 'x', 'status': {'token': SECRET}})}'", "not of client.authentication.k8s.io/v1"),
        (f"echo '{json.dumps({**ANSWER, 'status': {}})}'", "holds neither a token nor a certificate"),
    ],
)  # fmt: skip
def test_failing_program(script: str, expected: str, write: Write, tmp_path: Path) -> None:
    program(tmp_path, script)
    assert expected in line(write(config(user=exec_user("./login"))))


def test_program_that_never_ends(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "exec sleep 1000")
    monkeypatch.setattr(exec_plugin, "LONGEST_S", 0.2)
    assert "it has not answered within 0 s" in line(write(config(user=exec_user("./login"))))


def test_program_without_name(write: Write) -> None:
    assert "its exec entry has no command" in line(write(config(user={"exec": {"apiVersion": "x"}})))


# Whoever listens there.


class Server:
    """Answers what it is told to, on a port of its own."""

    def __init__(self, answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("Authorization")))
                answer(self)

            def log_message(self, *_: object) -> None:
                return

        outer = self
        self.asked: list[tuple[str, str | None]] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def serve(status: int = 200, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Server:
        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

        made.append(Server(answer))
        return made[-1]

    yield serve
    for server in made:
        server.close()


@pytest.fixture
def raw() -> Iterator[Callable[[bytes | None], int]]:
    """A port at which a connection is answered by these bytes and closed, or, for None, by nothing for ever."""
    sockets: list[socket.socket] = []

    def raw(answer: bytes | None) -> int:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                sockets.append(connection)
                if answer is not None:
                    connection.recv(4096)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=accept, daemon=True).start()
        port: int = listening.getsockname()[1]
        return port

    yield raw
    for one in sockets:
        with suppress(OSError):  # closing alone does not wake whoever waits in accept
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def test_nobody_listens(write: Write) -> None:
    assert "nobody listens there" in line(write(config(f"https://127.0.0.1:{free_port()}")))


def test_unknown_name(write: Write) -> None:
    assert "this name is not known" in line(write(config("https://cluster.invalid:6443")))


def test_no_http(write: Write, raw: Callable[[bytes | None], int]) -> None:
    assert "speaks no HTTP" in line(write(config(f"http://127.0.0.1:{raw(b'SSH-2.0-OpenSSH_9.6')}")))
    assert "without a word" in line(write(config(f"http://127.0.0.1:{raw(b'')}")))


def test_no_tls(write: Write, raw: Callable[[bytes | None], int]) -> None:
    assert "speaks no TLS" in line(write(config(f"https://127.0.0.1:{raw(b'HTTP/1.1 400 Bad Request')}")))


def test_a_server_that_never_answers(
    write: Write, raw: Callable[[bytes | None], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(existing, "ANSWER_S", 0.3)
    assert "no answer in time" in line(write(config(f"http://127.0.0.1:{raw(None)}")))
    assert "no answer in time" in line(write(config(f"https://127.0.0.1:{raw(None)}")))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"<html>welcome</html>", "not as a Kubernetes API server does"),
        (200, b"[]", "not as a Kubernetes API server does"),
        (200, b"{}", "is no Kubernetes API server"),
        (200, b'{"gitVersion": 7}', "is no Kubernetes API server"),
        (404, b"<html>nothing</html>", "answers 404"),
        (503, b"", "answers 503"),
        (401, b'{"kind": "Status", "message": "Unauthorized"}', "does not accept the credentials of user me (401"),
        (403, b'{"kind": "Status", "message": "forbidden: User \\"x\\" cannot"}', "forbids user me to ask for its version"),
        (403, b'{"kind": "Status", "message": "User \\"system:anonymous\\" cannot"}', "user me has no credentials"),
    ],
)  # fmt: skip
def test_no_api_server(status: int, body: bytes, expected: str, write: Write, serve: Callable[..., Server]) -> None:
    assert expected in line(write(config(serve(status, body).url)))


def test_redirection_is_not_followed(write: Write, serve: Callable[..., Server]) -> None:
    other = serve(200, b'{"gitVersion": "v1.34.4"}')
    first = serve(302, b"", {"Location": other.url})
    line(write(config(first.url)))
    assert other.asked == [], "the token would go to a stranger"


def test_password_in_the_url_is_not_shown(write: Write) -> None:
    assert SECRET not in line(write(config(f"https://me:{SECRET}@127.0.0.1:{free_port()}")))


# What works.


def test_a_token_is_sent(write: Write, serve: Callable[..., Server]) -> None:
    server = serve(200, b'{"gitVersion": "v1.34.4"}')
    cluster = Existing(write(config(server.url))).start()
    assert {sent for _, sent in server.asked} == {f"Bearer {SECRET}"}
    assert cluster.context == "prod" and cluster.verified


def test_the_token_of_a_program_is_sent(write: Write, serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(200, b'{"gitVersion": "v1.34.4"}')
    program(tmp_path, f"echo '{json.dumps({**ANSWER, 'status': {'token': SECRET}})}'")
    Existing(write(config(server.url, user=exec_user("./login")))).start()
    assert {sent for _, sent in server.asked} == {f"Bearer {SECRET}"}


def test_a_token_that_ends_is_taken_anew(write: Write, tmp_path: Path) -> None:
    said = {**ANSWER, "status": {"token": "1", "expirationTimestamp": "2020-01-01T00:00:00Z"}}
    counter = tmp_path / "runs"
    program(tmp_path, f"echo x >> {counter}; echo '{json.dumps(said)}'")
    client = kubeconfig.client(write(config(user=exec_user("./login"))))
    for _ in range(2):
        client.configuration.get_api_key_with_prefix("BearerToken")
    assert len(counter.read_text().split()) == 3


def test_a_token_file_is_read_again(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    client = kubeconfig.client(write(config(user={"tokenFile": "token"})))
    assert client.configuration.get_api_key_with_prefix("BearerToken") == "Bearer first"
    (tmp_path / "token").write_text("second\n")
    assert client.configuration.get_api_key_with_prefix("BearerToken") == "Bearer second"


def test_unverified_is_said(write: Write) -> None:
    assert kubeconfig.read(write(config(cluster={"insecure-skip-tls-verify": True}))).unverified
    assert not kubeconfig.read(write(config())).unverified
