"""The webhooks of LWS on a cluster, told by the path under which the controller serves each.

Names of objects and namespaces differ by the way of installation; paths follow from the controller's code.
Source: pkg/webhooks of kubernetes-sigs/lws, 0.5.1 to 0.9.0.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from seatrial.finding import CannotTell
from seatrial.live.objects import LiveObject, LivePlace
from seatrial.live.resources import MUTATING, Resource
from seatrial.live.view import View
from seatrial.lws import keys
from seatrial.manifests.document import Document

SETS_PATH = re.compile(r"/(mutate|validate)-leaderworkerset-x-k8s-io-v1-leaderworkerset\Z")
PODS_PATH = re.compile(r"/(mutate|validate)--v1-pod\Z")
_OWN_SERVICE = re.compile(r"(^|-)lws(-|$)")

ServiceKey = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True)
class Webhook:
    """One entry of a webhook configuration."""

    configuration: LiveObject
    index: int

    @property
    def raw(self) -> dict[str, Any]:
        found: dict[str, Any] = self.configuration.each("webhooks")[self.index]
        return found

    @property
    def name(self) -> str:
        return str(self.raw.get("name", ""))

    @property
    def client(self) -> dict[str, Any]:
        return self.raw.get("clientConfig") or {}

    @property
    def mutating(self) -> bool:
        return self.configuration.kind.startswith("Mutating")

    @cached_property
    def path(self) -> str:
        """The URL path that the API server asks."""
        service = self.client.get("service")
        return str(service.get("path") or "") if service else urlsplit(str(self.client.get("url") or "")).path

    @property
    def service(self) -> ServiceKey | None:
        """The Service behind it; None where it is reached by URL."""
        service = self.client.get("service")
        return (str(service.get("namespace")), str(service.get("name"))) if service else None

    @property
    def server(self) -> ServiceKey:
        """Who answers: the Service, or the host and port of the URL."""
        return self.service or ("", urlsplit(str(self.client.get("url") or "")).netloc)

    @property
    def bundle(self) -> str:
        return str(self.client.get("caBundle") or "")

    @property
    def on_sets(self) -> bool:
        return SETS_PATH.search(self.path) is not None

    @property
    def on_pods(self) -> bool:
        return PODS_PATH.search(self.path) is not None

    @property
    def limited(self) -> bool:
        """Whether it concerns only pods that carry the label of LWS."""
        selector = self.raw.get("objectSelector") or {}
        asked = [one.get("key") for one in selector.get("matchExpressions") or () if one.get("operator") in _ASKING]
        return keys.NAME in asked or keys.NAME in (selector.get("matchLabels") or {})

    def place(self, *path: str | int) -> LivePlace:
        return self.configuration.place("webhooks", self.index, *path)


_ASKING = ("Exists", "In")


def of_lws(configurations: Iterable[LiveObject]) -> list[Webhook]:
    """The webhooks of LWS among all of a cluster.

    Many controllers serve pods under the same path. One on pods belongs to LWS when it asks whoever decides on
    LeaderWorkerSets, or a Service that is called after LWS.
    """
    every = [Webhook(one, index) for one in configurations for index in range(len(one.each("webhooks")))]
    on_sets = [one for one in every if one.on_sets]
    servers = {one.server for one in on_sets}

    def is_own(webhook: Webhook) -> bool:
        return webhook.server in servers or (
            webhook.service is not None and bool(_OWN_SERVICE.search(webhook.server[1]))
        )

    return [*on_sets, *(one for one in every if one.on_pods and is_own(one))]


def mutators(view: View, document: Document) -> list[str]:
    """The names of all webhooks that may change an object when it is created; none where they may not be read."""
    resource = view.resource(document.api_version, document.kind)
    try:
        configurations = view.all(MUTATING) if resource is not None else []
    except CannotTell:
        return []
    return [
        str(webhook.get("name"))
        for one in configurations
        for webhook in one.each("webhooks")
        if any(_covers(rule, resource) for rule in webhook.get("rules") or ())
    ]


def _covers(rule: dict[str, Any], resource: Resource | None) -> bool:
    if resource is None:
        return False
    groups, resources = rule.get("apiGroups") or (), rule.get("resources") or ()
    return not {"*", resource.group}.isdisjoint(groups) and not {"*", "*/*", resource.plural}.isdisjoint(resources)
