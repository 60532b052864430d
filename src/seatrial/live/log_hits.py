"""Signatures of trouble in the logs of the groups."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.knowledge.log_signatures import Signature, signature
from seatrial.live import redaction
from seatrial.live.deployed import Deployed
from seatrial.live.logs import Log, logs
from seatrial.live.rdma_expected import expects_rdma
from seatrial.live.start_up import READY
from seatrial.printable import one_line

# Lines in which the engine repeats what it was given: its arguments, prompts and answers.
_QUOTING = ("server_args=", "Receive: obj=", "Finish: obj=", "usage: ")
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Hit:
    """A signature in a log; `line` is bounded and without secrets."""

    log: Log
    signature: Signature
    line: str
    more: int
    """How often it stands there besides."""


def hits(deployed: Deployed, *, fatal: bool) -> Iterator[Hit]:
    """Each signature once for each log. Raises CannotTell where logs may not be read."""
    for log in logs(deployed).logs:
        yield from _of_log(deployed, log, fatal)


def _of_log(deployed: Deployed, log: Log, fatal: bool) -> Iterator[Hit]:
    found: dict[str, list[tuple[int, str]]] = {}
    signatures: dict[str, Signature] = {}
    lines = log.text.splitlines()
    for number, line in enumerate(lines):
        hit = signature(line)
        if hit is None or hit.fatal is not fatal or any(word in line for word in _QUOTING):
            continue
        if hit.rdma and not expects_rdma(deployed):
            continue
        found.setdefault(hit.pattern, []).append((number, line))
        signatures[hit.pattern] = hit
    ready = _last(lines, READY)
    for pattern, places in found.items():
        # What the engine got over before it served was not fatal.
        standing = [line for number, line in places if not fatal or number > ready]
        if standing:
            yield Hit(log, signatures[pattern], _clean(deployed, standing[0]), len(standing) - 1)


def _last(lines: list[str], words: str) -> int:
    return max((number for number, line in enumerate(lines) if words in line), default=-1)


def _clean(deployed: Deployed, line: str) -> str:
    redactor = redaction.of(document.root.mapping for document in deployed.manifests.documents)
    return one_line(redactor.text(line), _SHOWN)
