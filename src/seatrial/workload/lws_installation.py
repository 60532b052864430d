"""How LWS gets onto the cluster: from install manifests in the set, else from what the target states.

Source: kubernetes-sigs/lws, config/ and charts/lws of each release.
"""

import re
from dataclasses import dataclass
from typing import Any

from seatrial.finding import CannotTell, NotApplicable, Place
from seatrial.knowledge import images, versions
from seatrial.knowledge.images import Reference
from seatrial.knowledge.versions import Version
from seatrial.lws.reading import at, items
from seatrial.lws.schema import API_VERSION, KIND
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.crd import describes
from seatrial.manifests.document import Document, Node

SUPPLY_MANIFESTS = "add the manifests that install LWS to the set"
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_POD_PATH = re.compile(r"/(mutate|validate)--v1-pod\Z")
_SET_PATH = re.compile(r"/(mutate|validate)-(leaderworkerset|disaggregatedset)-x-k8s-io-")
_GROUPS = ("leaderworkerset.x-k8s.io", "disaggregatedset.x-k8s.io")
_OWN = re.compile(r"(^|-)lws(-|$)")
_PROVIDER = re.compile(r"^\s*schedulerProvider:\s*[\"']?(\w+)", re.MULTILINE)
_SPEC = ("schema", "openAPIV3Schema", "properties", "spec", "properties")
_TEMPLATE = (*_SPEC, "leaderWorkerTemplate", "properties")
_ROLLING = (*_SPEC, "rolloutStrategy", "properties", "rollingUpdateConfiguration", "properties")


@dataclass(frozen=True, slots=True)
class Installation:
    """The controller that serves a set.

    `controllers` are its Deployments, each with the image of its manager, and `definition` is its CRD, if they are in
    the set.
    """

    manifests: ManifestSet
    controllers: tuple[tuple[Document, Node], ...]
    definition: Document | None

    @property
    def images(self) -> list[tuple[Reference, Place]]:
        """The controller's images; empty when neither set nor target name one."""
        in_set = [(images.reference(node.text or ""), node) for _, node in self.controllers]
        stated = self.manifests.target.get("lws.image")
        return [*in_set] or ([(images.reference(stated), self.manifests.target.place("lws.image"))] if stated else [])

    @property
    def version(self) -> tuple[Version, Place] | None:
        """The controller's release and where it stands: stated, else the tag of its image."""
        target = self.manifests.target
        stated = versions.parse(str(target.get("lws.version") or ""))
        if stated is not None:
            return stated, target.place("lws.version")
        tags = ((versions.parse(image.tag or ""), place) for image, place in self.images)
        return next(((version, place) for version, place in tags if version is not None), None)

    def need_version(self) -> tuple[Version, Place]:
        """As `version`. Raises MissingFact when neither image nor target says it."""
        found = self.version
        if found is None:
            self.manifests.target.need("lws.version")
            raise CannotTell("the release of LWS is not known", 'seatrial.toml: [lws] version = "0.9.0"')
        return found

    @property
    def pod_webhooks(self) -> list[Node]:
        """The webhooks of LWS on pods that the set configures."""
        return [
            webhook
            for configuration in self.manifests.of_kind(*_WEBHOOKS)
            for webhook in configuration["webhooks"]
            if _POD_PATH.search(webhook.at("clientConfig", "service", "path").text or "")
            and _OWN.search(webhook.at("clientConfig", "service", "name").text or "")
        ]

    @property
    def provider(self) -> str | None:
        """The gang scheduler in the controller's configuration; None when it is not known."""
        stated: str | None = self.manifests.target.get("lws.scheduler_provider")
        return stated or next((found[1] for text in self.configurations if (found := _PROVIDER.search(text))), None)

    @property
    def configurations(self) -> list[str]:
        """The configuration files that ConfigMaps beside the controller hold."""
        homes = {self.manifests.namespace(controller) for controller, _ in self.controllers}
        return [
            text
            for document in self.manifests.of_kind("ConfigMap", group="")
            if self.manifests.namespace(document) in homes
            for text in document["data"].texts.values()
            if "config.lws.x-k8s.io" in text
        ]


def installation(manifests: ManifestSet) -> Installation:
    """The installation of LWS. Raises NotApplicable when the set neither needs nor installs LWS."""
    found = manifests.once(_find)
    if not manifests.leader_worker_sets and not found.controllers and found.definition is None:
        raise NotApplicable("the set neither has a LeaderWorkerSet nor installs LWS")
    return found


def _find(manifests: ManifestSet) -> Installation:
    controllers = tuple(
        (document, image)
        for document in manifests.of_kind("Deployment", group="apps")
        for container in document.at("spec", "template", "spec", "containers")
        if (image := container["image"]).text and is_controller(images.reference(image.text or ""))
    )
    definitions = manifests.of_kind("CustomResourceDefinition")
    own = [document for document in definitions if describes(document.value, API_VERSION, KIND)]
    return Installation(manifests, controllers, own[-1] if own else None)


def belongs_to_lws(manifests: ManifestSet, document: Document) -> bool:
    """Whether the object is a part of LWS itself that a cluster has once: definition, webhooks, controller."""
    if document.kind == "CustomResourceDefinition":
        return (document.at("spec", "group").text or "") in _GROUPS
    if document.kind in _WEBHOOKS:
        paths = (_path(webhook) for webhook in document["webhooks"])
        return any(_SET_PATH.search(path) for path in paths)
    return any(document is controller for controller, _ in manifests.once(_find).controllers)


def _path(webhook: Node) -> str:
    return webhook.at("clientConfig", "service", "path").text or webhook.at("clientConfig", "url").text or ""


def is_controller(image: Reference) -> bool:
    """Whether an image is that of the LWS controller."""
    known = images.likely_image(image)
    return known is not None and known.role == "lws"


def minor_of_definition(definition: Any) -> tuple[int, int]:
    """The minor release of LWS whose CRD this is, told by the fields it has; never before 0.5."""
    found = items(at(definition, "spec", "versions"))
    version = found[0] if found else None
    policies = items(at(version, *_TEMPLATE, "restartPolicy", "enum"))
    features = (
        ((0, 10), at(version, *_SPEC, "replicas", "maximum") is not None),
        ((0, 9), "RecreateGroupAfterStart" in policies),
        ((0, 8), at(version, *_TEMPLATE, "volumeClaimTemplates") is not None),
        ((0, 7), at(version, *_ROLLING, "partition") is not None),
        ((0, 6), at(version, *_TEMPLATE, "subGroupPolicy", "properties", "subGroupPolicyType") is not None),
    )
    return next((minor for minor, present in features if present), (0, 5))
