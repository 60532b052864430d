"""Whether a role waits for the leader's name before its engine starts."""

import re

from seatrial.lws.keys import LEADER_ADDRESS_ENV
from seatrial.manifests.document import Node
from seatrial.workload.serving import Role

# A loop of any language, or a program that tries again by itself.
_TRIES_AGAIN = re.compile(r"\b(until|while|for|retry|wait4x|dockerize|wait-for[\w.-]*)\b")
# Programs that name the address without trying it.
_ONLY_SAY = frozenset({"echo", "printf", "logger", "export", "sleep", "true", ":"})


def waits_for_leader(role: Role) -> bool:
    """Whether an init container, or the script before the engine, tries the leader's address until it answers."""
    return any(map(_waits, role.template.init_containers)) or _script_waits(role)


def _waits(container: Node) -> bool:
    text = "\n".join(node.text or "" for field in ("command", "args") for node in container[field])
    return LEADER_ADDRESS_ENV in text and _TRIES_AGAIN.search(text) is not None


def _script_waits(role: Role) -> bool:
    return any(
        LEADER_ADDRESS_ENV in word.sources
        for command in role.launch.commands
        if command.loop and command.name not in _ONLY_SAY
        for word in command.words
    )
