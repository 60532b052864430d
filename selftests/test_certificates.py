"""Certificates are read as OpenSSL wrote them."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seatrial.live.certificates import BadCertificate, in_bundle

HERE = Path(__file__).parent / "certificates"
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def encoded(*names: str) -> str:
    return base64.b64encode(b"".join((HERE / f"{name}.pem").read_bytes() for name in names)).decode()


def test_what_a_serving_certificate_says() -> None:
    (found,) = in_bundle(encoded("serving"))
    assert (found.begins.date().isoformat(), found.ends.date().isoformat()) == ("2026-11-25", "2126-11-01")
    assert found.names == ("lws-webhook-service.lws-system.svc", "*.example.com", "127.0.0.1", "::1")


def test_who_signed_whom() -> None:
    serving, authority, stranger = in_bundle(encoded("serving", "authority", "stranger"))
    assert serving.issuer == authority.subject == authority.issuer
    assert stranger.subject not in (authority.subject, serving.issuer)


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("lws-webhook-service.lws-system.svc", True),
        ("LWS-webhook-service.lws-system.svc", True),
        ("a.example.com", True),
        ("a.b.example.com", False),
        ("example.com", False),
        ("lws-webhook-service.other.svc", False),
    ],
)
def test_hosts(host: str, covered: bool) -> None:
    assert in_bundle(encoded("serving"))[0].covers(host) is covered


@pytest.mark.parametrize(
    ("moment", "valid"),
    [(datetime(2026, 11, 24, tzinfo=UTC), False), (NOW, True), (datetime(2127, 1, 1, tzinfo=UTC), False)],
)
def test_dates(moment: datetime, valid: bool) -> None:
    assert in_bundle(encoded("serving"))[0].valid_at(moment) is valid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Cg==",
        "no base64",
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----").decode(),
    ],
)
def test_what_is_no_certificate(text: str) -> None:
    with pytest.raises(BadCertificate):
        in_bundle(text)


def test_a_certificate_that_is_cut_off_or_changed_is_refused_or_read() -> None:
    body = "".join((HERE / "serving.pem").read_text().splitlines()[1:-1])
    data = base64.b64decode(body)
    for length in range(len(data)):
        with pytest.raises(BadCertificate):
            in_bundle(pem(data[:length]))
    for place in range(len(data)):
        try:
            in_bundle(pem(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]))
        except BadCertificate:
            continue


def pem(data: bytes) -> str:
    text = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(data).decode()}\n-----END CERTIFICATE-----\n"
    return base64.b64encode(text.encode()).decode()
