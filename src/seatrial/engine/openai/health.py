"""How the engine says that it is well (sglang-server facts 2.5, 3.1)."""

from collections.abc import Mapping

from seatrial.engine.http.messages import Reply
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.state import Phase, State

POLL_NS = 1_000_000_000
"""From 0.4.10.post2 on the answer waits for a sign of life in steps of a second."""
TIMEOUT = "SGLANG_HEALTH_CHECK_TIMEOUT"
SWITCH = "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION"
_DEFAULT_S = 20.0
_OFF = ("0", "false", "no", "n", "off")


def health(args: ServerArgs, state: State, environment: Mapping[str, str]) -> Reply:
    """GET /health."""
    if not args.release.since("0.4.10.post2"):
        return Reply(200)
    if state.phase in (Phase.STARTING, Phase.DRAINING):
        return Reply(503)
    if args.release.since("0.5.5.post3") and environment.get(SWITCH, "true").strip().lower() in _OFF:
        return Reply(200)
    return _generated(state, _timeout_s(environment))


def health_generate(args: ServerArgs, state: State, environment: Mapping[str, str]) -> Reply:
    """GET /health_generate: in old releases it generates one token and does not wait for a second."""
    if state.phase in (Phase.STARTING, Phase.DRAINING) and args.release.since("0.4.10.post2"):
        return Reply(503)
    if args.release.since("0.4.10.post2"):
        return _generated(state, _timeout_s(environment))
    return Reply(503, delay_ns=int(_DEFAULT_S * 1e9)) if state.hung else Reply(200)


def _generated(state: State, timeout_s: float) -> Reply:
    """A second later at the earliest, or after the time-out when the scheduler says nothing."""
    if state.hung:
        state.phase = Phase.UNHEALTHY
        return Reply(503, delay_ns=int(timeout_s * 1e9))
    state.phase = Phase.UP
    return Reply(200, delay_ns=POLL_NS)


def ready(state: State) -> Reply:
    """GET /ready: by the flag alone."""
    return Reply(200 if state.phase is Phase.UP else 503)


def ping(args: ServerArgs, state: State) -> Reply:
    """GET /ping: always well before 0.5.20, by the flag since."""
    return ready(state) if args.release.since("0.5.20") else Reply(200)


def _timeout_s(environment: Mapping[str, str]) -> float:
    """In seconds; what is no number reads as the default (`srt/environ.py` @0.5.9)."""
    try:
        return max(float(environment.get(TIMEOUT, _DEFAULT_S)), 0.0)
    except ValueError:
        return _DEFAULT_S
