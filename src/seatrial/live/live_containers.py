"""The containers of a pod on the cluster, as the rules for manifests read them."""

from collections.abc import Iterator

from seatrial.live.objects import LiveObject
from seatrial.manifests.document import Document, Node
from seatrial.manifests.source import Source


def live_containers(pod: LiveObject) -> Iterator[Node]:
    """Init containers and containers. There is no file behind them: a finding points at the pod, with their path."""
    spec = Document(Source("cluster", ""), 0, (), pod.raw)["spec"]
    yield from spec["initContainers"]
    yield from spec["containers"]
