"""The LWS controller is found by what it does, whatever it is called."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seatrial.clusters.provider import Cluster
from seatrial.finding import Blocked, CannotTell
from seatrial.live.frozen import FrozenView
from seatrial.live.installation import Installation
from seatrial.live.resources import (
    DEFINITIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    LEADER_WORKER_SETS,
    MUTATING,
    PODS,
    SECRETS,
    SERVICES,
    VALIDATING,
    Resource,
)
from seatrial.live.serving_certificate import faults, secret
from seatrial.live.webhooks import mutators
from seatrial.lws.releases import release
from seatrial.manifest_set import load_texts
from seatrial.target import Target

HERE = Path(__file__).parent / "certificates"
SELECTOR = {"app": "market-lws"}


def pem(name: str) -> str:
    return base64.b64encode((HERE / f"{name}.pem").read_bytes()).decode()


def webhook(name: str, path: str, service: str = "hooks", **more: Any) -> dict[str, Any]:
    client = {"service": {"namespace": "market", "name": service, "path": path}, "caBundle": pem("authority")}
    return {"name": name, "clientConfig": client, **more}


def configuration(kind: str, *webhooks: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "c"}, "webhooks": list(webhooks)}


def deployment(image: str, labels: dict[str, str] = SELECTOR, available: int = 1) -> dict[str, Any]:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "manager", "image": image}]}}
    return {
        "kind": "Deployment",
        "metadata": {"name": "market-release-7", "namespace": "market"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
        "status": {"availableReplicas": available},
    }


def objects(image: str = "registry.example.com/team/controller:v0.8.0") -> dict[Resource, list[dict[str, Any]]]:
    mutating = configuration(
        "MutatingWebhookConfiguration",
        webhook("a", "/mutate-leaderworkerset-x-k8s-io-v1-leaderworkerset"),
        webhook("b", "/mutate--v1-pod", objectSelector={"matchExpressions": [{"key": "leaderworkerset.sigs.k8s.io/name", "operator": "Exists"}]}),
        webhook("other", "/mutate--v1-pod", "mesh"),
    )  # fmt: skip
    validating = configuration("ValidatingWebhookConfiguration", webhook("c", "/validate-leaderworkerset-x-k8s-io-v1-leaderworkerset"))  # fmt: skip
    return {
        LEADER_WORKER_SETS: [],
        MUTATING: [mutating],
        VALIDATING: [validating],
        DEPLOYMENTS: [deployment(image), deployment("x:1", {"app": "other"})],
        SERVICES: [{"kind": "Service", "metadata": {"name": "hooks", "namespace": "market"}, "spec": {"selector": SELECTOR}}],
        PODS: [],
        DEFINITIONS: [],
        ENDPOINT_SLICES: [],
        SECRETS: [],
    }  # fmt: skip


def installation(found: dict[Resource, list[dict[str, Any]]], lws: str | None = None) -> Installation:
    cluster = Cluster("existing", "existing", Path("kubeconfig"), None, frozenset(), lws=lws)
    return Installation(FrozenView(cluster, ["default"], found, "v1.30.0"))


def test_it_is_found_by_the_webhooks_service() -> None:
    there = installation(objects())
    assert [one.name for one in there.webhooks] == ["a", "c", "b"]
    assert [one.name for one in there.controllers] == ["market-release-7"]
    assert (there.release, there.lacking_webhooks) == (release("0.8.0"), [])
    assert [one.limited for one in there.webhooks if one.on_pods] == [True]


def test_it_is_found_by_its_image() -> None:
    found = objects("docker.io/k8smirror/lws:v0.7.0")
    found[SERVICES] = []
    assert installation(found).release == release("0.7.0")


@pytest.mark.parametrize("tag", ["main", "latest", "sha-1234", "v0.9.0-rc.1", "v7.7.7"])
def test_a_tag_that_names_no_release(tag: str) -> None:
    there = installation(objects(f"registry.example.com/team/controller:{tag}"))
    assert (there.running, there.release) == ([], None)


def test_the_provider_knows_best() -> None:
    assert installation(objects(), lws="0.6.2").running == [release("0.6.2")]


def test_a_service_without_endpoints() -> None:
    found = objects()
    key = ("market", "hooks")
    assert installation(found).endpoints(key) == 0
    labels = {"kubernetes.io/service-name": "hooks"}
    endpoints = [{"conditions": {"ready": False}}, {"conditions": {}}, {}]
    found[ENDPOINT_SLICES] = [
        {"metadata": {"name": "s", "namespace": "market", "labels": labels}, "endpoints": endpoints}
    ]
    assert installation(found).endpoints(key) == 2


def test_what_keeps_it_from_working() -> None:
    found = objects()
    found[DEPLOYMENTS] = [deployment("x:v0.8.0", available=0)]
    with pytest.raises(Blocked) as down:
        installation(found).need_available()
    assert down.value.by == "CTL-01"
    status = [{"name": "manager", "state": {"waiting": {"reason": "ErrImagePull"}}}]
    found[PODS] = [
        {"metadata": {"name": "p", "namespace": "market", "labels": SELECTOR}, "status": {"containerStatuses": status}}
    ]
    with pytest.raises(Blocked) as pulling:
        installation(found).need_available()
    assert pulling.value.by == "CTL-09"
    del found[LEADER_WORKER_SETS]
    with pytest.raises(Blocked) as absent:
        installation(found).need_available()
    assert absent.value.by == "CTL-02"


def test_a_webhook_that_is_not_registered() -> None:
    found = objects()
    found[VALIDATING] = []
    assert installation(found).lacking_webhooks == ["a validating webhook on LeaderWorkerSets"]


def test_a_controller_outside_the_cluster_is_no_finding() -> None:
    found = objects()
    for resource in (MUTATING, VALIDATING):
        for one in found[resource][0]["webhooks"]:
            path = one["clientConfig"].pop("service")["path"]
            one["clientConfig"]["url"] = f"https://127.0.0.1:9443{path}"
    found[DEPLOYMENTS] = []
    there = installation(found)
    assert (there.lacking_webhooks, there.services) == ([], [])
    with pytest.raises(CannotTell, match="outside"):
        there.need_controllers()


NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("certificate", "authority", "service", "moment", "words"),
    [
        ("serving", "authority", ("lws-system", "lws-webhook-service"), NOW, []),
        ("serving", "authority", ("lws-system", "lws-webhook-service"), NOW.replace(year=2127), ["valid from"]),
        ("serving", "authority", ("team", "lws-webhook-service"), NOW, ["made for lws-webhook-service.lws-system.svc"]),
        ("serving", "stranger", ("lws-system", "lws-webhook-service"), NOW, ["issued by an authority"]),
        ("stranger", "authority", ("lws-system", "lws-webhook-service"), NOW, ["made for no name", "issued by an authority"]),
    ],
)  # fmt: skip
def test_serving_certificates(
    certificate: str, authority: str, service: tuple[str, str], moment: datetime, words: list[str]
) -> None:
    found = objects()
    client = found[MUTATING][0]["webhooks"][0]["clientConfig"]
    client["caBundle"] = pem(authority)
    client["service"] |= {"namespace": service[0], "name": service[1]}
    found[SECRETS] = [
        {
            "kind": "Secret",
            "metadata": {"name": "lws-webhook-server-cert", "namespace": service[0]},
            "data": {"tls.crt": pem(certificate)},
        }
    ]
    there = installation(found)
    said = [observed for observed, _ in faults(secret(there, service[0]), there.webhooks[0], moment)]
    assert len(said) == len(words)
    assert all(one.startswith(start) for one, start in zip(said, words, strict=True))


def test_no_certificate_to_be_read() -> None:
    with pytest.raises(CannotTell):
        secret(installation(objects()), "market")


@pytest.mark.parametrize(
    ("rule", "covered"),
    [
        ({"apiGroups": ["apps"], "resources": ["deployments"]}, True),
        ({"apiGroups": ["*"], "resources": ["*"]}, True),
        ({"apiGroups": ["*"], "resources": ["*/*"]}, True),
        ({"apiGroups": [""], "resources": ["*"]}, False),
        ({"apiGroups": ["apps"], "resources": ["deployments/scale"]}, False),
    ],
)
def test_who_may_change_an_object(rule: dict[str, Any], covered: bool) -> None:
    found = {
        MUTATING: [configuration("MutatingWebhookConfiguration", webhook("w", "/", rules=[rule]))],
        DEPLOYMENTS: [],
    }
    manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n"
    (document,) = load_texts("set", {"a.yaml": manifest}, Target.empty()).documents
    assert mutators(installation(found).view, document) == (["w"] if covered else [])
