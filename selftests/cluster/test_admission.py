"""What a real API server says to sets, and what is read out of its words."""

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial import defects, shipped
from seatrial.clusters import assets
from seatrial.clusters.kubeconfig import client
from seatrial.clusters.kwok import Kwok
from seatrial.clusters.provider import Cluster
from seatrial.live import deploy, probes, refusals
from seatrial.live.admission import Admission
from seatrial.live.api import Api
from seatrial.live.declared import departures
from seatrial.live.discovery import Discovery
from seatrial.live.installation import Installation
from seatrial.live.live_view import LiveView
from seatrial.live.offer import Patience
from seatrial.live.resources import MUTATING, VALIDATING
from seatrial.live.webhook_answers import completed, is_certificate_trouble, not_asked, refused_by_webhook
from seatrial.lws.releases import release
from seatrial.manifest_set import ManifestSet, load_texts
from seatrial.target import Target

SHIPPED = sorted(path.name for path in shipped.manifests().iterdir() if path.is_dir())

# Correct objects in which the server fills in, leaves out or writes anew whatever it may.
ODD_BUT_RIGHT = r"""
apiVersion: v1
kind: Secret
metadata: {name: zoo, labels: {a: "1"}, annotations: {note: "x"}}
data: {old: b2xk, token: "c2VjcmV0\n"}
stringData: {key: plain, old: new}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: zoo
  creationTimestamp: null
  annotations: {deployment.kubernetes.io/revision: "7"}
spec:
  replicas: 0
  selector: {matchLabels: {app: zoo}}
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}
  template:
    metadata: {labels: {app: zoo}, creationTimestamp: null}
    spec:
      hostNetwork: false
      automountServiceAccountToken: false
      nodeSelector: {}
      tolerations:
      - {key: b, operator: Exists}
      - {operator: Exists, effect: NoSchedule, key: a}
      securityContext: {}
      imagePullSecrets: []
      volumes:
      - {name: shm, emptyDir: {medium: Memory, sizeLimit: 65536Mi}}
      - {name: tmp, emptyDir: {}}
      - {name: conf, secret: {secretName: zoo, optional: false, items: [{key: key, path: k, mode: 256}]}}
      - {name: down, downwardAPI: {items: [{path: cpu, resourceFieldRef: {containerName: one, resource: limits.cpu, divisor: "1000m"}}]}}
      containers:
      - name: one
        image: x
        command: [a, "", "b"]
        args: []
        env:
        - {name: EMPTY, value: ""}
        - {name: NUMBER, value: "1000m"}
        - {name: REF, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        ports:
        - {containerPort: 80}
        - {containerPort: 81, protocol: UDP, name: u}
        resources:
          limits: {cpu: 1000m, memory: 1024Mi, nvidia.com/gpu: 8}
          requests: {cpu: 0.5, memory: 1073741824, nvidia.com/gpu: "8"}
        volumeMounts:
        - {name: shm, mountPath: /dev/shm}
        - {name: tmp, mountPath: /tmp, readOnly: false, subPath: ""}
        startupProbe: {httpGet: {path: /h, port: 80}, initialDelaySeconds: 0, failureThreshold: 5}
        securityContext: {privileged: false, capabilities: {add: [SYS_PTRACE], drop: []}}
---
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: zoo}
spec:
  replicas: 0
  startupPolicy: null
  rolloutStrategy: {rollingUpdateConfiguration: {maxSurge: 50%, maxUnavailable: 1}}
  networkConfig: {}
  leaderWorkerTemplate:
    restartPolicy: Default
    size: 2
    workerTemplate:
      metadata: {labels: {a: b}}
      spec:
        containers:
        - {name: c, image: x, ports: [{containerPort: 5}], resources: {limits: {cpu: 0.5, memory: 1.5Gi}, requests: {cpu: "2"}}}
---
apiVersion: v1
kind: Service
metadata: {name: zoo}
spec: {selector: {app: zoo}, ports: [{name: h, port: 80, targetPort: 8080}, {name: u, port: 81, protocol: UDP, targetPort: u}], sessionAffinity: None, externalIPs: [], type: ""}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: zoo}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}]}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: zoo}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: zoo}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: zoo}
spec: {backoffLimit: 0, suspend: false, template: {spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: zoo-}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: zoo}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: zoo}
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 1500m}}}]
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: zoo, namespace: other}
spec: {hard: {requests.cpu: 1000m, pods: "5", limits.memory: 1024Gi}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: zoo, labels: null}
data: {a: "1000m", b: "", c: "é\n"}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: zoo}
provisioner: example.com/zoo
parameters: {}
mountOptions: []
allowVolumeExpansion: false
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: zoo}
spec: {capacity: {storage: 1024Gi}, accessModes: [ReadWriteMany], csi: {driver: d, volumeHandle: h, readOnly: false}, claimRef: {namespace: default, name: zoo}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: zoo}
spec: {accessModes: [ReadWriteMany], storageClassName: "", volumeName: zoo, resources: {requests: {storage: 1048576Mi}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: zoo}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: zoo}
spec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: zoo, port: {number: 80}}}}]}}]}
"""

# A fault in the set deepseek-r1-tke, and the place at which the server finds it.
REFUSED = [
    ("services.yaml", "    port: 30000\n", "    port: 80800\n", "Service/deepseek-r1-api", "spec.ports[0].port"),
    ("download.yaml", "  backoffLimit: 100", "  backOffLimit: 100", "Job/download-model", "spec.backOffLimit"),
    ("leaderworkerset.yaml", "    size: 2\n", "    size: 0\n", "LeaderWorkerSet/deepseek-r1", "spec.leaderWorkerTemplate.size"),
    ("leaderworkerset.yaml", "  replicas: 1\n", '  replicas: "1"\n', "LeaderWorkerSet/deepseek-r1", "spec.replicas"),
    ("leaderworkerset.yaml", "      maxSurge: 1\n", "      maxSurge: 0\n", "LeaderWorkerSet/deepseek-r1", "spec.rolloutStrategy.rollingUpdateConfiguration.maxUnavailable"),
]  # fmt: skip


@pytest.fixture(scope="module")
def api(kwok: Cluster) -> Iterator[Api]:
    api = Api(client(kwok.kubeconfig, kwok.context))
    yield api
    api.close()


def offered(api: Api, manifests: ManifestSet) -> list[Admission]:
    deploy.ensure_namespaces(api, deploy.namespaces(manifests), {})
    return list(deploy.admissions(api, Discovery(api), manifests, Patience(), bare=True))


def left(admissions: list[Admission]) -> list[Any]:
    """What the server refused, and what it stored in another way than declared."""
    refused = [(one.title, str(one.error)) for one in admissions if one.error is not None]
    changed = [
        (one.title, found)
        for one in admissions
        for found in departures(one.document.kind, one.document.root.mapping, one.answer or one.document.root.mapping)
    ]
    return refused + changed


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_sets_are_stored_as_declared(name: str, api: Api) -> None:
    assert left(offered(api, defects.assemble(name, defects.files(name)))) == []


def test_defaults_and_other_spellings_are_no_departure(api: Api) -> None:
    manifests = load_texts("odd", {"a.yaml": ODD_BUT_RIGHT}, Target.empty())
    admissions = offered(api, manifests)
    assert left(admissions) == []
    assert all(one.answer for one in admissions)


@pytest.mark.parametrize(("file", "old", "new", "object", "path"), REFUSED)
def test_a_refusal_is_placed(file: str, old: str, new: str, object: str, path: str, api: Api) -> None:
    files = dict(defects.files("deepseek-r1-tke"))
    assert old in files[file]
    files[file] = files[file].replace(old, new, 1)
    (refused,) = [one for one in offered(api, defects.assemble("deepseek-r1-tke", files)) if one.error is not None]
    assert refused.title == object
    assert refused.error is not None
    assert path in [
        refusals.place(refused.document.root, named).dotted for named, _words in refusals.parts(refused.error)
    ]


def test_lws_of_a_set_is_left_out(api: Api, kwok_provider: Kwok) -> None:
    lws = assets.lws("0.8.0", folders=kwok_provider.asset_folders)
    files = {path.name: path.read_text() for path in (*lws.crds, lws.webhooks)}
    manifests = load_texts("install", files, Target.empty())
    assert [one.title for one in offered(api, manifests) if not one.left_out] == []
    assert len(manifests.documents) > 2


def test_webhooks_of_a_healthy_cluster(api: Api, kwok: Cluster) -> None:
    view = LiveView(api, kwok, ["default"])
    found = probes.ask(api, "default", Patience())
    installation = Installation(view, found)
    assert list(completed(found.minimal, installation.release)) == []
    assert [one.error is not None and refused_by_webhook(one.error) for one in (found.size_zero, found.no_budget)] == [
        True,
        True,
    ]
    assert (installation.running, installation.defined) == ([release("0.9.0")], release("0.9.0"))
    assert installation.lacking_webhooks == []
    assert all(one.limited for one in installation.webhooks if one.on_pods)


def test_a_controller_that_is_gone(api: Api, kwok_provider: Kwok) -> None:
    kwok_provider.stop_lws_manager()
    try:
        found = probes.ask(api, "default", Patience())
    finally:
        kwok_provider.start_lws_manager()
    assert found.minimal.error is not None
    assert not_asked(found.minimal.error) and not is_certificate_trouble(found.minimal.error)
    assert found.size_zero.error is not None and not refused_by_webhook(found.size_zero.error)


def until(answer: Callable[[], probes.Probes], holds: Callable[[probes.Probes], bool]) -> probes.Probes:
    """The API server follows a change of webhooks and definitions within moments."""
    end = time.monotonic() + 20
    while not holds(found := answer()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def test_a_certificate_that_is_not_trusted(api: Api, kwok_provider: Kwok) -> None:
    stranger = (Path(__file__).parents[1] / "certificates" / "stranger.pem").read_bytes()
    try:
        for resource in (MUTATING, VALIDATING):
            for configuration in api.list(resource):
                webhooks = configuration["webhooks"]
                for webhook in webhooks:
                    webhook["clientConfig"]["caBundle"] = base64.b64encode(stranger).decode()
                api.patch(resource, configuration["metadata"]["name"], {"webhooks": webhooks})
        found = until(lambda: probes.ask(api, "default", Patience()), lambda now: now.minimal.error is not None)
    finally:
        kwok_provider.replace_lws("0.9.0")
    assert found.minimal.error is not None and is_certificate_trouble(found.minimal.error)


def test_a_definition_older_than_the_controller(api: Api, kwok: Cluster, kwok_provider: Kwok) -> None:
    older = assets.lws("0.6.2", folders=kwok_provider.asset_folders)
    collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    try:
        for path in older.crds:
            group, _, plural = path.stem.partition("_")
            kwok_provider.server.put(collection, f"{plural}.{group}", path.read_bytes())
        found = until(
            lambda: probes.ask(api, "default", Patience()), lambda now: any(completed(now.minimal, release("0.9.0")))
        )
        installation = Installation(LiveView(api, kwok, ["default"]), found)
        assert installation.running == [release("0.9.0")]
        assert installation.defined is not None and installation.defined[:2] == (0, 6)
    finally:
        kwok_provider.replace_lws("0.9.0")
    (lacking,) = completed(found.minimal, release("0.9.0"))
    assert lacking == ("spec.rolloutStrategy.rollingUpdateConfiguration.partition", "absent", 0)
    assert found.no_budget.error is not None and not refused_by_webhook(found.no_budget.error)
