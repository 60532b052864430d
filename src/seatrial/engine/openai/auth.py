"""Who may ask (sglang-server facts 3.2)."""

import hmac

from seatrial.engine.http.messages import Request
from seatrial.engine.launch.server_args import ServerArgs

ADMIN = ("/flush_cache", "/abort_request")


def allowed(request: Request, args: ServerArgs) -> bool:
    """Whether a request carries the key that its path needs, or none is needed."""
    key = (args.admin_api_key or args.api_key) if request.path in ADMIN else args.api_key
    if key is None or request.method == "OPTIONS" or request.path.startswith(_open(args)):
        return True
    return _carries(request.headers.get(b"authorization", b""), key, args)


def _open(args: ServerArgs) -> tuple[str, ...]:
    """Beginnings of paths that need no key; the engine's own are not the API's."""
    own = ("/health", "/truth", "/misbehave")
    if args.release.since("0.5.20"):
        return (*own, "/metrics", "/ready")
    return (*own, "/metrics") if args.release.since("0.4.6") else own


def _carries(header: bytes, key: str, args: ServerArgs) -> bool:
    if not args.release.since("0.5.8.post1"):
        return header == b"Bearer " + key.encode()
    scheme, _, value = header.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(value.strip(), key.encode())
