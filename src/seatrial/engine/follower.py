"""A node other than the first: it computes with the others, and its health says nothing."""

import asyncio
import signal
from collections.abc import Sequence

from seatrial.engine.http.connection import Connection
from seatrial.engine.http.listener import Listener
from seatrial.engine.http.messages import Request
from seatrial.engine.http.replies import write
from seatrial.engine.launch import log as lines
from seatrial.engine.launch.log import Log
from seatrial.engine.launch.server_args import ServerArgs
from seatrial.engine.ranks import dummy, endings
from seatrial.engine.ranks.endings import Ending
from seatrial.engine.ranks.world import World

_CLOSED = "RuntimeError: [gloo/transport/tcp/pair.cc] Connection closed by peer"


class Follower:
    """Lives from the end of loading until the first node is gone."""

    def __init__(self, args: ServerArgs, log: Log, world: World) -> None:
        self._args, self._log, self._world = args, log, world

    async def live(self) -> Ending:
        """Serve the dummy. Returns how the process ends."""
        loop = asyncio.get_running_loop()
        self._end: asyncio.Future[Ending] = loop.create_future()
        self._world.watch(self._lost, lambda: self._finish(endings.after_leader_left(self._args.release)))
        if self._args.release.since("0.5.23"):
            loop.add_signal_handler(signal.SIGTERM, self._stay)
        listener = None
        try:
            listener = Listener(loop, self._args.host, self._args.port, self._answer)
            lines.dummy_started(self._log, self._args)
        except OSError as error:  # only the thread of the dummy ends (facts 2.5)
            self._log.line(
                f"Dummy health check server stopped at {self._args.host}:{self._args.port}: {error.strerror}"
            )
        try:
            return await self._end
        finally:
            if listener is not None:
                listener.close()
            self._world.leave()

    def _answer(self, connection: Connection, request: Request) -> None:
        write(connection, request, dummy.answer(request, self._args))

    def _lost(self, ranks: Sequence[int]) -> None:
        """The first node's connection is read all the time; of another one only a collective would tell."""
        if 0 in ranks:
            self._log.line(f"Scheduler hit an exception: {_CLOSED}", self._world.node.ranks[0])
            self._finish(endings.after_failed_rank(self._args.release, first=endings.is_first()))

    def _stay(self) -> None:
        self._log.line(
            f"SIGTERM received on node_rank {self._args.node_rank}; waiting for the rank-0 ShutdownReq broadcast to "
            "stop the schedulers."
        )

    def _finish(self, ending: Ending) -> None:
        if not self._end.done():
            self._end.set_result(ending)
