"""Something is done to a running set, what follows is judged, and the declared state comes back in the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from seatrial.clusters.capability import Capability
from seatrial.clusters.provider import ClusterError
from seatrial.finding import Blocked, Finding
from seatrial.live import deploy
from seatrial.live.api import ApiError
from seatrial.live.eventually import Waited, eventually
from seatrial.live.leader_worker_set import LiveLeaderWorkerSet, Standing
from seatrial.live.objects import LiveObject
from seatrial.live.resources import LEADER_WORKER_SETS
from seatrial.live.roll_call import call
from seatrial.live.settling import Prospects, standing
from seatrial.live.workbench import refused
from seatrial.lws import keys

_LINGER_S = 1.0
"""How long nothing may have changed before an experiment counts as over: a second recreation would have begun."""
_LONGEST_LINGER_S = 5.0
_TAKES_EFFECT_S = 0.3
"""What kwok needs to see that a node is no longer its own."""
_TELL_AFTER_S = 5.0
"""Where a model has to be loaded, somebody wants to see that something happens."""


class Experiment:
    """One disturbance of one LeaderWorkerSet, by the requirement `by`.

    Entering raises Blocked unless the set is available and every earlier experiment has left it so. Leaving puts back
    what was changed, and waits until the set is as it was; `aftermath` says what is not.
    """

    def __init__(self, lws: LiveLeaderWorkerSet, by: str) -> None:
        self.lws = lws
        self.by = by
        self.bench = lws.deployed.workbench
        self.returned: Waited[bool] | None = None
        """How the way back ended; None while there is none."""
        self._undo = ExitStack()
        self._left: set[str] = set()
        """The revision that the way back leaves: releases before 0.9.0 do not say whether they have seen a change."""

    def __enter__(self) -> Self:
        if self.bench.broken is not None:
            raise Blocked(self.bench.broken.by, self.bench.broken.reason)
        self.lws.require(Standing.READY)
        found = self.lws.object
        assert found is not None
        self.object = found
        self.before = call(self.lws)
        self.revision = self.lws.revision
        self.began = time.monotonic()
        return self

    @property
    def deadline_s(self) -> float:
        return self.lws.deployed.wait_s

    def undo(self, step: Callable[[], None]) -> None:
        """Something to be done on the way back, before the spec is put back; the last one first."""
        self._undo.callback(step)

    def wait(self, holds: Callable[[], bool], *, hopeless: bool = True) -> Waited[bool]:
        """Wait until something holds. `hopeless` gives up where nothing more can come. Raises CannotTell."""
        prospects = Prospects(self.lws.deployed, self.bench.view)
        began = time.monotonic()

        def give_up(_met: bool) -> str | None:
            if time.monotonic() - began > _TELL_AFTER_S:
                self.bench.progress(f"{self.by}: {standing(self.lws)}")
            return prospects.hopeless() if hopeless else None

        return eventually(holds, bool, self.deadline_s, give_up, self.bench.view.pulse)

    def linger(self, quiet_s: float = _LINGER_S) -> None:
        """Wait until nothing has changed for a while from now on: what comes late, or twice, is seen."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < _LONGEST_LINGER_S:
            left = quiet_s - min(self.bench.view.quiet_s, waited)
            if left <= 0:
                return
            time.sleep(left)

    def said(self, waited: Waited[bool]) -> str:
        """How a wait that was in vain ended, for a finding."""
        return f"{waited}; {standing(self.lws)}"

    def hold(self, pod: LiveObject) -> None:
        """Where nodes are ours: let the pod take its time to stop, as a process does, until `let_go`."""
        if self.lws.deployed.has(Capability.CONTROL):
            node = str(pod.at("spec", "nodeName"))
            self.undo(lambda: self.bench.control.start_kubelet(node))
            self.bench.control.stop_kubelet(node)
            time.sleep(_TAKES_EFFECT_S)

    def let_go(self, pod: LiveObject) -> None:
        """End `hold`."""
        if self.lws.deployed.has(Capability.CONTROL):
            self.bench.control.start_kubelet(str(pod.at("spec", "nodeName")))

    # The way back.

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ClusterError):
            return  # nobody answers any more
        try:
            self._undo.close()
            self._put_back()
            if error is None or isinstance(error, Exception):  # else the run is being interrupted
                self._return()
        except ApiError as refusal:
            self.bench.broken = Blocked(self.by, f"the set could not be put back: {refusal.message}")
            raise refused(refusal) from None
        if isinstance(error, ApiError):
            raise refused(error) from None

    def _put_back(self) -> None:
        """The spec as it was; a set that is gone is made again."""
        self._spec = self.object.raw["spec"]
        live = self.bench.api.find(LEADER_WORKER_SETS, self.lws.name, self.lws.namespace)
        if live is None:
            body = deploy.body(self.lws.deployed.manifests, self.lws.declared.document, namespaced=True)
            # Another release may have made it: what is filled in now can be more than there was.
            self._spec = self.bench.api.apply(LEADER_WORKER_SETS, body, self.lws.namespace)["spec"]
            return
        spec = difference(live["spec"], self.object.raw["spec"])
        if spec:
            self._left = {self.lws.revision} - {self.revision}
            self._spec = self.bench.amend(self.object, spec)["spec"]

    def _return(self) -> None:
        self.returned = self.wait(self._is_back)
        if self.returned.met:
            self.linger(_LINGER_S / 2)
        else:
            self.bench.broken = Blocked(self.by, f"{self.lws.title} did not become available again: {self.returned}")

    def _is_back(self) -> bool:
        live = self.lws.object
        if live is None or live.raw["spec"] != self._spec or not self.lws.available:
            return False
        revisions = {pod.labels.get(keys.REVISION) for pod in self.lws.pods}
        return revisions <= {self.lws.revision} and not revisions & self._left

    def aftermath(self, by: str | None = None) -> Iterator[Finding]:
        """The finding that the set did not come back; where several share an experiment, only one tells."""
        if self.returned is not None and not self.returned.met and by in (None, self.by):
            yield Finding(
                self.lws.place(),
                f"after the experiment: {self.said(self.returned)}",
                "the declared state again, and everything available",
            )


def difference(now: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The merge patch (RFC 7386) that makes `wanted` of `now`."""
    patch: dict[str, Any] = {key: None for key in now if key not in wanted}
    for key, value in wanted.items():
        was = now.get(key)
        if isinstance(value, dict) and isinstance(was, dict):
            if nested := difference(was, value):
                patch[key] = nested
        elif key not in now or value != was:
            patch[key] = value
    return patch
