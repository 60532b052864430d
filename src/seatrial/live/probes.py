"""What the API server says when it is offered a small LeaderWorkerSet that is right, and two that are wrong.

Nothing is stored. The offers tell whether the webhooks of LWS answer, which no object on a cluster tells.
"""

from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from seatrial.live.api import Api
from seatrial.live.offer import Answer, Patience
from seatrial.live.resources import LEADER_WORKER_SETS

_NO_BUDGET = {"rolloutStrategy": {"rollingUpdateConfiguration": {"maxUnavailable": 0, "maxSurge": 0}}}


@dataclass(frozen=True, slots=True)
class Probes:
    """The answers to a minimal set, to one of size 0, and to one whose rollout may neither stop nor add a group."""

    minimal: Answer
    size_zero: Answer
    no_budget: Answer


def ask(api: Api, namespace: str, patience: Patience) -> Probes:
    """Make the offers in a namespace that is there. Raises Unreachable."""

    def offer(spec: dict[str, Any], **template: int) -> Answer:
        body = _set(namespace, spec, template)
        return patience.ask(lambda: api.create(LEADER_WORKER_SETS, body, namespace, dry_run=True))

    return Probes(offer({}), offer({}, size=0), offer(_NO_BUDGET))


def _set(namespace: str, spec: dict[str, Any], template: dict[str, int]) -> dict[str, Any]:
    """Only what the definition demands, and what is given."""
    worker = {"spec": {"containers": [{"name": "engine", "image": "seatrial.invalid/none"}]}}
    return {
        "apiVersion": LEADER_WORKER_SETS.api_version,
        "kind": LEADER_WORKER_SETS.kind,
        "metadata": {"name": f"seatrial-{token_hex(4)}", "namespace": namespace},
        "spec": {**spec, "leaderWorkerTemplate": {"workerTemplate": worker, **template}},
    }
