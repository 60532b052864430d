"""Gang scheduling: the PodGroup by which a scheduler places a group whole or not at all.

Source: pkg/schedulerprovider/volcano_provider.go of kubernetes-sigs/lws.
"""

from collections.abc import Iterator

from seatrial.clusters.capability import Capability
from seatrial.finding import NotApplicable, Place
from seatrial.live.deployed import Deployed
from seatrial.live.group import LiveGroup
from seatrial.live.objects import LiveObject
from seatrial.live.resources import POD_GROUPS
from seatrial.lws import keys

ANNOTATION = "scheduling.k8s.io/group-name"
_FACT = "lws.scheduler_provider"


def departures(group: LiveGroup) -> Iterator[tuple[Place, str, str]]:
    """What a group's PodGroup lacks: place, observed, expected. Raises NotApplicable, CannotTell, MissingFact."""
    lws = group.lws
    _need_gangs(lws.deployed, group)
    made = _pod_groups(lws.deployed, group)
    if len(made) != 1:
        yield lws.place(), f"group {group.index} has {len(made)} PodGroups", "one"
        return
    pod_group = made[0]
    least = 1 if lws.startup_policy == "LeaderReady" else len(group.names)
    if pod_group.at("spec", "minMember") != least:
        place = pod_group.place("spec", "minMember")
        yield place, f"minMember {pod_group.at('spec', 'minMember')}", f"{least}, the pods of the group"
    owner = (pod_group.owner or {}).get("uid")
    if group.leader is not None and owner != group.leader.uid:
        yield pod_group.place("metadata", "ownerReferences"), "another owner", f"leader {group.leader_name}"
    for pod in group.pods:
        named = pod.annotations.get(ANNOTATION)
        if named != pod_group.name:
            yield pod.place("metadata", "annotations", ANNOTATION), f"{named or 'absent'}", pod_group.name


def _need_gangs(deployed: Deployed, group: LiveGroup) -> None:
    """Raises NotApplicable where the controller makes no PodGroups, CannotTell or MissingFact where nobody knows."""
    stated = deployed.manifests.target.get(_FACT)
    if stated == "none":
        raise NotApplicable("the controller has no scheduler provider")
    deployed.need(Capability.IN_CLUSTER_LWS)
    if not any(ANNOTATION in pod.annotations for pod in group.pods):
        deployed.manifests.target.need(_FACT)


def _pod_groups(deployed: Deployed, group: LiveGroup) -> list[LiveObject]:
    lws = group.lws
    return [
        one
        for one in deployed.view.all(POD_GROUPS, lws.namespace)
        if one.labels.get(keys.NAME) == lws.name
        and one.labels.get(keys.GROUP_INDEX) == str(group.index)
        and one.labels.get(keys.REVISION) in (None, group.revision)
    ]
