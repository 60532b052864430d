"""Certificates as far as a webhook needs them: for whom, by whom, and until when. No signature is computed.

Source: RFC 5280 (X.509), X.690 (DER). The standard library decodes authorities only, and only their names and dates.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _OCTETS, _OID, _UTC_TIME, _GENERAL_TIME = 0x30, 0x04, 0x06, 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _ADDRESS = 0x82, 0x87
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")  # 2.5.29.17


class BadCertificate(ValueError):
    """The text holds no certificate, or one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """`subject` and `issuer` are encoded names, to be compared and not to be shown."""

    subject: bytes
    issuer: bytes
    begins: datetime
    ends: datetime
    names: tuple[str, ...]
    """Host names and addresses that it is made for."""

    def covers(self, host: str) -> bool:
        """Whether it is made for this host name."""
        parent = host.partition(".")[2]
        return any(name.lower() in (host.lower(), f"*.{parent}".lower()) for name in self.names)

    def valid_at(self, moment: datetime) -> bool:
        return self.begins <= moment <= self.ends


def in_bundle(encoded: str) -> list[Certificate]:
    """The certificates of a `caBundle` or of a Secret's entry: PEM in base64, one or more. Raises BadCertificate."""
    try:
        text = base64.b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise BadCertificate("it is not base64 of PEM") from None
    found = [_certificate(body) for body in _PEM.findall(text)]
    if not found:
        raise BadCertificate("it holds no certificate")
    return found


def _certificate(body: str) -> Certificate:
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
        return _parse(data)
    except (binascii.Error, ValueError, IndexError, StopIteration):
        raise BadCertificate("a certificate in it cannot be read") from None


def _parse(data: bytes) -> Certificate:
    outer = _Element.at(data, 0).expect(_SEQUENCE)
    signed = next(outer.inside).expect(_SEQUENCE)
    fields = [field for field in signed.inside if field.tag != _VERSION]
    _serial, _algorithm, issuer, validity, subject, _key, *more = fields
    begins, ends = (_time(one) for one in validity.inside)
    extensions = next((one for one in more if one.tag == _EXTENSIONS), None)
    names = tuple(_names(extensions)) if extensions else ()
    return Certificate(subject.content, issuer.content, begins, ends, names)


def _names(extensions: "_Element") -> Iterator[str]:
    for extension in next(extensions.inside).inside:
        id, *_critical, value = extension.inside
        if id.tag == _OID and id.content == _ALTERNATIVE_NAMES and value.tag == _OCTETS:
            for name in next(value.inside).inside:
                if name.tag == _DNS_NAME:
                    yield name.content.decode("ascii")
                elif name.tag == _ADDRESS:
                    yield str(ip_address(name.content))


def _time(element: "_Element") -> datetime:
    form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERAL_TIME: "%Y%m%d%H%M%SZ"}.get(element.tag)
    if form is None:
        raise ValueError(f"tag {element.tag:#x} is no time")
    return datetime.strptime(element.content.decode("ascii"), form).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Element:
    """One tag, length and content of DER."""

    tag: int
    content: bytes
    length: int
    """Of the whole element, in bytes."""

    @classmethod
    def at(cls, data: bytes, start: int) -> "_Element":
        tag, size, begin = data[start], data[start + 1], start + 2
        if size & 0x80:
            more = size & 0x7F
            size, begin = int.from_bytes(data[begin : begin + more]), begin + more
        if begin + size > len(data):
            raise ValueError("cut off")
        return cls(tag, data[begin : begin + size], begin + size - start)

    def expect(self, tag: int) -> "_Element":
        if self.tag != tag:
            raise ValueError(f"tag {self.tag:#x} instead of {tag:#x}")
        return self

    @property
    def inside(self) -> Iterator["_Element"]:
        start = 0
        while start < len(self.content):
            element = _Element.at(self.content, start)
            yield element
            start += element.length
