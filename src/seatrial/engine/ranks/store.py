"""The port of the rendezvous, which global rank 0 opens: it counts who is there, and lets all go on together."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from seatrial.engine.ranks import frames
from seatrial.engine.ranks.node import Node

_PATIENCE_S = 10.0
"""For so long a connection may say nothing before it is taken for a scanner."""


@dataclass(eq=False)
class _Member:
    ranks: tuple[int, ...]
    digest: str
    writer: asyncio.StreamWriter
    waits_at: str = ""


@dataclass
class Store:
    """Counts ranks. Those that are out of range, there already, or of another world size are never counted."""

    node: Node
    _members: list[_Member] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen on all interfaces. Raises OSError where the port is taken."""
        self._server = await asyncio.start_server(self._meet, None, self.node.port, limit=frames.LONGEST)

    def say_goodbye(self) -> None:
        """Tell all that the engine shuts down."""
        self._tell_all({"bye": True})

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for member in self._members:
            member.writer.close()

    @property
    def joined(self) -> int:
        """Ranks that are there."""
        return sum(len(member.ranks) for member in self._members)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        member = None
        try:
            hello = await asyncio.wait_for(frames.read(reader), _PATIENCE_S)
            member = self._admit(hello, writer)
            if member is None:
                await reader.read()  # it hangs, as the real one does, until it gives up
                return
            await self._listen(member, reader)
        except (frames.NoRank, EOFError, TimeoutError, OSError):
            pass  # whoever it was is gone
        finally:
            writer.close()
            if member is not None:
                self._lose(member)

    def _admit(self, hello: dict[str, Any], writer: asyncio.StreamWriter) -> _Member | None:
        """A member, if it is one. Raises NoRank for what is no rank at all."""
        ranks, world = hello.get("ranks"), hello.get("world")
        if (
            hello.get(frames.HELLO) != 1
            or not isinstance(ranks, list)
            or not all(isinstance(one, int) for one in ranks)
        ):
            raise frames.NoRank("no hello")
        there = {rank for member in self._members for rank in member.ranks}
        if world != self.node.world or there & {*ranks} or not all(0 <= rank < self.node.world for rank in ranks):
            return None
        member = _Member(tuple(ranks), str(hello.get("digest")), writer)
        self._members.append(member)
        if self.joined == self.node.world:
            self._tell_all({"joined": True})
        return member

    async def _listen(self, member: _Member, reader: asyncio.StreamReader) -> None:
        while True:
            message = await frames.read(reader)
            member.waits_at = str(message.get("barrier", ""))
            alike = len({one.digest for one in self._members}) == 1
            # Ranks with different arguments meet, and then wait for each other in the first collective for ever.
            if alike and all(one.waits_at == member.waits_at for one in self._members):
                self._tell_all({"barrier": member.waits_at})
                for one in self._members:
                    one.waits_at = ""

    def _lose(self, member: _Member) -> None:
        if member in self._members:
            self._members.remove(member)
            self._tell_all({"lost": list(member.ranks)})

    def _tell_all(self, message: dict[str, Any]) -> None:
        for member in self._members:
            if not member.writer.is_closing():
                frames.write(member.writer, message)
