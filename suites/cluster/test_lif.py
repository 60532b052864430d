"""Lifecycle: pods lost, groups added and taken away, templates changed, nodes and controllers gone."""

from functools import partial

from seatrial.clusters.capability import Capability
from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.live import children, losses, outage, reapplied, rollouts, scaling, template_changes
from seatrial.live.churn import WINDOW_S, churn
from seatrial.live.experiment import Experiment
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet
from seatrial.live.obstacles import short
from seatrial.live.resources import LEADER_WORKER_SETS
from seatrial.live.roll_call import call
from seatrial.live.room import MORE_NODES, has_room, require_room
from seatrial.live.settling import told
from seatrial.live.traffic import still_routed
from seatrial.lws.releases import Fact
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.disruption_budgets import budgets_of

DISRUPTS = (Capability.DISRUPT,)
OWN = (Capability.DISRUPT, Capability.CONTROL)
POLICY = ("spec", "leaderWorkerTemplate", "restartPolicy")
ROLLING = ("spec", "rolloutStrategy", "rollingUpdateConfiguration")


@requirement(
    "LIF-01",
    why="The other ranks hang in a collective without their peer.",
    fix="Set restartPolicy to RecreateGroupOnPodRestart or RecreateGroupAfterStart, and see that the LWS controller "
    "runs: its log says what it did with the group.",
    source="lws#998",
    needs=DISRUPTS,
)
def test_worker_deleted(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Deleting a worker pod MUST recreate its whole group."""
    if not losses.recreates(live_lws):
        raise NotApplicable(f"restartPolicy {live_lws.restart_policy} keeps the rest of a group")
    loss = losses.worker_deleted(live_lws, "LIF-01")
    if loss.stayed:
        yield Finding(live_lws.place(*POLICY), f"{loss.title}: {', '.join(loss.stayed)} stayed", "every pod made anew")
    elif not loss.recovered.met:
        yield Finding(live_lws.place(), f"{loss.title}: {loss.state}", "the group complete and ready again")
    yield from loss.experiment.aftermath("LIF-01")


@requirement(
    "LIF-02",
    why="Races in the controller recreated the leader twice: the model is loaded twice, and the group is away longer.",
    fix="Upgrade LWS to 0.9.0 or newer; see that nothing else deletes pods of the group.",
    source=("lws#804", "lws#291", "lws#998"),
    needs=DISRUPTS,
)
def test_recreated_once(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """One failure MUST lead to exactly one recreation."""
    if not losses.recreates(live_lws):
        raise NotApplicable(f"restartPolicy {live_lws.restart_policy} recreates no group")
    loss = losses.worker_deleted(live_lws, "LIF-02")
    yield from loss.experiment.aftermath("LIF-02")
    if loss.leaders > 1:
        yield Finding(live_lws.place(), f"{loss.title}: {loss.leaders} new leaders", "one new leader")
    else:
        loss.require_recovered("LIF-01")


@requirement(
    "LIF-03",
    why="The rest of the capacity has to go on serving.",
    fix="Find out who touched the other group: events of its pods and the log of the LWS controller name the cause.",
    needs=DISRUPTS,
)
def test_other_groups_untouched(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A failure in one group MUST NOT touch another group."""
    if live_lws.replicas < 2:
        raise NotApplicable("there is one group only")
    lose = losses.worker_deleted if live_lws.size > 1 else losses.leader_deleted
    loss = lose(live_lws, "LIF-03")
    for change in loss.elsewhere:
        yield Finding(live_lws.place(), f"{loss.title}: {change}", "all other groups as they were")
    yield from loss.experiment.aftermath("LIF-03")


@requirement(
    "LIF-04",
    why="A restarted rank cannot rejoin: the others wait for the process that is gone.",
    fix="Set restartPolicy to RecreateGroupOnPodRestart or RecreateGroupAfterStart.",
    needs=OWN,
)
def test_container_restarted(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A restarted container in any pod of a group MUST recreate the group."""
    if not losses.recreates(live_lws):
        raise NotApplicable(f"restartPolicy {live_lws.restart_policy} keeps the rest of a group")
    for rank in (-1, 0) if live_lws.size > 1 else (0,):
        loss = losses.restarted(live_lws, "LIF-04", rank)
        if loss.stayed or not loss.recovered.met:
            stayed = f"{', '.join(loss.stayed)} stayed" if loss.stayed else loss.state
            yield Finding(
                live_lws.place(*POLICY),
                f"group {loss.group}, after a container of {loss.victim} was restarted: {stayed}",
                "every pod made anew",
            )
        yield from loss.experiment.aftermath()


@requirement(
    "LIF-05",
    why="Worker StatefulSets of a dead leader block names and GPUs.",
    fix="See the log of the LWS controller and the owner references of the group's StatefulSet.",
    needs=DISRUPTS,
)
def test_leader_deleted(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Deleting a leader pod MUST recreate its group and nothing of the old group may remain."""
    loss = losses.leader_deleted(live_lws, "LIF-05")
    if loss.stayed:
        yield Finding(live_lws.place(), f"{loss.title}: {', '.join(loss.stayed)} stayed", "every pod made anew")
    elif not loss.recovered.met:
        yield Finding(live_lws.place(), f"{loss.title}: {loss.state}", "the group complete and ready again")
    if loss.orphans:
        yield Finding(
            live_lws.place(),
            f"{loss.title}: {told(loss.orphans)} still belong to the former leader",
            "everything owned by the new leader",
        )
    yield from loss.experiment.aftermath("LIF-05")


@requirement(
    "LIF-07",
    why="LWS has no back-off and no limit; restart counters stay 0, so only events and uids show it.",
    fix="Follow the logs of the group's pods while they live: what fails there fails each time.",
    source=("lws#1048", "lws#877"),
)
def test_no_churn(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A group MUST NOT be recreated again and again."""
    for group in churn(live_lws):
        last = f"; the last time: {short(group.last)}" if group.last else ""
        yield Finding(
            live_lws.place(),
            f"the group of {group.leader} was recreated {group.count} times within {WINDOW_S / 60:.0f} minutes{last}",
            "groups that stay",
        )


@requirement(
    "LIF-08",
    why="A selector by pod-index, for example, leaves the new group without traffic.",
    fix='Select leaders by leaderworkerset.sigs.k8s.io/worker-index "0"; see events of the new group\'s pods.',
    needs=DISRUPTS,
)
def test_scale_out(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Scaling out by one MUST add one complete group whose leader joins the API Service."""
    scaled = scaling.scaled_out(live_lws, "LIF-08")
    assert scaled.out is not None
    if not scaled.out.arrived.met:
        yield Finding(
            live_lws.place("spec", "replicas"),
            f"scaled to {scaled.out.replicas}: {scaled.out.state}",
            f"{scaled.out.replicas} complete groups, all ready",
        )
    for wrong in scaled.out.misrouted:
        yield Finding(live_lws.place("spec", "replicas"), f"scaled to {scaled.out.replicas}: {wrong}", "every leader")
    yield from scaled.experiment.aftermath("LIF-08")


@requirement(
    "LIF-09",
    why="Worker StatefulSets that are left over hold GPUs.",
    fix="See finalizers and owner references of what is left over, and the log of the LWS controller.",
    needs=DISRUPTS,
)
def test_scale_in(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Scaling in MUST remove the highest group completely and leave the others alone."""
    scaled = scaling.scaled_in(live_lws, "LIF-09")
    yield from scaled.experiment.aftermath("LIF-09")
    scaled.require_out()
    into = scaled.into
    observed = [*into.changed, *into.misrouted] if into.arrived.met else [into.state, *into.changed]
    for wrong in observed:
        yield Finding(
            live_lws.place("spec", "replicas"),
            f"scaled back to {into.replicas}: {wrong}",
            f"groups 0 to {into.replicas - 1} as they were, and nothing else",
        )


@requirement(
    "LIF-10",
    why="It is the cheap way to pause the deployment: GPUs are given back, the model stays.",
    fix="See what holds the pods (finalizers), and what deletes claims: persistentVolumeClaimRetentionPolicy.",
    needs=DISRUPTS,
)
def test_scale_to_zero(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Scaling to zero and back SHOULD work."""
    scaling.require_unscaled(live_lws)
    with Experiment(live_lws, "LIF-10") as experiment:
        claims = children.bound_claims(live_lws)
        uids = experiment.before.uids
        experiment.bench.scale(experiment.object, 0)
        gone = experiment.wait(lambda: not live_lws.all_pods and not still_routed(live_lws, uids))
        if not gone.met:
            there = [pod.name for pod in live_lws.all_pods] + still_routed(live_lws, uids)
            yield Finding(
                live_lws.place("spec", "replicas"), f"scaled to 0: {told(there)} stayed ({gone})", "no pod, no endpoint"
            )
        for claim in children.lost_claims(live_lws, claims):
            yield Finding(live_lws.place("spec", "replicas"), f"scaled to 0: claim {claim} is gone", "claims that stay")
    yield from experiment.aftermath()


@requirement(
    "LIF-11",
    why="More groups than agreed would be down at once.",
    fix="See conditions and events of the LeaderWorkerSet; releases of LWS before 0.9.0 get stuck or miscount with "
    "maxSurge: upgrade to 0.9.0.",
    source=("lws#776", "lws#781"),
    needs=DISRUPTS,
)
def test_rollout(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A template change MUST roll the groups from the highest index down and respect maxUnavailable."""
    rollout = rollouts.rolled(live_lws)
    budget = rollouts.budget_of(live_lws)
    place = live_lws.place(*ROLLING)
    if not rollout.done.met:
        yield Finding(place, f"the rollout did not end: {rollout.state}", "every group of the new revision, and ready")
    elif len(rollout.revisions) > 1:
        yield Finding(place, f"pods of revisions {', '.join(rollout.revisions)}", "one revision everywhere")
    for higher, lower in rollouts.out_of_order(rollout.order, max(1, budget.unavailable + budget.surge)):
        yield Finding(place, f"group {lower} was replaced before group {higher}", "the highest index first")
    least = budget.replicas - budget.unavailable
    if rollout.fewest < least:
        yield Finding(
            place,
            f"at one moment only {rollout.fewest} group{'s' * (rollout.fewest != 1)} of {budget.replicas} were ready",
            f"at least {least}: maxUnavailable is {budget.unavailable}",
        )


@requirement(
    "LIF-13",
    why="Surge groups hold size x GPUs each: incomplete ones help nobody, and left over ones cost.",
    fix="Keep nodes free for maxSurge groups, and upgrade LWS to 0.9.0 or newer.",
    source="lws#776",
    needs=DISRUPTS,
)
def test_surge(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Surge groups SHOULD be complete while they exist and gone at the end."""
    expected = rollouts.surge_groups(live_lws)
    if not expected:
        raise NotApplicable("a rollout of this set adds no group")
    rollout = rollouts.rolled(live_lws)
    rollout.require_done()
    wanted = range(live_lws.replicas, live_lws.replicas + expected)
    for index in sorted(set(wanted) - set(rollout.surge)):
        yield Finding(live_lws.place(*ROLLING), f"surge group {index} was never complete and ready", "a whole group")
    if rollout.surplus:
        yield Finding(live_lws.place(*ROLLING), f"left over: {told(rollout.surplus)}", "no surge group in the end")


@requirement(
    "LIF-14",
    why="It is the way to try a change on one group while the others serve.",
    fix="Upgrade LWS to 0.8.0 or newer; see events of the LeaderWorkerSet.",
    needs=DISRUPTS,
)
def test_partition(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A partition SHOULD hold back the groups below it."""
    if not live_lws.release.has(Fact.PARTITION):
        raise NotApplicable(f"LWS {live_lws.release} knows no partition")
    if live_lws.replicas < 2:
        raise NotApplicable("there is one group only")
    highest = live_lws.replicas - 1
    with Experiment(live_lws, "LIF-14") as experiment:
        require_room(live_lws, experiment.bench.view, [live_lws.size] * rollouts.surge_groups(live_lws))
        marked = template_changes.marked(live_lws, "LIF-14")
        experiment.bench.amend(experiment.object, marked | template_changes.partition(highest))
        moved = experiment.wait(lambda: rollouts.is_moved(experiment, highest))
        experiment.linger()
        if not moved.met:
            yield Finding(
                live_lws.place(*ROLLING),
                f"partition {highest}: group {highest} did not take the new revision: {experiment.said(moved)}",
                f"group {highest} of the new revision, and ready",
            )
        for change in experiment.before.changes(call(live_lws), besides=highest):
            yield Finding(live_lws.place(*ROLLING), f"partition {highest}: {change}", f"only group {highest} changes")
    yield from experiment.aftermath()


@requirement(
    "LIF-15",
    why="Going back has to be known to work before it is needed.",
    fix="See conditions and events of the LeaderWorkerSet, and its ControllerRevisions.",
    needs=DISRUPTS,
)
def test_rollback(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Going back to the former template SHOULD restore the former revision everywhere."""
    rollout = rollouts.rolled(live_lws)
    yield from rollout.experiment.aftermath()
    rollout.require_done()
    marked = [pod.name for pod in live_lws.pods if template_changes.MARK in pod.annotations]
    if marked:
        yield Finding(live_lws.place(), f"still of the other template: {told(marked)}", "the former template")
    if left := rollouts.surplus(live_lws):
        yield Finding(live_lws.place(), f"left over: {told(left)}", "no object more than before")


@requirement(
    "LIF-16",
    why="A version that does not start can otherwise not be replaced.",
    fix="Upgrade LWS to 0.7.0 or newer; 0.9.0 with maxSurge.",
    source=("lws#567", "lws#776"),
    needs=OWN,
)
def test_rollout_from_broken(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A rollout SHOULD also proceed when the old groups are not ready."""
    if live_lws.replicas == 0:
        raise NotApplicable("it has no groups: replicas is 0")
    with Experiment(live_lws, "LIF-16") as experiment:
        require_room(live_lws, experiment.bench.view, [live_lws.size] * rollouts.surge_groups(live_lws))
        experiment.bench.amend(experiment.object, template_changes.unplaceable(live_lws))
        stuck = experiment.wait(lambda: bool(template_changes.unplaced(experiment)), hopeless=False)
        if not stuck.met:
            raise CannotTell(f"a template that no node can take did not reach a group {stuck}")
        experiment.bench.amend(experiment.object, template_changes.placeable(live_lws, "LIF-16"))
        done = experiment.wait(lambda: rollouts.is_rolled_out(experiment) and not template_changes.unplaced(experiment))
        if not done.met:
            yield Finding(
                live_lws.place(*ROLLING),
                f"a good template after one that does not start: {experiment.said(done)}",
                "every group of the good template, and ready",
            )
    yield from experiment.aftermath()


@requirement(
    "LIF-18",
    why="The next deployment collides with what is left over, or the model is gone.",
    fix="See finalizers and owner references of what is left over; keep the model's claim out of the LeaderWorkerSet.",
    source="lws#523",
    needs=DISRUPTS,
)
def test_delete(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Deleting the LeaderWorkerSet MUST leave no pods, StatefulSets, Services or revisions behind and keep the
    model's PVC.
    """
    reapplied.require_brought(live_lws.deployed)
    with Experiment(live_lws, "LIF-18") as experiment:
        claims = children.bound_claims(live_lws)
        experiment.bench.delete(LEADER_WORKER_SETS, experiment.object, propagation="Foreground")
        gone = experiment.wait(lambda: not children.left(experiment))
        if not gone.met:
            left = told(children.left(experiment))
            yield Finding(live_lws.place(), f"after the deletion: {left} ({gone})", "nothing of the set")
        for claim in children.lost_claims(live_lws, claims):
            yield Finding(live_lws.place(), f"after the deletion: claim {claim} is gone", "a claim that stays Bound")
    yield from experiment.aftermath()


@requirement(
    "LIF-19",
    why="Pods of a lost node stay as they are, and the group is dead without an alarm.",
    fix="Give the pods short tolerationSeconds for node.kubernetes.io/unreachable, and no Service that publishes "
    "addresses that are not ready.",
    source=("lws#508", "defilantech/LLMKube#1781"),
    needs=OWN,
)
def test_node_lost(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """The loss of a node SHOULD lead to a complete group elsewhere or to a visible failure."""
    if live_lws.replicas == 0:
        raise NotApplicable("it has no groups: replicas is 0")
    with Experiment(live_lws, "LIF-19") as experiment:
        victim = live_lws.groups[live_lws.replicas - 1].pods[0]
        node = str(victim.at("spec", "nodeName"))
        experiment.undo(lambda: outage.bring_back(experiment, node))
        experiment.bench.control.lose_node(node)
        shown = experiment.wait(lambda: outage.is_visible(live_lws, victim))
        if not shown.met:
            ready = (live_lws.object or experiment.object).at("status", "readyReplicas") or 0
            routed = still_routed(live_lws, {victim.uid})
            yield Finding(
                live_lws.place(),
                f"the node of {victim.name} is lost: readyReplicas {ready}, "
                f"{told(routed) or 'no Service'} leads to it ({shown})",
                f"a complete group elsewhere, or readyReplicas below {live_lws.replicas} and no endpoint",
            )
    yield from experiment.aftermath()


@requirement(
    "LIF-20",
    why="One evicted pod costs its whole group: two evictions at once cost two.",
    fix="Let one PodDisruptionBudget select all pods of the set, with maxUnavailable 1.",
    needs=DISRUPTS,
)
def test_drain(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A drain SHOULD respect the PodDisruptionBudget and take one group at a time."""
    budgets = budgets_of(live_lws.declared)
    if not budgets:
        raise NotApplicable("no PodDisruptionBudget protects the set")
    if live_lws.replicas < 2:
        raise NotApplicable("there is one group only")
    with Experiment(live_lws, "LIF-20") as experiment:
        first, second = (live_lws.groups[index].pods[-1] for index in (live_lws.replicas - 1, live_lws.replicas - 2))
        experiment.hold(first)
        place = budgets[0].document.at("spec")
        refused = experiment.bench.evict(first)
        if refused is not None:
            yield Finding(
                place, f"{first.name} may not be evicted though all groups are ready: {refused.message}", "a drain"
            )
        elif experiment.bench.evict(second, dry_run=True) is None:
            if losses.is_whole(live_lws, live_lws.replicas - 1):
                raise CannotTell("the first group was there again before the second eviction could be tried")
            yield Finding(
                place,
                f"{second.name} may be evicted while the group of {first.name} is not back",
                "a refusal until all groups are ready",
            )
    yield from experiment.aftermath()


@requirement(
    "LIF-22",
    why="Controllers are upgraded, and the groups have to go on serving meanwhile.",
    fix="Keep failurePolicy Fail on the webhooks of LWS: a pod made without them has no rank.",
    needs=OWN,
)
def test_controller_away(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A missing LWS controller SHOULD leave running groups alone."""
    with Experiment(live_lws, "LIF-22") as experiment:
        with outage.controller_stopped(experiment):
            pod, _ = outage.offer_pod(experiment)
            experiment.linger()
        if pod is not None:
            yield Finding(
                live_lws.place(),
                "a pod of a group is accepted while the controller is away",
                "a refusal: without the webhook it has neither rank nor leader",
            )
        experiment.linger()
        for change in experiment.before.changes(call(live_lws)):
            yield Finding(live_lws.place(), f"the controller was away for a moment: {change}", "groups as they were")
        pod, refusal = outage.offer_pod(experiment)
        if not outage.is_completed(pod):
            said = refusal.message if refusal else "it has no LWS_LEADER_ADDRESS"
            yield Finding(
                live_lws.place(), f"the controller is back, a new pod is not completed: {said}", "pods with a rank"
            )
    yield from experiment.aftermath()


@requirement(
    "LIF-23",
    why="Hashes and labels that changed have rolled all groups at once.",
    fix="Skip LWS 0.8.0: go from 0.7.0, or 0.6.2, to 0.9.0 at once.",
    source=("lws#797", "lws#281", "lws#1016"),
    needs=OWN,
)
def test_controller_upgrade(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A controller upgrade MUST NOT roll running groups."""
    version = outage.next_release(live_lws)
    with Experiment(live_lws, "LIF-23") as experiment:
        installed = experiment.bench.control.lws_version
        experiment.undo(lambda: outage.replace(experiment, installed))
        outage.replace(experiment, version)
        experiment.linger(quiet_s=2.0)
        changes = experiment.before.changes(call(live_lws))
        if changes:
            yield Finding(live_lws.place(), f"LWS {installed} to {version}: {told(changes)}", "groups as they were")
        elif live_lws.revision != experiment.revision:
            yield Finding(
                live_lws.place(),
                f"LWS {installed} to {version}: revision {live_lws.revision}",
                f"revision {experiment.revision}",
            )
    yield from experiment.aftermath()


@requirement(
    "LIF-24",
    why="A pipeline that applies again would restart every GPU.",
    fix="Let one tool own each field: leave replicas out where an autoscaler sets it.",
    needs=DISRUPTS,
)
def test_apply_again(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Applying the same set again MUST NOT change anything."""
    deployed = live_lws.deployed
    reapplied.require_brought(deployed)
    with Experiment(live_lws, "LIF-24") as experiment:
        before = reapplied.stored(deployed)
        reapplied.apply_again(deployed)
        experiment.linger()
        after = dict(reapplied.stored(deployed))
        for document, object in before:
            fields = reapplied.changed(object, after[document]) if document in after else ["metadata"]
            if fields:
                yield Finding(document.at(), f"applied again, it changed in {told(fields)}", "the object as it was")
        for change in experiment.before.changes(call(live_lws)):
            yield Finding(live_lws.place(), f"applied again: {change}", "the pods as they were")
    yield from experiment.aftermath()


@requirement(
    "LIF-25",
    why="Slow image pulls on one node would otherwise restart the pods of all others, and never end.",
    fix="Upgrade LWS to 0.9.0 or newer.",
    source=("lws#726", "lws#757"),
    needs=OWN,
)
def test_restart_during_start(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """With RecreateGroupAfterStart a restart during start-up SHOULD spare the group."""
    if not losses.recreates_after_start(live_lws):
        raise NotApplicable(f"restartPolicy {live_lws.restart_policy} spares no group that starts")
    if live_lws.size < 2 or live_lws.replicas == 0:
        raise NotApplicable("it has no group of several pods")
    with Experiment(live_lws, "LIF-25") as experiment:
        leader, *_, worker = live_lws.groups[live_lws.replicas - 1].pods
        experiment.undo(lambda: losses.report_phase(experiment, worker, "Running"))
        losses.report_phase(experiment, worker, "Pending")
        experiment.wait(lambda: not live_lws.available)
        losses.report_restart(experiment, leader)
        experiment.linger()
        if experiment.before.uids - call(live_lws).uids:
            yield Finding(
                live_lws.place(*POLICY),
                f"{leader.name} was restarted while {worker.name} was Pending: the group was recreated",
                "the group as it was",
            )
    yield from experiment.aftermath()


@requirement(
    "LIF-27",
    why="A headless Service or a worker StatefulSet that somebody removed breaks the group's names, or the group.",
    fix="See that the LWS controller runs, and its log.",
    needs=OWN,
)
def test_children_return(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A deleted child object SHOULD come back."""
    if live_lws.replicas == 0:
        raise NotApplicable("it has no groups: replicas is 0")
    with Experiment(live_lws, "LIF-27") as experiment:
        for resource, child in children.expected_children(live_lws):
            if wrong := children.deleted(experiment, resource, child):
                yield Finding(live_lws.place(), wrong, "a new one, of the same spec and with a living owner")
        for change in losses.elsewhere(experiment, live_lws.replicas - 1):
            yield Finding(live_lws.place(), f"after children of the last group were deleted: {change}", "other groups")
    yield from experiment.aftermath()


@requirement(
    "LIF-28",
    why="Pods that still carry the old size form a group of the wrong number of ranks.",
    fix="Upgrade LWS; let the launch line take --nnodes from LWS_GROUP_SIZE.",
    needs=OWN,
)
def test_size(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """A change of `size` SHOULD recreate the groups with the new number of pods."""
    if not live_lws.release.has(Fact.SIZE_MUTABLE):
        raise NotApplicable(f"LWS {live_lws.release} takes no other size")
    if live_lws.replicas == 0:
        raise NotApplicable("it has no groups: replicas is 0")
    with Experiment(live_lws, "LIF-28") as experiment:
        size = template_changes.other_size(live_lws, experiment.bench.view, rollouts.surge_groups(live_lws))
        experiment.bench.amend(experiment.object, {"leaderWorkerTemplate": {"size": size}})
        done = experiment.wait(lambda: rollouts.is_rolled_out(experiment) and live_lws.size == size)
        place = live_lws.place("spec", "leaderWorkerTemplate", "size")
        if not done.met:
            yield Finding(place, f"size {size}: {experiment.said(done)}", f"every group of {size} pods, and ready")
        else:
            wrong = [pod.name for pod in live_lws.pods if not template_changes.says_size(pod, size)]
            if wrong:
                yield Finding(place, f"size {size}: LWS_GROUP_SIZE differs in {told(wrong)}", f"LWS_GROUP_SIZE {size}")
    yield from experiment.aftermath()


@requirement(
    "LIF-29",
    why="Both happen at once when an autoscaler is on.",
    fix="Upgrade LWS to 0.9.0 or newer.",
    source="lws#776",
    needs=OWN,
)
def test_scale_during_rollout(live_lws: LiveLeaderWorkerSet) -> Outcomes:
    """Scaling during a rollout SHOULD end with the asked number of groups on the new revision."""
    scaling.require_unscaled(live_lws)
    for replicas in (live_lws.replicas + 1, live_lws.replicas - 1):
        if replicas < 1:
            continue
        with Experiment(live_lws, "LIF-29") as experiment:
            more = rollouts.most_groups(live_lws, replicas) - live_lws.replicas
            if not has_room(live_lws, experiment.bench.view, [live_lws.size] * more):
                yield CannotTell(f"there are no nodes free for {more} more groups", MORE_NODES)
                continue
            experiment.bench.amend(experiment.object, template_changes.marked(live_lws, f"LIF-29 {replicas}"))
            experiment.wait(lambda: live_lws.revision != experiment.revision)
            experiment.bench.scale(experiment.object, replicas)
            ended = experiment.wait(partial(rollouts.is_rolled_out, experiment, replicas))
            left = rollouts.surplus(live_lws)
            if not ended.met or left:
                yield Finding(
                    live_lws.place("spec", "replicas"),
                    f"scaled to {replicas} during a rollout: {experiment.said(ended)} {told(left)}".rstrip(),
                    f"{replicas} groups of the new revision, and nothing else",
                )
        yield from experiment.aftermath()
