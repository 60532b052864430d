"""Requests in a batch: they share the engine's time and its KV cache, and each step wakes those whose tokens came."""

import time
from collections import deque
from collections.abc import Callable

from seatrial.engine.admission import full
from seatrial.engine.generation import Generation, Schedule
from seatrial.engine.http.messages import Reply, Request
from seatrial.engine.latency.batch import Batch, Limits
from seatrial.engine.latency.costs import Costs
from seatrial.engine.latency.prefixes import NOTHING, Prefix
from seatrial.engine.latency.task import Task
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.openai.errors import flat
from seatrial.engine.openai.plan import Plan
from seatrial.engine.pacer import Pacer
from seatrial.engine.state import State

MOST_RUNNING = 2048
"""Requests that run at a time where nothing limits them, as `server_info` tells."""


def limits(args: ServerArgs, slots: int | None) -> Limits:
    """What the command line says of the batch; `slots` where it does not limit those who run."""
    return Limits(
        running=args.max_running_requests or slots or MOST_RUNNING,
        prefill_tokens=int(args.get("max_prefill_tokens", 16384)),
        mixed=args.on("enable_mixed_chunk"),
        caches=not args.on("disable_radix_cache"),
        conservativeness=float(args.get("schedule_conservativeness", 1.0)),
    )


class Batched:
    """Admits requests to a batch, and lets it advance: one entry of the pacer's for all of them."""

    def __init__(
        self,
        costs: Costs,
        args: ServerArgs,
        state: State,
        slots: int | None,
        pacer: Pacer,
        hit: Callable[[Generation], None],
    ) -> None:
        """`hit` is called when a part of a request's prompt was in the cache, before its first token."""
        self._costs, self._args, self._state, self._pacer, self._hit = costs, args, state, pacer, hit
        self._limits = limits(args, slots)
        self._batch = Batch(costs, self._limits)
        self._tasks: dict[Generation, Task] = {}
        self._generations: dict[Task, Generation] = {}
        self._plans: dict[Task, Plan] = {}
        self._came: deque[Task] = deque()
        self._waits = False
        state.load = self._batch.load
        state.flush = self._batch.cache.clear

    def admit(self, plan: Plan, request: Request) -> Schedule | Reply:
        most = self._args.max_queued_requests
        if most is not None and self._batch.load.queued >= most:
            return full(plan, self._args)
        prefix = Prefix.of(plan.prefix, plan.prompt_tokens) if self._limits.caches else NOTHING
        lengths = [answer.length for answer in plan.answers]
        task = Task(request.received_ns + self._costs.overhead_ns, plan.prompt_tokens, lengths, plan.limit, prefix)
        try:
            self._batch.add(task)
        except ValueError as error:
            return flat(400, "BadRequestError", f"The request is too long: {error}.")
        self._plans[task] = plan
        return task

    def began(self, generation: Generation, schedule: Schedule) -> None:
        if isinstance(schedule, Task):
            self._tasks[generation] = schedule
            self._generations[schedule] = generation
            self._look_again()

    def ended(self, generation: Generation) -> None:
        task = self._tasks.pop(generation)
        del self._generations[task]
        self._plans.pop(task, None)
        self._batch.remove(task)
        self._tell()

    def due(self, _due_ns: int, /) -> int | None:
        """Send the tokens of one request after the other; then see what came since."""
        if not self._came:
            self._came.extend(self._batch.advance(time.monotonic_ns()))
            self._tell()
        if self._came:
            task = self._came.popleft()
            generation = self._generations.get(task)
            if generation is not None:
                self._tell_of_cache(task, generation)
                generation.came()
        if self._came:
            return _due_ns
        following = self._batch.next_ns
        self._waits = following is not None
        return following

    def _tell_of_cache(self, task: Task, generation: Generation) -> None:
        plan = self._plans.pop(task, None)
        if plan is not None and task.cached > 0:
            plan.encoder.cached = task.cached
            self._hit(generation)

    def _look_again(self) -> None:
        """Wake up for the next step. Nobody who comes later can be ready earlier, but for what sockets mix up."""
        following = self._batch.next_ns
        if not self._waits and following is not None:
            self._waits = True
            self._pacer.at(following, self)

    def _tell(self) -> None:
        load = self._batch.load
        self._state.queued, self._state.used_tokens = load.queued, load.used_tokens
