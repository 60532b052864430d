"""A node's place among the others: it joins, waits with them, and learns of those that are gone."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any

from seatrial.engine.ranks import frames
from seatrial.engine.ranks.node import Node
from seatrial.engine.ranks.store import Store

_RETRY_S = 0.2


class Failed(Exception):
    """The rendezvous, or a collective, ends in this error of PyTorch."""


class World:
    """The group as one node sees it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._store = Store(node) if node.leads else None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._barriers: dict[str, asyncio.Event] = {}
        self._joined = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._on_loss: Callable[[Sequence[int]], None] = lambda _: None
        self._on_goodbye: Callable[[], None] = lambda: None
        self._closing = False

    async def join(self) -> None:
        """Meet the others. Raises Failed with PyTorch's words, after the time-out where nobody can know better."""
        node = self.node
        if node.world == len(node.ranks):
            self._joined.set()
            return
        try:
            async with asyncio.timeout(node.timeout_s):
                await self._connect()
                await self._joined.wait()
        except TimeoutError:
            self.leave()
            raise Failed(self._late()) from None

    async def _connect(self) -> None:
        node = self.node
        if self._store is not None:
            try:
                await self._store.open()
            except OSError as error:
                raise Failed(
                    f"torch.distributed.DistNetworkError: The server socket has failed to listen on any local network "
                    f"address. port: {node.port}, useIpv6: false, code: {-(error.errno or 0)}, name: EADDRINUSE, "
                    "message: address already in use"
                ) from None
        self._reader, self._writer = await self._dial()
        hello = {frames.HELLO: 1, "ranks": [*node.ranks], "world": node.world, "digest": node.digest}
        frames.write(self._writer, hello)
        self._listening = asyncio.create_task(self._listen(self._reader))

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to rank 0, tried again until the time is over; a name that nobody knows ends it at once."""
        node = self.node
        while True:
            try:
                return await asyncio.open_connection(node.host, node.port, limit=frames.LONGEST)
            except socket.gaierror as error:
                raise Failed(
                    f"torch.distributed.DistNetworkError: The client socket has failed to connect to any network "
                    f"address of ({node.host}, {node.port}). The IPv4 network addresses of ({node.host}, {node.port}) "
                    f"cannot be retrieved (gai error: {error.errno} - {error.strerror})."
                ) from None
            except OSError:
                await asyncio.sleep(_RETRY_S)

    def _late(self) -> str:
        node = self.node
        if self._store is not None:
            waited = f"{node.timeout_s + 1:.0f} seconds waiting for clients"
            return (
                f"torch.distributed.DistStoreError: Timed out after {waited}. "
                f"{self._store.joined}/{node.world} clients joined."
            )
        if self._writer is not None:
            return "torch.distributed.DistStoreError: Socket Timeout"
        return (
            f"torch.distributed.DistNetworkError: The client socket has timed out after {node.timeout_s * 1000:.0f}ms "
            f"while trying to connect to ({node.host}, {node.port})."
        )

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                self._hear(await frames.read(reader))
        except (EOFError, frames.NoRank):
            if not self._closing:
                self._on_loss((0,))

    def _hear(self, message: dict[str, Any]) -> None:
        if message.get("joined"):
            self._joined.set()
        elif "barrier" in message:
            self._barriers.setdefault(str(message["barrier"]), asyncio.Event()).set()
        elif message.get("bye"):
            self._closing = True
            self._on_goodbye()
        elif "lost" in message and not self._closing:
            self._on_loss(message["lost"])

    async def barrier(self, name: str) -> None:
        """Wait until all nodes are at this place. Raises Failed after the time-out, as a collective does."""
        if self._writer is None:
            return
        frames.write(self._writer, {"barrier": name})
        reached = self._barriers.setdefault(name, asyncio.Event())
        try:
            async with asyncio.timeout(self.node.timeout_s):
                await reached.wait()
        except TimeoutError:
            ran = self.node.timeout_s * 1000
            raise Failed(
                "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1, OpType=ALLREDUCE, "
                f"Timeout(ms)={ran:.0f}) ran for {ran + 3:.0f} milliseconds before timing out."
            ) from None

    def watch(self, on_loss: Callable[[Sequence[int]], None], on_goodbye: Callable[[], None] = lambda: None) -> None:
        """Have `on_loss` called with the ranks that are gone, `on_goodbye` when rank 0 shuts the engine down."""
        self._on_loss, self._on_goodbye = on_loss, on_goodbye

    def leave(self) -> None:
        """Go; rank 0 takes the others along."""
        self._closing = True
        if self._store is not None:
            self._store.say_goodbye()
        if self._listening is not None:
            self._listening.cancel()
        if self._writer is not None:
            self._writer.close()
        if self._store is not None:
            self._store.close()
