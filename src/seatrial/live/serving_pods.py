"""The pods of the set's groups that run SGLang."""

from seatrial.finding import NotApplicable
from seatrial.live.deployed import Deployed
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet, Standing
from seatrial.live.objects import LiveObject
from seatrial.workload.serving import groups


def serving_sets(deployed: Deployed) -> list[LiveLeaderWorkerSet]:
    """The LeaderWorkerSets that run SGLang. Raises NotApplicable where there is none."""
    serving = {id(group.document) for group in groups(deployed.manifests)}
    found = [lws for lws in deployed.leader_worker_sets if id(lws.declared.document) in serving]
    if not found:
        raise NotApplicable("no LeaderWorkerSet of the set runs SGLang")
    return found


def serving_pods(deployed: Deployed) -> list[LiveObject]:
    """Their pods that are not going away. Raises NotApplicable, Blocked, CannotTell."""
    found = serving_sets(deployed)
    pods = [pod for lws in found for pod in lws.pods]
    if not pods:
        for lws in found:
            lws.require(Standing.FORMED)
        raise NotApplicable("no group is asked for")
    return pods
