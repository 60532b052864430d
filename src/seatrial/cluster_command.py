"""`seatrial cluster`: a kwok cluster that stays until Ctrl-C, to look around in or to run other tests against."""

import shutil
import signal
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from seatrial import shipped
from seatrial.clusters import assets
from seatrial.clusters.assets.progress import ProgressLine
from seatrial.clusters.dressing import dress
from seatrial.clusters.kubeconfig import client
from seatrial.clusters.kwok import Kwok
from seatrial.clusters.leftovers import Run, sweep
from seatrial.clusters.provider import ClusterError
from seatrial.live import deploy
from seatrial.live.api import Api, ApiError
from seatrial.live.live_view import LiveView
from seatrial.live.provisioning import Provisioning
from seatrial.manifest_set import ManifestSet
from seatrial.printable import printable
from seatrial.trial import Trial, UsageError

LOOK_S = 1.0
"""How often the programs of the cluster are looked at, in seconds."""


def run(manifests: Path | None, lws: str, nodes: int | None, folders: list[Path], kubeconfig: Path | None) -> int:
    """Bring the cluster up and hold it. Returns the exit code: 0 after Ctrl-C, 4 for bad input, 1 for failure."""
    progress = ProgressLine()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as undo:
            provider = _start(undo, _set(manifests), lws, nodes, folders, progress)
            progress.end()
            _announce(provider, kubeconfig, undo)
            while True:
                provider.check()
                time.sleep(LOOK_S)
    except KeyboardInterrupt:
        progress.end()
        return 0
    except UsageError as problem:
        print("\n".join(f"seatrial: {printable(line)}" for line in problem.problems), file=sys.stderr)
        return 4
    except (ClusterError, ApiError) as error:
        progress.end()
        print(f"seatrial: {printable(str(error))}", file=sys.stderr)
        return 1


def _set(manifests: Path | None) -> ManifestSet:
    """The set to dress the cluster for. Raises UsageError."""
    path = manifests or shipped.manifests() / shipped.STOOD_BEHIND
    sets = Trial([str(path)], None, "default", None, datetime.now(UTC).date()).sets
    if len(sets) != 1:
        raise UsageError([f"{path}: holds {len(sets)} sets; name the folder of one"])
    return sets[0]


def _start(
    undo: ExitStack, manifests: ManifestSet, lws: str, nodes: int | None, folders: list[Path], progress: ProgressLine
) -> Kwok:
    sweep(progress)
    dressing = dress(manifests, count=nodes)
    run = undo.enter_context(Run.begin())
    provider = Kwok(lws, dressing.nodes, asset_folders=folders, run=run)
    undo.callback(provider.stop)
    cluster = provider.start(progress)
    api = Api(client(cluster.kubeconfig, cluster.context))
    undo.callback(api.close)
    view = LiveView(api, cluster, deploy.namespaces(manifests))
    undo.callback(view.stop)
    deploy.ensure_namespaces(api, view.namespaces, {})
    provisioning = Provisioning(api, view, dressing.storage)
    undo.callback(provisioning.stop)
    provisioning.prepare()
    view.start()
    provisioning.start()
    return provider


def _announce(provider: Kwok, kubeconfig: Path | None, undo: ExitStack) -> None:
    """Say how the cluster is reached. A kubeconfig that was asked for goes away with the cluster."""
    path = provider.kubeconfig
    if kubeconfig is not None:
        try:
            with kubeconfig.open("xb") as copy, path.open("rb") as original:
                kubeconfig.chmod(0o600)
                shutil.copyfileobj(original, copy)
        except FileExistsError:
            raise UsageError([f"--kubeconfig {kubeconfig}: is there already; name a file that is not"]) from None
        except OSError as error:
            raise UsageError([f"--kubeconfig {kubeconfig}: cannot be written: {error.strerror}"]) from None
        undo.callback(kubeconfig.unlink, missing_ok=True)
        path = kubeconfig
    kubectl = assets.ensure(("kubectl",), folders=provider.asset_folders)["kubectl"]
    print(f"Kubernetes {provider.server.get('/version')['gitVersion']} with LWS {provider.lws_version} is ready:")
    print(f"  export KUBECONFIG={path}")
    print(f"  {kubectl} get nodes")
    print("Ctrl-C ends it.", flush=True)
