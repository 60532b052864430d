"""The containers of a pod on the cluster, as the rules for manifests read them."""

from collections.abc import Iterator

from seatrial.live.objects import LiveObject
from seatrial.manifests.document import Document, Node
from seatrial.manifests.source import Source
from seatrial.workload.credentials import plain_flags, plain_variables


def live_containers(pod: LiveObject) -> Iterator[Node]:
    """Init containers and containers. There is no file behind them: a finding points at the pod, with their path."""
    spec = Document(Source("cluster", ""), 0, (), pod.raw)["spec"]
    yield from spec["initContainers"]
    yield from spec["containers"]


def in_plain_text(container: Node) -> Iterator[str]:
    """What a container shows in plain text that is a secret, in words that do not show it."""
    for entry in plain_variables(container):
        yield f"the value of {entry['name'].text} in plain text"
    for _ in plain_flags(container):
        yield "a literal behind --api-key"
