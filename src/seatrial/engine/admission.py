"""When the tokens of a request are there: by set latencies."""

from seatrial.engine.generation import Generation, Schedule
from seatrial.engine.http.messages import Reply, Request
from seatrial.engine.latency.scheduled import SetLatencies
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai.encoding import STREAMED
from seatrial.engine.openai.errors import flat
from seatrial.engine.openai.plan import Plan
from seatrial.engine.state import State

FULL = "The request queue is full."


def full(plan: Plan, args: ServerArgs) -> Reply:
    """What is said when the queue is full (sglang-server facts 3.4).

    Chat streams of older releases are cut after the 200 [D]; here they are refused like other requests.
    """
    if not plan.stream or not args.release.since("0.5.13.post1"):
        return flat(503, "503", FULL)
    return Reply(200, (STREAMED,), plan.encoder.error(503, "SERVICE_UNAVAILABLE", FULL) + plan.encoder.done())


class SetTimes:
    """Admits every request that the queue has room for."""

    def __init__(self, latencies: SetLatencies, args: ServerArgs, state: State, slots: int | None) -> None:
        self._latencies, self._args, self._state, self._slots = latencies, args, state, slots

    def admit(self, plan: Plan, request: Request) -> Schedule | Reply:
        state = self._state
        state.queued = max(state.running - self._slots, 0) if self._slots else 0
        most = self._args.max_queued_requests
        if most is not None and self._slots is not None and state.running >= self._slots + most:
            return full(plan, self._args)
        tokens = max((answer.length for answer in plan.answers), default=1)
        return self._latencies.schedule(request.received_ns, tokens, hash((plan.prefix, len(plan.answers))))

    def began(self, generation: Generation, schedule: Schedule) -> None:
        """Nothing to do: the generation knows its times."""

    def ended(self, generation: Generation) -> None:
        """Nothing to do: the slot's time is known from the beginning."""
