"""One node of a group: which ranks it runs, and what it has in common with the others."""

import hashlib
from dataclasses import dataclass

from seatrial.engine.launch.server_args import ServerArgs

DEFAULT_TIMEOUT_S = 600.0
"""PyTorch's for NCCL groups, where --dist-timeout is not set or not known (sglang-server facts 2.3)."""
_OWN = ("node_rank", "host", "port", "api_key", "admin_api_key", "log_level", "nccl_port", "base_gpu_id")
"""Arguments in which nodes may differ."""


@dataclass(frozen=True, slots=True)
class Node:
    """What a node says when it joins: its global ranks, how many there are in all, and a digest of its arguments."""

    ranks: tuple[int, ...]
    world: int
    digest: str
    host: str
    port: int
    timeout_s: float

    @classmethod
    def of(cls, args: ServerArgs) -> "Node":
        """Raises ValueError where --dist-init-addr has no port."""
        each = args.ranks_per_node
        first = args.node_rank * each
        host, port = _address(args)
        shared = sorted((name, repr(value)) for name, value in args.values.items() if name not in _OWN)
        digest = hashlib.sha256(repr((args.release.version, shared)).encode()).hexdigest()[:16]
        timeout = args.get("dist_timeout")
        return cls(
            tuple(range(first, first + each)),
            args.tp_size * args.pp_size,
            digest,
            host,
            port,
            float(timeout) if timeout else DEFAULT_TIMEOUT_S,
        )

    @property
    def leads(self) -> bool:
        """Whether it runs global rank 0, which opens the port of the rendezvous."""
        return 0 in self.ranks


def _address(args: ServerArgs) -> tuple[str, int]:
    """Without an address each node waits for itself (facts 2.3)."""
    stated = args.get("dist_init_addr")
    if not stated:
        return "127.0.0.1", 29500
    host, colon, port = str(stated).rpartition(":")
    if not colon or not port.isdigit():
        raise ValueError(f"invalid --dist-init-addr {stated!r}: it needs a port")
    return host.strip("[]"), int(port)
