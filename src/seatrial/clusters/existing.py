"""A cluster that is there already, named by a kubeconfig. It is read, and nothing else, unless the user says more.

What it can show is found out by looking: a cluster whose nodes are only dressed must not pass for hardware.
"""

import re
from pathlib import Path

from seatrial.clusters import kubeconfig
from seatrial.clusters.capability import Capability
from seatrial.clusters.kubeconfig import Entry
from seatrial.clusters.provider import Cluster, ClusterError, Progress, silent
from seatrial.live.api import Api, ApiError, Unreachable
from seatrial.live.live_view import RIGHTS
from seatrial.live.objects import LiveObject
from seatrial.live.resources import MUTATING, NODES, VALIDATING, Resource
from seatrial.live.super_nodes import is_super_node
from seatrial.live.webhooks import of_lws

ANSWER_S = 15.0
"""How long the first answer may take; an API server that is well needs a few milliseconds."""
Lacking = dict[Capability, tuple[str, str]]
_RUNNING = (Capability.CONTAINERS, Capability.LOGS, Capability.DNS, Capability.DATAPLANE)
_TKE = re.compile(r"-tke\.\d+")

_FOREIGN = "its certificate is not one that the kubeconfig trusts ({said}); wrong cluster, or an old kubeconfig"
_NO_TLS = "whoever listens there speaks no TLS; check the kubeconfig's `server`"
_NO_NAME = "this name is not known; check the kubeconfig's `server`, or the VPN"
# What the way to a server says when it fails → what that means.
_HINTS = (
    ("Hostname mismatch", "its certificate is made for another address ({said}); see tls-server-name"),
    ("IP address mismatch", "its certificate is made for another address ({said}); see tls-server-name"),
    ("CERTIFICATE_VERIFY_FAILED", _FOREIGN),
    ("certificate verify failed", _FOREIGN),
    ("WRONG_VERSION_NUMBER", _NO_TLS),
    ("record layer failure", _NO_TLS),
    ("Connection refused", "nobody listens there; is the cluster running, and the address right?"),
    ("Name or service not known", _NO_NAME),
    ("Failed to resolve", _NO_NAME),
    ("timed out", "no answer in time; is the address reachable from here?"),
    ("BadStatusLine", "whoever listens there speaks no HTTP; check the kubeconfig's `server`"),
    ("Remote end closed", "it closes the connection without a word; is this a Kubernetes API server?"),
    ("EOF occurred", "it closes the connection without a word; is this a Kubernetes API server?"),
    ("answers, but not", "{said}"),
)


class Existing:
    """Adopts a cluster; stopping it only forgets it."""

    name = "existing"
    own = False

    def __init__(
        self, file: Path | None, context: str | None = None, *, deploy: bool = False, disruptive: bool = False
    ) -> None:
        self._file = file
        self._context = context
        self._deploy = deploy
        self._disruptive = disruptive
        self._cluster: Cluster | None = None

    @property
    def read_only(self) -> bool:
        """Whether nothing but get, list and watch may be sent."""
        return not (self._deploy or self._disruptive)

    def start(self, progress: Progress = silent) -> Cluster:
        """The cluster, once it has answered; asked anew only the first time. Raises ClusterError."""
        if self._cluster is None:
            self._cluster = self._adopt(progress)
        return self._cluster

    def stop(self) -> None:
        return

    def _adopt(self, progress: Progress) -> Cluster:
        if self._file is None:
            raise ClusterError("--cluster existing needs --kubeconfig FILE")
        entry = kubeconfig.read(self._file, self._context)
        progress(f"connecting to {entry.server}")
        api = Api(kubeconfig.client(self._file, self._context), read_only=True, timeout_s=ANSWER_S)
        try:
            version = _ask_version(api, entry)
            capabilities, lacking = _look(api, version)
        except Unreachable as error:
            raise _out_of_reach(entry, error) from None
        finally:
            api.close()
        capabilities |= {Capability.DRY_RUN} if self._deploy else set()
        capabilities |= {Capability.DISRUPT} if self._disruptive else set()
        name = f"{entry.context} ({entry.server}, {version})"
        return Cluster(
            self.name, name, self._file, entry.context, frozenset(capabilities), lacking=lacking,
            verified=not entry.unverified,
        )  # fmt: skip


def _ask_version(api: Api, entry: Entry) -> str:
    """The version of the API server, which proves that it is one. Raises ClusterError."""
    try:
        answer = api.document("/version")
    except ApiError as error:
        raise _turned_away(entry, error) from None
    version = answer.get("gitVersion")
    if not isinstance(version, str) or not version:
        raise ClusterError(f"{entry.where}: {entry.server} answers, but is no Kubernetes API server")
    try:
        # Anybody may ask for the version; what else there is, only whom the server knows.
        api.document("/api/v1")
    except ApiError as error:
        if error.status == 401 or "system:anonymous" in error.message:
            raise _turned_away(entry, error) from None
    return version


def _turned_away(entry: Entry, error: ApiError) -> ClusterError:
    user = f"user {entry.user_name}" if entry.user_name else "a user without name"
    if error.status == 401:
        return ClusterError(
            f"{entry.where}: {entry.server} does not accept the credentials of {user} (401 Unauthorized); "
            "log in again, or get a new kubeconfig"
        )
    if "system:anonymous" in error.message:
        return ClusterError(
            f"{entry.where}: {user} has no credentials, and {entry.server} lets nobody in without (403 Forbidden); "
            "log in, or get a new kubeconfig"
        )
    if error.status == 403:
        return ClusterError(f"{entry.where}: {entry.server} forbids {user} to ask for its version; grant {RIGHTS}")
    return ClusterError(
        f"{entry.where}: {entry.server} answers {error.status} when asked for its version; "
        "is this a Kubernetes API server, and is it well?"
    )


def _out_of_reach(entry: Entry, error: Unreachable) -> ClusterError:
    """What a failed connection means, in one line."""
    said = str(error).removeprefix(f"{entry.server}: ")
    meaning = next((text for sign, text in _HINTS if sign in said), "no usable answer: {said}")
    return ClusterError(f"{entry.where}: {entry.server}: {meaning.format(said=said)}")


def _look(api: Api, version: str) -> tuple[set[Capability], Lacking]:
    """What the cluster can show, and why it cannot show the rest where that is not what one would think."""
    found: set[Capability] = set()
    lacking: Lacking = {}
    if _TKE.search(version):
        found.add(Capability.TKE)
    nodes = _listed(api, NODES)
    if nodes is None:
        unknown = ("whether its nodes are real is not known: nodes may not be listed by this kubeconfig's user", RIGHTS)
        lacking |= dict.fromkeys((*_RUNNING, Capability.HARDWARE), unknown)
    else:
        found |= set(_RUNNING) if any(_runs_containers(node) for node in nodes) else set()
        found |= {Capability.HARDWARE} if any(_is_real(node) for node in nodes) else set()
    hooks = [_listed(api, resource) for resource in (MUTATING, VALIDATING)]
    of_all = of_lws([one for each in hooks if each is not None for one in each])
    if None in hooks and not of_all:
        kinds = " and ".join(r.plural for r, each in zip((MUTATING, VALIDATING), hooks, strict=True) if each is None)
        lacking[Capability.IN_CLUSTER_LWS] = (f"{kinds} may not be listed by this kubeconfig's user", RIGHTS)
    elif not of_all or any(one.service is not None for one in of_all):
        found.add(Capability.IN_CLUSTER_LWS)
    lacking[Capability.NETWORK_POLICY] = ("whether this cluster enforces NetworkPolicies is not seen by reading", "")
    return found, lacking


def _listed(api: Api, resource: Resource) -> list[LiveObject] | None:
    """All objects of a kind; None where they may not be listed. Raises Unreachable."""
    try:
        return [LiveObject(raw) for raw in api.list(resource)]
    except ApiError:
        return None


def _is_real(node: LiveObject) -> bool:
    """Whether a kubelet on a machine of its own stands behind a node: it reports the boot id that Linux gave it."""
    info = node.at("status", "nodeInfo") or {}
    return bool(info.get("bootID")) and "kwok" not in str(info.get("kubeletVersion")) and not _is_made_up(node)


def _is_made_up(node: LiveObject) -> bool:
    return "kwok.x-k8s.io/node" in node.annotations


def _runs_containers(node: LiveObject) -> bool:
    """Super nodes run containers too, on machines that nobody sees."""
    return _is_real(node) or (is_super_node(node) and not _is_made_up(node))
