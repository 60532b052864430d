"""The containers of a pod on the cluster, as the rules for manifests read them."""

from collections.abc import Iterator

from seatrial.live.objects import LiveObject
from seatrial.manifests.document import Document, Node
from seatrial.manifests.source import Source
from seatrial.manifests.workloads import PodTemplate
from seatrial.workload.credentials import plain_flags, plain_variables


def live_template(pod: LiveObject) -> PodTemplate:
    """The pod as if it were a template. There is no file behind it: its places have paths only."""
    return PodTemplate(Document(Source("cluster", ""), 0, (), pod.raw).root)


def live_containers(pod: LiveObject) -> Iterator[Node]:
    """Init containers and containers: a finding points at the pod, with their path."""
    template = live_template(pod)
    yield from template.init_containers
    yield from template.containers


def in_plain_text(container: Node) -> Iterator[str]:
    """What a container shows in plain text that is a secret, in words that do not show it."""
    for entry in plain_variables(container):
        yield f"the value of {entry['name'].text} in plain text"
    for _ in plain_flags(container):
        yield "a literal behind --api-key"
