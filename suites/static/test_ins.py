"""INS: the LWS installation."""

import re

from seatrial.finding import CannotTell, Finding, NotApplicable
from seatrial.knowledge import images, versions
from seatrial.lws import keys
from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.leader_worker_set import LeaderWorkerSet
from seatrial.workload.lws_installation import SUPPLY_MANIFESTS, Installation, installation, minor_of_definition

NAME, NAMESPACE = "lws", "lws-system"
KNOWN_IMAGES = ("registry.k8s.io/lws/lws", "docker.io/k8smirror/lws")
OLDEST, RECOMMENDED, CRDS_MOVED, GANGS = "0.5.1", "0.9.0", "0.8.0", "0.7.0"
_RELEASED = re.compile(r"v?\d+\.\d+\.\d+(\.post\d+)?([-+](?!rc|alpha|beta|dev)[0-9A-Za-z.-]+)?")


@requirement(
    "INS-01",
    why="Documents and checks look there first.",
    fix="Install LWS as release `lws` in namespace `lws-system`; from the market, with helm or with kubectl.",
)
def test_lws_is_installed_where_it_is_looked_for(deployment: ManifestSet) -> Outcomes:
    """LWS SHOULD be installed as release `lws` in a namespace of its own, `lws-system`."""
    found, target = installation(deployment), deployment.target
    for controller, _ in found.controllers:
        if deployment.namespace(controller) != NAMESPACE:
            yield Finding(controller.at("metadata", "namespace"), deployment.namespace(controller), NAMESPACE)
    if found.controllers:
        return
    wanted = {"lws.namespace": NAMESPACE} | ({} if target.get("lws.install") == "kubectl" else {"lws.release": NAME})
    for fact, expected in wanted.items():
        if target.need(fact) != expected:
            yield Finding(target.place(fact), str(target.get(fact)), expected)


@requirement(
    "INS-02",
    why="Tags like `main` change under running groups; releases before 0.5.1 lack revisions and fixes.",
    fix="Use the image of a release, v0.9.0 or later.",
)
def test_controller_is_a_release(deployment: ManifestSet) -> Outcomes:
    """The controller image MUST be a released version, v0.5.1 or later."""
    found = installation(deployment)
    oldest = versions.parse(OLDEST)
    for image, place in found.images:
        if image.tag is None and image.digest:
            continue  # the release behind a digest is what lws.version says
        if not _RELEASED.fullmatch(image.tag or "latest"):
            yield Finding(place, f"tag {image.tag or 'latest, by default'}", "the tag of a release")
            return
    version, place = found.need_version()
    if oldest and version < oldest:
        yield Finding(place, f"LWS {_shown(version)}", f"{OLDEST} or later")


def _shown(version: versions.Version) -> str:
    return ".".join(map(str, version.numbers[:3]))


@requirement(
    "INS-03",
    why="A webhook that meets a CRD without its defaults panics, or the controller stops without a word.",
    fix="Apply the CRD of the controller's release: helm upgrade leaves CRDs as they are.",
    source=("lws#529", "lws#593"),
)
def test_controller_and_definition_are_of_one_release(deployment: ManifestSet) -> Outcomes:
    """Controller and CRD MUST be of the same release."""
    found, target = installation(deployment), deployment.target
    version, place = found.need_version()
    definition = found.definition.value if found.definition else deployment.definition
    stated = target.get("lws.crd_version")
    if definition is not None:
        minor = minor_of_definition(definition)
        if minor != version.minor and version.minor <= (0, 10):
            where = found.definition["metadata"]["name"] if found.definition else place
            seen = f"a CRD of LWS {minor[0]}.{minor[1]}, a controller of {_shown(version)}"
            yield Finding(where, seen, "one release")
    elif versions.parse(str(target.need("lws.crd_version"))) != version:
        seen = f"a CRD of LWS {stated}, a controller of {_shown(version)}"
        yield Finding(target.place("lws.crd_version"), seen, "one release")


@requirement(
    "INS-04",
    why="The official repository cannot be pulled in mainland China, and an unknown mirror is unknown code.",
    fix="Use registry.k8s.io/lws/lws, docker.io/k8smirror/lws, or a copy of your own in TCR or CCR.",
)
def test_controller_image_is_known(deployment: ManifestSet) -> Outcomes:
    """The controller image SHOULD be the official one or a mirror known to carry it."""
    found = installation(deployment).images
    if not found:
        deployment.target.need("lws.image")
    for image, place in found:
        registry = images.registry(image.registry)
        is_copy = registry is not None and registry.private and image.name == NAME
        if image.repository not in KNOWN_IMAGES and not is_copy:
            yield Finding(place, image.repository, f"{' or '.join(KNOWN_IMAGES)}, or a copy in TCR or CCR")


@requirement(
    "INS-05",
    why="The chart moved its CRDs: the upgrade deletes the CRD, and every LeaderWorkerSet with it.",
    fix="Before the upgrade, annotate the CRD with helm.sh/resource-policy=keep.",
    source=("lws#880", "lws#883"),
)
def test_definition_survives_the_upgrade(deployment: ManifestSet) -> Outcomes:
    """Before a helm upgrade to 0.8 or later the CRD MUST be protected from removal."""
    found, target = installation(deployment), deployment.target
    planned = target.get("lws.upgrade_to")
    if target.get("lws.install") == "kubectl" or planned is None:
        raise NotApplicable("no helm upgrade is planned")
    version, _ = found.need_version()
    if versions.at_least(_shown(version), CRDS_MOVED) or not versions.at_least(str(planned), CRDS_MOVED):
        raise NotApplicable(f"the CRDs do not move between {_shown(version)} and {planned}")
    annotations = found.definition.at("metadata", "annotations").texts if found.definition else {}
    if annotations.get("helm.sh/resource-policy") == "keep":
        return
    if not target.need("lws.crd_kept"):
        seen = f"an upgrade from {_shown(version)} to {planned}, and a CRD that helm may remove"
        yield Finding(target.place("lws.crd_kept"), seen, "annotation helm.sh/resource-policy: keep")


def _is_official(found: Installation) -> bool:
    """Whether it comes from the project's releases or the market, unchanged. Raises MissingFact when not stated."""
    return bool(found.manifests.target.need("lws.source") in ("project", "market"))


@requirement(
    "INS-06",
    why="The webhooks fail closed: without the selector a dead controller blocks every pod of the cluster.",
    fix="Give both pod webhooks an objectSelector: leaderworkerset.sigs.k8s.io/name Exists.",
)
def test_pod_webhooks_see_lws_pods_only(deployment: ManifestSet) -> Outcomes:
    """The pod webhooks SHOULD be limited to LWS pods.

    Every release from 0.5.1 on has the selector in its own manifests and chart.
    """
    found = installation(deployment)
    webhooks = found.pod_webhooks
    for webhook in webhooks:
        if not _is_limited(webhook["objectSelector"]):
            yield Finding(webhook["objectSelector"], "every pod of the cluster", f"label {keys.NAME} Exists")
    if webhooks:
        return
    found.need_version()
    if not _is_official(found):
        raise CannotTell("a third party's webhooks are not in the set", SUPPLY_MANIFESTS)


def _is_limited(selector: Node) -> bool:
    expressions = ((each["key"].text, each["operator"].text) for each in selector["matchExpressions"])
    return (keys.NAME, "Exists") in expressions or keys.NAME in selector["matchLabels"].mapping


@requirement(
    "INS-07",
    why="While the controller is down no pod of a group can be created.",
    fix="Set replicas 2 and leave leader election on; the chart's default is one replica, the release manifest's two.",
)
def test_controller_has_a_standby(deployment: ManifestSet) -> Outcomes:
    """The controller SHOULD have at least two replicas with leader election."""
    found = installation(deployment)
    for controller, _ in found.controllers:
        replicas = controller.at("spec", "replicas")
        number = 1 if replicas.raw is None else replicas.integer
        if number is not None and number < 2:
            yield Finding(replicas, f"{number} replica", "2 replicas")
    if any("leaderElect: false" in text for text in found.configurations):
        yield Finding(found.controllers[0][0]["metadata"]["name"], "leaderElect: false", "leader election")
    if found.controllers:
        return
    if not _is_official(found) or deployment.target.need("lws.install") != "kubectl":
        raise CannotTell("the number of controllers is not in the set; the chart's default is one", SUPPLY_MANIFESTS)


@requirement(
    "INS-08",
    why="PodGroups are made, and the default scheduler ignores them.",
    fix="Set schedulerName volcano in leader and worker template.",
)
def test_gangs_have_their_scheduler(lws: LeaderWorkerSet) -> Outcomes:
    """Gang scheduling in the controller's config MUST go with a schedulerName in the templates."""
    found = installation(lws.manifests)
    version = found.version
    if version is not None and not versions.at_least(_shown(version[0]), GANGS):
        raise NotApplicable(f"LWS {_shown(version[0])} has no gang scheduling")
    provider = found.provider or lws.manifests.target.need("lws.scheduler_provider")
    if provider == "none":
        raise NotApplicable("the controller schedules no gangs")
    for template in lws.templates:
        name = template.spec["schedulerName"]
        if name.text != provider:
            yield Finding(name, f"the {template.role} goes to {name.text or 'the default scheduler'}", provider)


@requirement(
    "INS-09",
    why="Third-party charts lag and differ.",
    fix="Install from github.com/kubernetes-sigs/lws or from the TKE market.",
)
def test_lws_comes_from_its_project(deployment: ManifestSet) -> Outcomes:
    """LWS SHOULD be installed from the project's own releases or the TKE market."""
    if not _is_official(installation(deployment)):
        yield Finding(deployment.target.place("lws.source"), "a third party's manifests", "the project or the market")


@requirement(
    "INS-10",
    why="Older releases recreate a group twice for one failure, get stuck in rollouts, and hide why nothing is made.",
    fix="Upgrade to 0.9.0; go there in one step, since 0.8.0 recreates all groups.",
    source=("lws#804", "lws#776", "lws#851", "lws#797"),
)
def test_lws_is_recent(deployment: ManifestSet) -> Outcomes:
    """LWS SHOULD be 0.9.0 or newer."""
    version, place = installation(deployment).need_version()
    if not versions.at_least(_shown(version), RECOMMENDED):
        yield Finding(place, f"LWS {_shown(version)}", f"{RECOMMENDED} or newer")
