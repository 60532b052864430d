"""What SGLang says about its own arguments when it starts.

Source: `server_args=` in the start-up log, as `ServerArgs(name=value, …)` up to 0.5.13 and as a dict since
(sglang-server facts 2.2). The line holds the API key: nothing of it but the fields below may be shown.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(r"server_args=(?:ServerArgs\(|\{)")
_FIELD = r"(?:\b{name}=|['\"]{name}['\"]: )('[^']*'|\"[^\"]*\"|-?\d+|None)"
SHARED = ("nnodes", "tp_size", "dist_init_addr")
"""Arguments that all ranks of a group have in common."""
_NAMES = (*SHARED, "node_rank")
_FIELDS = {name: re.compile(_FIELD.format(name=name)) for name in _NAMES}

# What a start log says when a variable of LWS was not there → what it means (requirements T9).
_UNEXPANDED = (
    (re.compile(r"LWS_LEADER_ADDRESS: (?:command )?not found"), "the shell took $(LWS_LEADER_ADDRESS) for a command"),
    (re.compile(r"argument --node-rank: (?:expected one argument|invalid int value: '')"), "--node-rank was empty"),
    (re.compile(r"argument --dist-init-addr\S*: expected one argument"), "--dist-init-addr was empty"),
    (re.compile(r"argument --nnodes: (?:expected one argument|invalid int value: '')"), "--nnodes was empty"),
)
_EMPTY = re.compile(r"\A:\d+\Z")


@dataclass(frozen=True, slots=True)
class StartedWith:
    """The topology with which a rank was started; None where the line does not hold the field."""

    node_rank: object
    nnodes: object
    tp_size: object
    dist_init_addr: object


def started_with(log: str) -> StartedWith | None:
    """The arguments of the last start in a log; None where it has no such line."""
    lines = [line for line in log.splitlines() if _LINE.search(line)]
    return StartedWith(**{name: _value(name, lines[-1]) for name in _NAMES}) if lines else None


def _value(name: str, line: str) -> object:
    found = _FIELDS[name].search(line)
    return ast.literal_eval(found[1]) if found is not None else None


def unexpanded(log: str) -> Iterator[str]:
    """What a start log says of a leader address or rank that was empty or not expanded, in words."""
    for pattern, meaning in _UNEXPANDED:
        if pattern.search(log):
            yield meaning
    started = started_with(log)
    if started is None:
        return
    address = str(started.dist_init_addr or "")
    if _EMPTY.match(address):
        yield f"the rendezvous address is {address}, without a host"
    if "$(" in address or "${" in address:
        yield f"the rendezvous address is {address}, as it was written"
