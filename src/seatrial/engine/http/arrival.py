"""When bytes arrived: the kernel's own stamp, so that a busy process does not shift the schedules that start there."""

import socket
import struct
import time

_SO_TIMESTAMPNS = 35
"""Linux, for a 64-bit timespec; Python has no name for it."""
_TIMESPEC = struct.Struct("@ll")
_ROOM = socket.CMSG_SPACE(_TIMESPEC.size)
_CLOSE_NS, _TRIES = 5_000, 4
_OLDEST_NS = 5_000_000_000
"""A stamp that claims to be older is wrong: the wall clock was set meanwhile."""


def ask_for_stamps(sock: socket.socket) -> bool:
    """Have the kernel stamp what it receives. Returns whether it does."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


def receive(sock: socket.socket, size: int) -> tuple[bytes, int]:
    """What was received, and when its last byte arrived, as `time.monotonic_ns()`. Raises OSError, BlockingIOError."""
    data, ancillary, _, _ = sock.recvmsg(size, _ROOM)
    for level, kind, stamp in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(stamp) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(stamp)
            now, offset = _clocks()
            age = now + offset - (seconds * 1_000_000_000 + nanoseconds)
            return data, now - age if 0 <= age < _OLDEST_NS else now
    return data, time.monotonic_ns()


def _clocks() -> tuple[int, int]:
    """The monotonic clock and what the wall clock is ahead of it, read so close together that nothing came between."""
    for _ in range(_TRIES):
        before, wall, now = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if now - before < _CLOSE_NS:
            break
    return now, wall - now
