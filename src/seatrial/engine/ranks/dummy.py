"""What nodes other than the first serve: an answer that never changes (sglang-server facts 2.5)."""

from seatrial.engine.http.messages import Reply, Request
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai.errors import detail


def answer(request: Request, args: ServerArgs) -> Reply:
    """Without a key, and well whatever happens."""
    paths = ["/health", "/health_generate"]
    if args.release.since("0.5.5.post3"):
        paths += ["/ping"] + (["/metrics"] if args.on("enable_metrics") else [])
    if request.method == "GET" and request.path in paths:
        return Reply(200)
    return detail(404, "Not Found")
