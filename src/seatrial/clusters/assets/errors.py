"""What goes wrong with programs."""

from seatrial.clusters.provider import ClusterError


class AssetError(ClusterError):
    """A program cannot be had. The message is one line: what, where, how to mend."""
