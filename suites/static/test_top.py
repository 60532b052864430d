"""TOP: topology arithmetic and ranks."""

from collections.abc import Iterator
from fractions import Fraction
from ipaddress import AddressValueError, IPv6Address

from seatrial.finding import Blocked, CannotTell, Finding, NotApplicable
from seatrial.knowledge.sglang import Use
from seatrial.knowledge.versions import at_least
from seatrial.lws.expand import Pod
from seatrial.manifests.launch import Word
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.serving import Group, Role

ATTENTION_DP_BY_SIZE = "0.5.22"


def _spans_nodes(group: Group) -> None:
    """Raises NotApplicable for a group that is one pod and does not ask for more."""
    if group.size == 1 and group.nnodes == 1:
        raise NotApplicable("the engine runs in one pod")


@requirement(
    "TOP-01",
    why="Otherwise rendezvous waits for ever or the shards are laid out wrongly.",
    fix="Pass --nnodes $(LWS_GROUP_SIZE), which LWS keeps equal to the size.",
)
def test_nnodes_equals_group_size(group: Group) -> Outcomes:
    """`--nnodes` of leader and workers MUST equal the LeaderWorkerSet's `size`."""
    if group.lws is None and group.document.kind != "StatefulSet":
        raise NotApplicable("no LeaderWorkerSet runs the engine")
    for role in group.roles:
        nnodes = role.number("nnodes", 1)
        if nnodes != group.size:
            yield Finding(
                role.place("nnodes"), f"--nnodes {nnodes} in the {role.name}", f"{group.size}, the group's size"
            )


@requirement(
    "TOP-02",
    why="SGLang asserts it at start and every rank exits.",
    fix="Choose --tp-size (and --pp-size) so that their product is a multiple of the number of nodes.",
)
def test_ranks_divide_over_nodes(group: Group) -> Outcomes:
    """The product tp x pp MUST be divisible by nnodes."""
    for role in group.roles:
        tp, pp, nnodes = (role.number(dest, 1) for dest in ("tp_size", "pp_size", "nnodes"))
        if nnodes > 0 and (tp * pp) % nnodes:
            yield Finding(role.place("tp_size"), f"tp {tp} x pp {pp} over {nnodes} nodes", f"a multiple of {nnodes}")


def _ranks_and_gpus(role: Role) -> tuple[Fraction, int]:
    """Ranks and GPUs of one pod. Raises Blocked when the GPU limit is absent or no number."""
    if role.gpus is None:
        by = "RES-03" if role.gpu_limit.exists else "RES-01"
        raise Blocked(by, f"the {role.name} has no usable GPU limit")
    nnodes = max(1, role.number("nnodes", 1))
    tp, pp = role.number("tp_size", 1), role.number("pp_size", 1)
    replicas = 1 if role.value("enable_dp_attention") else role.number("dp_size", 1)
    return Fraction(tp * pp * replicas, nnodes), role.gpus


@requirement(
    "TOP-03",
    why="SGLang puts rank r on GPU base + r % ranks per node and dies with an invalid device ordinal.",
    fix="Make tp x pp equal to the number of nodes times the GPUs of a pod.",
)
def test_ranks_have_gpus(role: Role) -> Outcomes:
    """The ranks of a pod MUST NOT outnumber its GPUs."""
    ranks, gpus = _ranks_and_gpus(role)
    base = role.number("base_gpu_id", 0)
    if ranks + base > gpus:
        shown = f"{_count(ranks)} in the {role.name}" + (f" from GPU {base} on" if base else "")
        yield Finding(role.place("tp_size"), shown, f"at most {gpus}, the pod's GPUs")


@requirement(
    "TOP-04",
    why="Surplus GPUs idle silently, and each used one carries a multiple of the planned weights.",
    fix="Make tp x pp equal to the number of nodes times the GPUs of a pod.",
)
def test_gpus_have_ranks(role: Role) -> Outcomes:
    """Every GPU of a pod MUST be used by a rank."""
    ranks, gpus = _ranks_and_gpus(role)
    if ranks < gpus:
        nnodes = role.number("nnodes", 1)
        expected = f"tp x pp = {nnodes * gpus}, one rank for each of {nnodes} x {gpus} GPUs"
        yield Finding(role.place("tp_size"), f"{_count(ranks)} for {gpus} GPUs in the {role.name}", expected)


def _count(ranks: Fraction) -> str:
    if ranks == 1:
        return "1 rank"
    return f"{ranks.numerator if ranks.denominator == 1 else f'{float(ranks):.2f}'} ranks"


@requirement(
    "TOP-05",
    why="Each node would rendezvous with itself.",
    fix="Pass --dist-init-addr $(LWS_LEADER_ADDRESS):5000 to leader and workers.",
)
def test_rendezvous_address_is_given(role: Role) -> Outcomes:
    """A launch with nnodes > 1 MUST give `--dist-init-addr` (or its alias `--nccl-init-addr`)."""
    if role.number("nnodes", 1) <= 1:
        raise NotApplicable("the engine runs on one node")
    if role.given("dist_init_addr") is None:
        yield Finding(role.command_place, f"no --dist-init-addr in the {role.name}", "the leader's address and a port")


@requirement(
    "TOP-06",
    why="Any fixed name or address fits one group at most.",
    fix="Pass --dist-init-addr $(LWS_LEADER_ADDRESS):5000.",
    source="sglang#2658",
)
def test_rendezvous_host_is_the_own_leader(role: Role) -> Outcomes:
    """The rendezvous host MUST be the LWS leader address of the pod's own group."""
    if role.group.lws is None or role.number("nnodes", 1) <= 1:
        raise NotApplicable("no group of a LeaderWorkerSet has to meet")
    if role.given("dist_init_addr") is None:
        raise Blocked("TOP-05", "there is no --dist-init-addr")
    for pod, use, word in _each_use(role, "dist_init_addr"):
        if not word.known:
            raise CannotTell(f"the rendezvous address {word.text} of the {role.name} is not known from the manifests")
        host, _, port = str(use.value).rpartition(":")
        if not port.isdigit():
            yield Finding(role.place_of(word), f"{word.text} names no port", f"{pod.leader_address}:PORT")
            return
        if host != pod.leader_address and not host.startswith(f"{pod.leader_address}.svc"):
            yield Finding(
                role.place_of(word),
                f"pod {pod.name} meets at {host or 'no host'}",
                f"{pod.leader_address}, which $(LWS_LEADER_ADDRESS) gives",
            )
            return


def _each_use(role: Role, dest: str) -> Iterator[tuple[Pod, Use, Word]]:
    """The use of a flag in every sample pod that gives it, with the word that holds its value."""
    for pod, parsed, words in role.each_pod():
        use = parsed.given(dest)
        if use is not None:
            yield pod, use, words[use.index if use.value_index is None else use.value_index]


@requirement(
    "TOP-07",
    why="SGLang asserts it at start; earlier releases let the ranks of two replicas bind one address.",
    fix="Before 0.5.22 add --enable-dp-attention; from 0.5.22 use --attn-dp-size instead of --dp-size.",
    source=("sglang#15385", "sglang#37215"),
)
def test_data_parallel_replicas_stay_on_one_node(group: Group) -> Outcomes:
    """Data-parallel replicas MUST NOT be combined with several nodes unless attention data parallelism is what the
    flags mean.
    """
    leader = group.leader

    def broken(version: str) -> bool:
        values = leader.parsed_by(version).values
        attention = bool(values.get("enable_dp_attention")) and not at_least(version, ATTENTION_DP_BY_SIZE)
        dp, nnodes = values.get("dp_size", 1), values.get("nnodes", 1)
        return isinstance(dp, int) and isinstance(nnodes, int) and dp > 1 and nnodes > 1 and not attention

    if leader.across_versions(broken, "what --dp-size means on several nodes"):
        dp = leader.number("dp_size", 1)
        yield Finding(leader.place("dp_size"), f"{dp} replicas over {group.nnodes} nodes", "attention data parallelism")


@requirement(
    "TOP-08",
    why="Two ranks with one number: the group never forms.",
    fix="Pass --node-rank $(LWS_WORKER_INDEX).",
)
def test_workers_take_their_rank_from_their_index(group: Group) -> Outcomes:
    """A worker's `--node-rank` MUST come from its own worker index."""
    worker = group.worker
    if worker is None:
        raise NotApplicable("no LeaderWorkerSet makes workers for the engine")
    if worker.given("node_rank") is None:
        if _swallowed(worker):
            raise Blocked("SH-03", "--node-rank has no value")
        yield Finding(worker.command_place, "no --node-rank, so every worker is rank 0", "$(LWS_WORKER_INDEX)")
        return
    for pod, use, word in _each_use(worker, "node_rank"):
        expected = f"{pod.worker_index}, the worker index of pod {pod.name}"
        if not word.known:
            raise CannotTell(f"the node rank {word.text} of the workers is not known from the manifests")
        if not _varies(word):
            yield Finding(worker.place_of(word), f"--node-rank {use.value} for every worker", "$(LWS_WORKER_INDEX)")
            return
        if use.value != pod.worker_index:
            yield Finding(worker.place_of(word), f"--node-rank {use.value}", expected)
            return


def _varies(word: Word) -> bool:
    """Whether a word depends on which pod it is: on an index that LWS injects, or on the pod's own metadata."""
    return any(source in ("LWS_WORKER_INDEX", "HOSTNAME") or source.startswith("metadata.") for source in word.sources)


def _swallowed(role: Role) -> bool:
    """Whether `--node-rank` is there without a value, because a variable is empty."""
    return any(error.kind == "expected argument" and "node" in error.typed for error in role.arguments.errors)


@requirement(
    "TOP-09",
    why="Label pod-index on a leader is the number of the group, so group 1 would have no rank 0.",
    fix="Pass --node-rank 0 or --node-rank $(LWS_WORKER_INDEX) to the leader.",
)
def test_every_leader_is_rank_0(group: Group) -> Outcomes:
    """The leader's node rank MUST be 0 in every group."""
    if group.lws is None:
        raise NotApplicable("no LeaderWorkerSet makes leaders for the engine")
    if _swallowed(group.leader):
        raise Blocked("SH-03", "--node-rank has no value")
    for pod, use, word in _each_use(group.leader, "node_rank"):
        if not word.known:
            raise CannotTell(f"the node rank {word.text} of the leader is not known from the manifests")
        if use.value != 0:
            yield Finding(
                group.leader.place_of(word), f"--node-rank {use.value} in leader {pod.name}", "0 in every group"
            )
            return


@requirement(
    "TOP-10",
    why="Rank 0 ends with address already in use.",
    fix="Give --dist-init-addr a port that is neither --port nor close below it.",
)
def test_rendezvous_port_is_free(role: Role) -> Outcomes:
    """The rendezvous port MUST NOT be the serving port or one of the ports SGLang derives from it."""
    use = role.given("dist_init_addr")
    if use is None:
        raise NotApplicable("there is no --dist-init-addr")
    port = str(use.value).rpartition(":")[2]
    if not port.isdigit():
        raise Blocked("TOP-06", "the rendezvous address names no port")
    taken = {int(port): "the rendezvous port"} | _derived(role, int(port))
    if role.port in taken:
        yield Finding(
            role.place("dist_init_addr"), f"port {role.port} is {taken[role.port]}", "another port than --port"
        )


def _derived(role: Role, port: int) -> dict[int, str]:
    """With attention data parallelism SGLang counts further ports up from the rendezvous port."""
    if not (role.value("enable_dp_attention") or role.number("attn_dp_size", 1) > 1):
        return {}
    dp = max(role.number("dp_size", 1), role.number("attn_dp_size", 1))
    return {port + offset: f"taken by SGLang, {offset} above the rendezvous port" for offset in range(1, 4 + dp)}


@requirement(
    "TOP-11",
    why="IPv6 rendezvous hung or was not parsed in earlier versions.",
    fix="Give the cluster an IPv4 family, and name the leader instead of a literal IPv6 address.",
    source=("sglang#7478", "sglang#2892"),
)
def test_groups_meet_over_ipv4(group: Group) -> Outcomes:
    """Pods of a multi-node group SHOULD have IPv4 addresses."""
    _spans_nodes(group)
    for role in group.roles:
        use = role.given("dist_init_addr")
        if use is not None and _is_ipv6(str(use.value)):
            yield Finding(role.place("dist_init_addr"), f"the IPv6 address {use.value}", "the leader's name")
    target = group.manifests.target
    if "IPv4" not in target.need("cluster.ip_families"):
        yield Finding(target.place("cluster.ip_families"), "no IPv4", "IPv4 among the address families")


def _is_ipv6(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return bool(IPv6Address(host))
    except AddressValueError:
        return False
