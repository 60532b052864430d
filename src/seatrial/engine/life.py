"""The life of the process: weights load, the port opens, the warm-up runs, requests are served, it ends."""

import asyncio
import os
import random
import signal
from collections.abc import Sequence

from seatrial.engine.admin import Admin
from seatrial.engine.admission import SetTimes
from seatrial.engine.capacity import costs_of
from seatrial.engine.composure import Collection, stay_on
from seatrial.engine.follower import Follower
from seatrial.engine.http.connection import Answering, Connection
from seatrial.engine.http.listener import Listener, raise_descriptor_limit
from seatrial.engine.http.messages import Request
from seatrial.engine.latency.distributions import count
from seatrial.engine.latency.scheduled import SetLatencies
from seatrial.engine.launch import log as lines
from seatrial.engine.launch.log import Log
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.metrics.sglang import Metrics
from seatrial.engine.misbehaviour.spec import Spec
from seatrial.engine.misbehaviour.switchboard import Switchboard
from seatrial.engine.openai.app import Api
from seatrial.engine.pacer import Pacer
from seatrial.engine.ranks import endings
from seatrial.engine.ranks.endings import Ending
from seatrial.engine.ranks.world import Failed, World
from seatrial.engine.serving import Admission, Serving
from seatrial.engine.settings import Settings
from seatrial.engine.start import start
from seatrial.engine.state import Phase, State
from seatrial.engine.truth import Truth

WATCHDOG_PAUSE_S = 5.0
DRAIN_POLL_S = 5.0
"""How often a draining engine looks whether requests are left (sglang-server facts 2.6)."""
_NATURAL = "lognormal(64,0.4)"
"""Tokens of an answer that nothing limits, unless a setting says otherwise."""


def run(args: ServerArgs, settings: Settings, log: Log) -> Ending:
    """Live from here to the end. Returns how the process ends.

    Raises OSError where a core, a priority or the port cannot be had, ValueError where a setting cannot be read.
    """
    stay_on(settings.core, settings.realtime)
    raise_descriptor_limit()
    life = Life(args, settings, log) if args.node_rank == 0 else None
    with asyncio.Runner() as runner:
        return runner.run(_live(args, settings, log, life))


async def _live(args: ServerArgs, settings: Settings, log: Log, life: "Life | None") -> Ending:
    try:
        world = await start(args, settings, log)
    except Failed as failed:
        log.line(f"Scheduler hit an exception: Traceback (most recent call last):\n{failed}", 0)
        return endings.after_failed_rank(args.release, first=endings.is_first())
    return await (life.live(world) if life is not None else Follower(args, log, world).live())


class Life:
    """The process of rank 0, which serves the API."""

    def __init__(self, args: ServerArgs, settings: Settings, log: Log) -> None:
        self._args, self._settings, self._log = args, settings, log
        self.state = State()
        self._switchboard = Switchboard(settings.misbehave)
        self._truth = Truth(settings.truth_events)
        self._draining = False
        draw = count(settings.output or _NATURAL)
        self._metrics = Metrics(args, self.state) if args.on("enable_metrics") else None
        self._api = Api(
            args,
            self.state,
            natural=lambda seed: round(draw(random.Random(seed))),
            reasoning_share=settings.reasoning_share,
            seed=settings.seed,
            environment=os.environ,
            metrics=self._metrics.render if self._metrics is not None else None,
            abort=lambda rid, every: self._serving.abort(rid, every),
        )
        self._costs = costs_of(settings.batch, args) if settings.batch is not None else None
        if self._costs is not None:
            self.state.pool_tokens = self._costs.pool_tokens

    async def live(self, world: World) -> Ending:
        """Serve until a signal comes. Returns how the process ends."""
        loop = asyncio.get_running_loop()
        self._loop, self._world = loop, world
        self._end: asyncio.Future[Ending] = loop.create_future()
        self._tokens, self._replies = Pacer(loop), Pacer(loop)
        self._serving = Serving(
            self._api,
            self._admission(),
            self._tokens,
            self._replies,
            self._truth,
            self.state,
            self._switchboard,
            max(self._settings.tokens_per_event, self._args.stream_interval),
            early_head=not self._args.release.since("0.5.10.post1"),
            metrics=self._metrics,
        )
        self._admin = Admin(self._truth, self._switchboard, self._replies, self._befall)
        listener = Listener(loop, self._args.host, self._args.port, self._handle)
        lines.port_open(self._log, self._args.host, listener.port)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        collection = Collection(loop, lambda: self.state.running > 0)
        loop.call_later(self._settings.warmup_time_ns / 1e9, self._warm)
        self._befall(self._switchboard.on)
        world.watch(self._lost)
        try:
            return await self._end
        finally:
            collection.close()
            listener.close()
            self._tokens.close()
            self._replies.close()
            world.leave()

    def _admission(self) -> Admission:
        slots = self._settings.slots
        if self._costs is None:
            latencies = SetLatencies(self._settings.ttft, self._settings.itl, slots)
            return SetTimes(latencies, self._args, self.state, slots)
        from seatrial.engine.batched import Batched

        return Batched(
            self._costs,
            self._args,
            self.state,
            slots,
            self._tokens,
            hit=lambda generation: self._serving.hit(generation),
        )

    def _handle(self, connection: Connection, request: Request) -> Answering | None:
        if self._admin.owns(request.path):
            return self._admin.handle(connection, request)
        return self._serving.handle(connection, request)

    # The start.

    def _warm(self) -> None:
        if self.state.phase is Phase.STARTING:
            self.state.phase = Phase.UP
        lines.ready(self._log)

    # What befalls the process.

    def _befall(self, specs: Sequence[Spec]) -> None:
        """Bring about the misbehaviours of the process that are switched on, and end those that are not."""
        named = {spec.name: spec for spec in specs if spec.process}
        self._hang("hang" in named)
        step = named["clock-step"].count / 1e9 if "clock-step" in named else 0.0
        self._log.wall_offset_s = self._api.wall_offset_s = step
        if "exit" in named:
            self._loop.call_soon(os._exit, named["exit"].count)
        elif "rank-death" in named:
            self._log.line("Scheduler hit an exception: Traceback (most recent call last):", 0)
            self._loop.call_soon(self._die)
        elif "memory-full" in named:
            self._log.line("KV cache pool is full. Retract requests.", 0)
            self._tokens.pause(True)  # retracted requests wait for room, and health knows nothing of it

    def _lost(self, _ranks: Sequence[int]) -> None:
        """Nodes are gone: the next step waits for them in a collective, and only the watchdog ends that."""
        self._hang(True)
        self._loop.call_later(self._args.watchdog_timeout / 2, self._watch, self.state.served, 0)

    def _watch(self, served: int, idle: int) -> None:
        """Looks every half time-out, so that it fires one to two time-outs after the last step (facts 2.6)."""
        half = self._args.watchdog_timeout / 2
        if not self.state.running:
            self._loop.call_later(half, self._watch, self.state.served, 0)
        elif idle < 1 or self.state.served != served:
            self._loop.call_later(half, self._watch, self.state.served, idle + 1)
        else:
            timeout = self._args.get("watchdog_timeout", 300)
            old = f"Watchdog timeout (self.watchdog_timeout={timeout})"
            new = f"Scheduler watchdog timeout (self.watchdog_timeout={timeout}, self.soft=False)"
            self._log.line(new if self._args.release.since("0.5.0") else old, 0)
            self._loop.call_later(min(WATCHDOG_PAUSE_S, self._args.watchdog_timeout), self._die)

    def _die(self) -> None:
        self._finish(endings.after_failed_rank(self._args.release, first=endings.is_first()))

    def _hang(self, hung: bool) -> None:
        self.state.hung = hung
        self._tokens.pause(hung)

    # The end.

    def _stop(self, number: int) -> None:
        """SIGTERM drains; a second signal, or Ctrl-C, ends at once."""
        if self._draining or number == signal.SIGINT:
            self._finish(Ending(130 if number == signal.SIGINT else 143))
            return
        self._draining = True
        self.state.phase = Phase.DRAINING
        self._log.line(f"SIGTERM received. signum={number} Draining requests and shutting down...")
        self._drain()

    def _drain(self) -> None:
        left = self.state.running
        if left:
            self._log.line(f"Gracefully exiting... Remaining number of requests {left}.")
            self._loop.call_later(DRAIN_POLL_S, self._drain)
        else:
            self._finish(endings.after_drain(self._args.release, first=endings.is_first()))

    def _finish(self, ending: Ending) -> None:
        if not self._end.done():
            self._end.set_result(ending)
