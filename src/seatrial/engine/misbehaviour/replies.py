"""Requests that are refused on purpose, before anything is generated."""

import json

from seatrial.engine.http.messages import Reply
from seatrial.engine.misbehaviour.spec import Spec

_JSON = (b"content-type", b"application/json")
_RETRY_AFTER = (b"retry-after", b"1")
_PAGE = b"<html><head><title>502</title></head><body><h1>Upstream is away</h1></body></html>\n"


def reply(specs: tuple[Spec, ...], streaming: bool) -> Reply | None:
    """The answer instead of a generation; None where nothing refuses the request."""
    for spec in specs:
        if spec.name.startswith("error-event") and not streaming:
            return _refusal(500)  # there is no stream to put the error into
        if spec.name == "html":
            return Reply(200, ((b"content-type", b"text/html; charset=utf-8"),), _PAGE)
        if spec.name == "status":
            return _refusal(spec.count)
    return None


def unreadable(message: str) -> Reply:
    """The answer to a request whose header asks for what does not exist."""
    return Reply(400, (_JSON,), json.dumps({"detail": f"x-seatrial-misbehave: {message}"}).encode())


def _refusal(status: int) -> Reply:
    """In SGLang's flat form (sglang-server facts 3.4)."""
    said = {
        "object": "error",
        "message": f"refused with status {status} (on purpose)",
        "type": {429: "RateLimitError", 503: "ServiceUnavailable"}.get(status, "InternalServerError"),
        "param": None,
        "code": status,
    }
    headers = (_JSON, _RETRY_AFTER) if status in (429, 503) else (_JSON,)
    return Reply(status, headers, json.dumps(said, separators=(",", ":")).encode())
