"""Errors in the three shapes that SGLang has (sglang-server facts 3.4)."""

import json

from seatrial.engine.http.messages import Reply

JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


def compact(value: object) -> bytes:
    """JSON as Starlette writes it: without blanks, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def said(status: int, kind: str, message: str) -> dict[str, object]:
    """The object of an error."""
    return {"object": "error", "message": message, "type": kind, "param": None, "code": status}


def flat(status: int, kind: str, message: str) -> Reply:
    return Reply(status, (JSON,), compact(said(status, kind, message)))


def detail(status: int, text: str, *more: tuple[bytes, bytes]) -> Reply:
    """The framework's own."""
    return Reply(status, (JSON, *more), compact({"detail": text}))


def crash() -> Reply:
    """An exception that nobody caught: what wrong bodies end in up to 0.4.6."""
    return Reply(500, (_TEXT,), b"Internal Server Error")


def unauthorized() -> Reply:
    return Reply(401, (JSON,), compact({"error": "Unauthorized"}))
