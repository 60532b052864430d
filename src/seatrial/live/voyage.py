"""One set on its way: a cluster, the set brought onto it, what is seen there, and everything taken away again."""

from contextlib import ExitStack, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from seatrial.clusters.capability import Capability
from seatrial.clusters.dressing import Dressing, dress
from seatrial.clusters.provider import Cluster, ClusterError, Progress, Provider
from seatrial.finding import CannotTell, NotApplicable
from seatrial.live import deploy, own_namespace, probes
from seatrial.live.admission import Admission
from seatrial.live.api import Api, ApiError
from seatrial.live.deployed import Deployed
from seatrial.live.live_view import LiveView
from seatrial.live.offer import Patience
from seatrial.live.own_namespace import MANAGED, OwnNamespace
from seatrial.live.probes import Probes
from seatrial.live.provisioning import Provisioning
from seatrial.live.read_back import ReadBack
from seatrial.live.settling import patience_s, settle
from seatrial.live.workbench import Workbench
from seatrial.manifest_set import ManifestSet
from seatrial.workload.lws_installation import installation

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from seatrial.live.settings import Settings


class Voyage:
    """Begun once, ended once. `end` undoes whatever `begin` has done, also when that was interrupted."""

    def __init__(
        self, manifests: ManifestSet, settings: "Settings", progress: Progress, adopted: Provider | None = None
    ) -> None:
        """`adopted` is the cluster that the user named; without one the run makes its own."""
        self._manifests = manifests
        self._adopted = adopted
        self._settings = settings
        self._progress = progress
        self._undo = ExitStack()
        self.view: LiveView

    @cached_property
    def _dressing(self) -> Dressing:
        """What stands in for the cluster that the set is meant for. Raises ClusterError."""
        return dress(self._manifests)

    def begin(self) -> Deployed:
        """The set on a cluster, settled as far as it will. Raises ClusterError."""
        try:
            return self._begin()
        except ApiError as error:
            self.end()
            raise ClusterError(f"the cluster refuses what the run needs: {error.message}") from None
        except BaseException:
            self.end()
            raise

    def _begin(self) -> Deployed:
        provider = self._provider()
        self._undo.callback(provider.stop)
        cluster = provider.start(self._progress)
        deploying, disturbing = self._settings.deploy, Capability.DISRUPT in cluster.capabilities
        api = Api(_client(cluster), read_only=not (provider.own or deploying or disturbing))
        self._undo.callback(api.close)
        if deploying:
            self._move_in(api)
        view = LiveView(api, cluster, deploy.namespaces(self._manifests))
        self._undo.callback(view.stop)
        if provider.own:
            deploy.ensure_namespaces(api, view.namespaces, MANAGED)
        provisioning = self._provisioning(api, view) if provider.own else None
        bringing = provider.own or deploying
        admitted, answers = self._offer(provider, api, view) if bringing else ([], None)
        self.view = view
        deployed = Deployed(
            self._manifests,
            view,
            own=bringing,
            read_back=isinstance(self._manifests, ReadBack),
            admissions=admitted,
            probes=answers,
            workbench=Workbench(api, view, provider, self._progress) if disturbing else None,
            wait_s=self._patience_s(cluster),
        )
        view.start()
        if provisioning is not None:
            provisioning.start()
        if bringing:
            self._progress("applying the set")
            deploy.apply(api, view.discovery, self._manifests, admitted)
            with suppress(CannotTell):  # what may not be read cannot be waited for, and its requirements say so
                settle(deployed, view, self._progress)
        return deployed

    def _patience_s(self, cluster: Cluster) -> float:
        asked = self._settings.wait_s
        real = Capability.CONTAINERS in cluster.capabilities
        return asked if asked is not None else patience_s(self._manifests, real=real)

    def _move_in(self, api: Api) -> None:
        """A namespace of the run's own, which goes with everything in it. Raises ClusterError."""
        home = OwnNamespace(api, self._manifests.name, self._progress)
        self._undo.callback(home.leave)
        home.take()
        self._manifests = own_namespace.moved(self._manifests, home.name)

    def _provisioning(self, api: Api, view: LiveView) -> Provisioning:
        """The storage that the set finds on a cluster of ours."""
        provisioning = Provisioning(api, view, self._dressing.storage)
        self._undo.callback(provisioning.stop)
        provisioning.prepare()
        return provisioning

    def _offer(self, provider: Provider, api: Api, view: LiveView) -> tuple[list[Admission], Probes]:
        """What the server says to the set before anything of it is stored."""
        self._progress("offering the set to the API server")
        patience = Patience()
        answers = probes.ask(api, view.namespaces[0], patience)
        admitted = deploy.admissions(api, view.discovery, self._manifests, patience, bare=provider.own)
        return list(admitted), answers

    def _provider(self) -> Provider:
        if self._adopted is not None:
            return self._adopted
        from seatrial.clusters.kwok import Kwok
        from seatrial.clusters.leftovers import Run, sweep

        sweep(self._progress)
        run = self._undo.enter_context(Run.begin())
        return Kwok(_lws_version(self._manifests), self._dressing.nodes, asset_folders=self._settings.assets, run=run)

    def end(self) -> None:
        """Never raises."""
        self._undo.close()


def _lws_version(manifests: ManifestSet) -> str:
    """The release that the set is meant for, or the newest where nothing says. Raises ClusterError."""
    from seatrial.clusters.assets import LWS_VERSIONS

    try:
        version = installation(manifests).version
    except NotApplicable:  # a set without LeaderWorkerSet
        version = None
    if version is None:
        return LWS_VERSIONS[-1]
    stated = ".".join(map(str, version[0].numbers[:3]))
    if stated not in LWS_VERSIONS:
        raise ClusterError(
            f"LWS {stated} cannot be brought up here; "
            f'choose one of {", ".join(LWS_VERSIONS)}: seatrial.toml, [lws] version = "{LWS_VERSIONS[-1]}"'
        )
    return stated


def _client(cluster: Cluster) -> "ApiClient":
    from seatrial.clusters.kubeconfig import client

    return client(cluster.kubeconfig, cluster.context)
