"""Free TCP ports of this machine's loopback interface."""

import random
import socket
from collections.abc import Iterable, Sequence

from seatrial.clusters.provider import ClusterError

RANGE = range(15000, 30000)
"""Below the ports that Linux gives to outgoing connections (ip_local_port_range starts at 32768 by default), of which
a cluster opens hundreds while it starts, and below the node ports of Kubernetes (30000-32767)."""

TRIES = 2000


class PortTaken(ClusterError):
    """Somebody else took a port between its choice and its use. Starting again with other ports helps."""


def free(names: Sequence[str], candidates: Iterable[int] | None = None) -> dict[str, int]:
    """A free port for each name. Chosen at random, so that runs which choose at the same time rarely choose alike.

    They still can, as nobody holds a port before its owner listens: be ready to start again (PortTaken).
    """
    found: list[int] = []
    for port in candidates if candidates is not None else (random.choice(RANGE) for _ in range(TRIES)):
        if port not in found and _is_free(port):
            found.append(port)
        if len(found) == len(names):
            return dict(zip(names, found, strict=True))
    raise ClusterError(f"no {len(names)} free TCP ports on 127.0.0.1 between {RANGE.start} and {RANGE.stop - 1}")


def _is_free(port: int) -> bool:
    """On every interface: who listens on all of them has 127.0.0.1, too."""
    for address in ("127.0.0.1", ""):
        with socket.socket() as probe:
            # As the programs of the cluster do: ports of connections that were just closed are free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
