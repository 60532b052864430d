"""The headers that let pages of any origin ask, as Starlette's CORSMiddleware writes them (sglang-server facts 3)."""

from seatrial.engine.http.messages import Headers, Reply, Request

_METHODS = b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


def headers(request: Request) -> Headers:
    """What an answer carries, and more of it when a browser asks."""
    vary = (b"vary", b"Origin")
    if b"origin" not in request.headers:
        return (vary,)
    origin = request.headers[b"origin"] if b"cookie" in request.headers else b"*"
    return (
        vary,
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
    )


def preflight(request: Request) -> Reply | None:
    """The answer to a browser that asks whether it may ask; None to all else."""
    wanted = request.headers.get(b"access-control-request-method")
    origin = request.headers.get(b"origin")
    if request.method != "OPTIONS" or wanted is None or origin is None:
        return None
    known = wanted in _METHODS.split(b", ")
    told: list[tuple[bytes, bytes]] = [
        (b"vary", b"Origin"),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-max-age", b"600"),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-allow-origin", origin),
    ]
    if (asked := request.headers.get(b"access-control-request-headers")) is not None:
        told.append((b"access-control-allow-headers", asked))
    return Reply(200, (_TEXT, *told), b"OK") if known else Reply(400, (_TEXT, *told), b"Disallowed CORS method")
