"""The cluster of --kubeconfig: connected to once, and asked which sets are to be judged on it."""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from seatrial.clusters import kubeconfig
from seatrial.clusters.existing import Existing
from seatrial.clusters.provider import ClusterError, Progress
from seatrial.finding import CannotTell
from seatrial.live import own_namespace
from seatrial.live.api import Api, ApiError
from seatrial.live.installation import Installation
from seatrial.live.live_view import LiveView
from seatrial.live.objects import LiveObject
from seatrial.live.read_back import read_back
from seatrial.live.resources import LEADER_WORKER_SETS, NAMESPACES
from seatrial.manifest_set import ManifestSet
from seatrial.manifests import names
from seatrial.target import Target, TargetError
from seatrial.workload.leader_worker_set import leader_worker_sets

if TYPE_CHECKING:
    from seatrial.live.settings import Settings

_MOST_NAMED = 6


class UserCluster:
    """`notes` are what the user has to know about it, one sentence each, once `sets` has been asked for."""

    def __init__(self, settings: "Settings", progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self.provider = Existing(
            settings.kubeconfig, settings.context, deploy=settings.deploy, disruptive=settings.disruptive
        )
        self.notes: list[str] = []

    def sets(self, manifests: list[ManifestSet] | None, target: Target) -> list[ManifestSet]:
        """What is judged: the sets that the user named, else what runs. Raises ClusterError."""
        cluster = self.provider.start(self._progress)
        if not cluster.verified:
            self.notes.append("the server's certificate is not verified: the kubeconfig says insecure-skip-tls-verify")
        api = Api(kubeconfig.client(cluster.kubeconfig, cluster.context), read_only=True)
        try:
            return self._sets(api, LiveView(api, cluster, ()), manifests, target)
        finally:
            api.close()
            self._progress("")

    @property
    def described(self) -> str:
        """Which cluster it is and what the run may do there, for the header."""
        asked = {"--deploy": self._settings.deploy, "--disruptive": self._settings.disruptive}
        flags = " ".join(flag for flag, given in asked.items() if given)
        return f"{self.provider.start().name}, {f'with {flags}' if flags else 'which is only read'}"

    def _sets(self, api: Api, view: LiveView, manifests: list[ManifestSet] | None, target: Target) -> list[ManifestSet]:
        if self._settings.namespace is not None and not self._settings.deploy:
            _check_namespace(api, self._settings.namespace)
        if manifests is None:
            return self._read_back(view, target)
        if self._settings.deploy:
            for one in manifests:
                own_namespace.check(one)
            self.notes += own_namespace.left_behind(api)
        else:
            _check_presence(view, manifests)
        return [_with_target(one, _informed(one.target, view)) for one in manifests]

    def _read_back(self, view: LiveView, target: Target) -> list[ManifestSet]:
        namespace = self._settings.namespace
        self._progress("reading the LeaderWorkerSets of the cluster")
        try:
            if not view.served(LEADER_WORKER_SETS):
                raise ClusterError(
                    "the cluster does not serve LeaderWorkerSets (CTL-02): install LWS on it, or name the set that is "
                    "meant for it: --manifests DIR"
                )
            found = read_back(view, _informed(target, view), namespace)
        except CannotTell as unknown:
            other = "" if namespace else "; or name a namespace: --namespace NAME"
            raise ClusterError(f"{unknown.reason}: what runs is not known; grant {unknown.supply}{other}") from None
        if not found:
            where = f"in namespace {namespace}" if namespace else "on the cluster"
            there = f"; there are: {_named(_everywhere(view))}" if namespace and _everywhere(view) else ""
            raise ClusterError(f"no LeaderWorkerSet is {where}{there}; to bring one up: --manifests DIR --deploy")
        return list(found)


def _check_namespace(api: Api, name: str) -> None:
    """Raises ClusterError for a namespace that is not there, or going away."""
    wrong = names.dns_label(name)
    if wrong:
        raise ClusterError(f"--namespace `{name}` {wrong}; name a namespace, such as default")
    try:
        found = api.find(NAMESPACES, name)
        others = [LiveObject(one).name for one in api.list(NAMESPACES)] if found is None else []
    except ApiError:
        return  # who may not look at namespaces is told what is missing in them
    if found is None:
        close = difflib.get_close_matches(name, others, n=1, cutoff=0)
        more = f"; the closest is {close[0]}" if close else ""
        raise ClusterError(f"--namespace {name}: the cluster has no such namespace{more}")
    if LiveObject(found).deleting:
        raise ClusterError(f"--namespace {name}: it is being deleted; wait until it is gone, or name another")


def _check_presence(view: LiveView, manifests: list[ManifestSet]) -> None:
    """Raises ClusterError where nothing of a set runs: then another namespace, or another cluster, is meant."""
    for one in manifests:
        declared = leader_worker_sets(one)
        try:
            if not view.served(LEADER_WORKER_SETS):
                return  # CTL-02 says so
            here = [lws for lws in declared if view.one(LEADER_WORKER_SETS, lws.name, lws.namespace) is not None]
        except CannotTell:
            return
        if declared and not here:
            wanted = _named(f"{lws.namespace}/{lws.name}" for lws in declared)
            there = _everywhere(view)
            raise ClusterError(
                f"set {one.name}: LeaderWorkerSet {wanted} is not on the cluster; there "
                f"{'are: ' + _named(there) if there else 'is none'}; "
                "is it in another namespace (--namespace), or is it to be brought up (--deploy)?"
            )


def _everywhere(view: LiveView) -> list[str]:
    try:
        return [f"{one.namespace}/{one.name}" for one in view.all(LEADER_WORKER_SETS)]
    except CannotTell:
        return []


def _named(all: Iterable[str]) -> str:
    found = list(all)
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more


def _with_target(manifests: ManifestSet, target: Target) -> ManifestSet:
    return ManifestSet(manifests.name, manifests.documents, target, manifests.default_namespace, manifests.definition)


def _informed(target: Target, view: LiveView) -> Target:
    """The target with facts that the cluster tells and that the user has not stated."""
    told = {"kubernetes.version": view.git_version(), "lws.version": _release(view)}
    for name, value in told.items():
        if value and target.get(name) is None:
            try:
                target = target.override({name: value}, "the cluster")
            except TargetError:
                continue  # a version of a form that nobody knows stays unknown
    return target


def _release(view: LiveView) -> str:
    try:
        found = Installation(view).release
    except CannotTell:
        return ""
    return str(found) if found is not None else ""
