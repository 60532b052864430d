"""A cluster as a user of TKE has it: dressed nodes, storage, LWS, and a set that somebody has applied to namespace llm.

kwok plays the kubelets; the API server says that it is TKE's, as its version tells.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from seatrial import catalogue, defects, shipped
from seatrial.cluster_trial import ClusterTrial
from seatrial.clusters import kwok
from seatrial.clusters.dressing import dress
from seatrial.clusters.kubeconfig import client
from seatrial.clusters.kwok import Kwok
from seatrial.clusters.leftovers import Run
from seatrial.judge import Judgement
from seatrial.live import deploy, faults, own_namespace
from seatrial.live.api import Api
from seatrial.live.deployed import Deployed
from seatrial.live.eventually import eventually
from seatrial.live.live_view import LiveView
from seatrial.live.objects import LiveObject
from seatrial.live.offer import Patience
from seatrial.live.provisioning import Provisioning
from seatrial.live.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, Resource
from seatrial.live.settings import Settings
from seatrial.live.settling import settle
from seatrial.manifest_set import ManifestSet
from seatrial.trial import Trial
from seatrial.verdict import Verdict

ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
NAMESPACE = "llm"
WAIT_S = 60.0


class TkeKwok(Kwok):
    """kwok, but that the API server calls itself one of TKE's."""

    def _configuration(self, *arguments: Any) -> dict[str, Any]:
        found = super()._configuration(*arguments)
        version = {"version": f"{found['options']['kubeVersion']}-tke.8"}
        found["componentsPatches"].append(kwok._arguments("kube-apiserver", version))
        return found


@dataclass
class UsersCluster:
    """The cluster with the set on it. Faults are made through `api`, as an administrator would make them."""

    provider: Kwok
    api: Api
    view: LiveView
    manifests: ManifestSet
    folder: Path
    """The manifests, as the user has them."""

    @property
    def kubeconfig(self) -> Path:
        return self.provider.kubeconfig

    @property
    def deployed(self) -> Deployed:
        return Deployed(self.manifests, self.view, own=False, wait_s=WAIT_S)

    def settle(self) -> None:
        """Until everything is well. Fails when it does not become so."""
        waited = settle(self.deployed, self.view)
        assert waited.met, str(waited)

    def until(self, what: str, holds: Callable[[], object]) -> None:
        waited = eventually(holds, bool, WAIT_S, pulse=self.view.pulse)
        assert waited.met, f"{what}: {waited}"

    def get(self, resource: Resource, name: str, namespace: str | None = NAMESPACE) -> LiveObject:
        return LiveObject(self.api.get(resource, name, namespace))

    def restore(self, resource: Resource, raw: dict[str, Any]) -> None:
        """Put an object back as it was; one that is there is replaced."""
        name, namespace = raw["metadata"]["name"], raw["metadata"].get("namespace")
        body = {key: value for key, value in raw.items() if key != "status"}
        kept = ("name", "namespace", "labels", "annotations", "finalizers", "ownerReferences")
        body["metadata"] = {key: value for key, value in raw["metadata"].items() if key in kept}
        if (now := self.api.find(resource, name, namespace)) is None:
            self.api.create(resource, body, namespace)
        else:
            body["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"]
            self.api._json("PUT", resource.path(namespace, name), None, body)


def files(name: str, folder: Path) -> Path:
    """A set as a folder."""
    for file, text in faults.files(name).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


@contextmanager
def users_cluster(
    name: str, folder: Path, run: Run, assets: Sequence[Path] = (), audit_policy: Path | None = None
) -> Iterator[UsersCluster]:
    """The cluster with the set applied and available."""
    manifests = own_namespace.moved(defects.assemble(name, faults.files(name)), NAMESPACE)
    dressing = dress(manifests)
    provider = TkeKwok("0.9.0", dressing.nodes, asset_folders=assets, run=run, audit_policy=audit_policy)
    with ExitStack() as undo:
        undo.callback(provider.stop)
        cluster = provider.start()
        api = Api(client(cluster.kubeconfig, cluster.context))
        undo.callback(api.close)
        view = LiveView(api, cluster, [NAMESPACE])
        undo.callback(view.stop)
        deploy.ensure_namespaces(api, [NAMESPACE], {})
        provisioning = Provisioning(api, view, dressing.storage)
        undo.callback(provisioning.stop)
        provisioning.prepare()
        view.start()
        provisioning.start()
        admitted = list(deploy.admissions(api, view.discovery, manifests, Patience(), bare=True))
        deploy.apply(api, view.discovery, manifests, admitted)
        found = UsersCluster(provider, api, view, manifests, files(name, folder))
        found.settle()
        yield found


# Judging it, as `pytest -m cluster --kubeconfig` does.

REQUIREMENTS = [one for one in catalogue.requirements("cluster") if not one.disruptive]
FINE = (Verdict.PASSED, Verdict.CANNOT_TELL, Verdict.NOT_APPLICABLE)


def judge(
    users: UsersCluster,
    report: Path,
    *,
    named: bool = True,
    kubeconfig: Path | None = None,
    namespace: str = NAMESPACE,
) -> dict[str, Judgement]:
    """What every requirement that only reads says. Raises ClusterError, UsageError."""
    trial = ClusterTrial(
        Trial([str(users.folder)], None, namespace, None, date(2026, 11, 25)),
        Settings(kubeconfig=kubeconfig or users.kubeconfig, namespace=namespace, named=named),
        report,
    )
    trial.check()
    try:
        return {one.id: trial.judge(one, name) for one in REQUIREMENTS for name in trial.names}
    finally:
        trial.leave()


def told(judgement: Judgement) -> str:
    return f"{judgement.verdict}: {judgement.reason or [(f.object, f.path, f.observed) for f in judgement.findings]}"


def not_fine(found: dict[str, Judgement]) -> dict[str, str]:
    return {id: told(one) for id, one in found.items() if one.verdict not in FINE}


def account(users: UsersCluster, name: str, folder: Path, rules: Sequence[dict[str, Any]]) -> Path:
    """A kubeconfig of a service account that has these rights everywhere and no others."""
    users.api.create(ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, "default")
    grant(users, name, rules)
    binding = {
        "apiVersion": CLUSTER_ROLE_BINDINGS.api_version,
        "kind": CLUSTER_ROLE_BINDINGS.kind,
        "metadata": {"name": name},
        "roleRef": {"apiGroup": CLUSTER_ROLES.group, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    }
    users.api.create(CLUSTER_ROLE_BINDINGS, binding)
    token = users.api._json(
        "POST", ACCOUNTS.path("default", name, "token"), None, {"spec": {"expirationSeconds": 3600}}
    )
    config = yaml.safe_load(users.kubeconfig.read_text())
    for entry in config["users"]:
        entry["user"] = {"token": token["status"]["token"]}
    file = folder / f"{name}.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def grant(users: UsersCluster, name: str, rules: Sequence[dict[str, Any]]) -> None:
    """Set the rights of such an account."""
    role = {
        "apiVersion": CLUSTER_ROLES.api_version,
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": list(rules),
    }
    users.api.apply(CLUSTER_ROLES, role)


def rules(mode: str) -> list[dict[str, Any]]:
    """The rights that `seatrial rbac MODE` prints."""
    found: list[dict[str, Any]] = yaml.safe_load(shipped.role(mode))["rules"]
    return found
