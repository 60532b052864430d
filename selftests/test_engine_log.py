"""What the engine says about its start is read from both forms of the line, and nothing else of it is shown."""

import pytest

from seatrial.clusters.capability import Capability
from seatrial.live.engine_log import StartedWith, started_with, unexpanded
from seatrial.verdict import Verdict

from .made_cluster import a_set, deployed, judged, objects

CLASS = "[2026-01-04 05:06:07] server_args=ServerArgs(model_path='/data', api_key='sk-hidden', attn_tp_size=4, tp_size=16, {}, nnodes=2, node_rank={}, moe_dense_tp_size=None)"
DICT = "[2026-01-04 05:06:07] server_args={{'model_path': '/data', 'api_key': 'sk-hidden', 'tp_size': 16, {}, 'nnodes': 2, 'node_rank': {}}}"
ADDRESS = {CLASS: "dist_init_addr='r1-0.r1.default:5000'", DICT: "'dist_init_addr': 'r1-0.r1.default:5000'"}


@pytest.mark.parametrize("form", [CLASS, DICT])
def test_both_forms(form: str) -> None:
    line = form.format(ADDRESS[form], 1)
    assert started_with(line) == StartedWith(1, 2, 16, "r1-0.r1.default:5000")
    assert list(unexpanded(line)) == []


def test_the_last_start_counts() -> None:
    first, last = (CLASS.format(ADDRESS[CLASS], rank) for rank in (0, 1))
    started = started_with(f"{first}\nTraceback\n{last}\nLoad weight begin.")
    assert started is not None and started.node_rank == 1


@pytest.mark.parametrize("log", ["", "Load weight begin. avail mem=90.1 GB", "the option server_args= is new"])
def test_no_such_line(log: str) -> None:
    assert started_with(log) is None
    assert list(unexpanded(log)) == []


@pytest.mark.parametrize(
    "log",
    [
        "/bin/bash: line 3: LWS_LEADER_ADDRESS: command not found",
        "sh: 1: LWS_LEADER_ADDRESS: not found",
        "launch_server.py: error: argument --node-rank: expected one argument",
        "launch_server.py: error: argument --node-rank: invalid int value: ''",
        "launch_server.py: error: argument --dist-init-addr/--nccl-init-addr: expected one argument",
        CLASS.format("dist_init_addr=':5000'", 0),
        DICT.format("'dist_init_addr': '$(LWS_LEADER_ADDRESS):5000'", 0),
    ],
)
def test_what_was_not_expanded(log: str) -> None:
    (said,) = unexpanded(f"some line\n{log}\n")
    assert "hidden" not in said


def verdicts(logs: dict[str, str]) -> dict[str, Verdict]:
    on = deployed(objects(a_set(replicas=1)), can=[Capability.LOGS], logs=logs)
    found = judged(on, "ENV")
    assert not any("sk-hidden" in finding.observed for one in found.values() for finding in one.findings)
    return {id: found[id].verdict for id in ("ENV-05", "ENV-06")}


def test_ranks_as_they_have_to_be() -> None:
    logs = {f"default/{pod}/sglang": CLASS.format(ADDRESS[CLASS], rank) for pod, rank in (("r1-0", 0), ("r1-0-1", 1))}
    assert verdicts(logs) == {"ENV-05": Verdict.PASSED, "ENV-06": Verdict.PASSED}


def test_a_log_that_says_nothing() -> None:
    assert verdicts({}) == {"ENV-05": Verdict.CANNOT_TELL, "ENV-06": Verdict.CANNOT_TELL}
