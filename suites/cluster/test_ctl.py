"""CTL: the LWS controller, its definition and its webhooks."""

from datetime import UTC, datetime

from seatrial.clusters.capability import MEANING, Capability
from seatrial.finding import Blocked, CannotTell, Finding, NotApplicable
from seatrial.knowledge import images
from seatrial.live import serving_certificate
from seatrial.live.certificates import BadCertificate, in_bundle
from seatrial.live.installation import DEFINITION, Installation, is_down
from seatrial.live.installed_release import controller_place, disagreements, need_one_release
from seatrial.live.refusals import in_short
from seatrial.live.resources import SERVICES
from seatrial.live.restarting import restarting
from seatrial.live.webhook_answers import (
    complaint,
    completed,
    is_certificate_trouble,
    refused_by_webhook,
)
from seatrial.lws.releases import RELEASES
from seatrial.requirement import Outcomes, requirement

OLDEST = RELEASES[0]


@requirement(
    "CTL-01",
    why="Nothing is created or repaired without it.",
    fix="See the Deployment's pods and their events; the release's manifests ask for 1 CPU and 1 GiB a replica.",
)
def test_controller_is_available(live_installation: Installation) -> Outcomes:
    """The LWS controller MUST be available."""
    live_installation.need_definition()
    controllers = live_installation.need_controllers()
    live_installation.need_image()
    for one in controllers:
        wanted = one.at("spec", "replicas")
        wanted = 1 if wanted is None else int(wanted)
        ready, updated = (int(one.at("status", key) or 0) for key in ("readyReplicas", "updatedReplicas"))
        if is_down(one) or not one.holds("Available") or min(ready, updated) < wanted:
            yield Finding(
                one.place("status"),
                f"{ready} of {wanted} replicas ready, {updated} up to date",
                "Available, with every replica ready and up to date" if wanted else "at least one replica",
            )


@requirement(
    "CTL-02",
    why="No API, no set.",
    fix="Install LWS: its CustomResourceDefinitions and its controller, of one release.",
)
def test_definition_is_established(live_installation: Installation) -> Outcomes:
    """The CRD `leaderworkersets.leaderworkerset.x-k8s.io` MUST be established with v1 served and stored."""
    if not live_installation.served:
        yield Finding(
            live_installation.place, "the API server does not know LeaderWorkerSets of v1", f"CRD {DEFINITION}"
        )
        return
    definition = live_installation.definition
    if definition is None:
        raise CannotTell(f"LeaderWorkerSets are served, but no CRD {DEFINITION} is there")
    for condition in ("Established", "NamesAccepted"):
        if not definition.holds(condition):
            said = (definition.condition(condition) or {}).get("message") or f"condition {condition} is not True"
            yield Finding(definition.place("status", "conditions"), str(said), f"{condition} True")
    v1: dict[str, object] = next((one for one in definition.each("spec", "versions") if one.get("name") == "v1"), {})
    if not v1.get("served") or not v1.get("storage") or "v1" not in definition.each("status", "storedVersions"):
        yield Finding(definition.place("spec", "versions"), "v1 is not both served and stored", "v1 served and stored")


@requirement(
    "CTL-03",
    why="Without the pod webhook labels and env are missing; without a CA bundle every create fails.",
    fix="Install LWS again with its webhook configurations; its certificate rotator or cert-manager fills in caBundle.",
    source="lws#318",
)
def test_webhooks_are_registered(live_installation: Installation) -> Outcomes:
    """The mutating and validating webhooks of LWS MUST be registered with a CA bundle."""
    live_installation.need_definition()
    for lacking in live_installation.lacking_webhooks:
        yield Finding(live_installation.place, f"no configuration lists {lacking} of LWS", lacking)
    for webhook in live_installation.webhooks:
        try:
            in_bundle(webhook.bundle)
        except BadCertificate as bad:
            shown = f"{webhook.name}: {bad}" if webhook.bundle else f"{webhook.name} has no caBundle"
            yield Finding(webhook.place("clientConfig", "caBundle"), shown, "certificates in PEM")


@requirement(
    "CTL-04",
    why="The webhooks fail closed: every LeaderWorkerSet and every pod of a group is refused.",
    fix="Compare the Service's selector with the labels of the controller's pods, and see why these are not ready.",
)
def test_webhook_service_has_endpoints(live_installation: Installation) -> Outcomes:
    """The webhook Service MUST have ready endpoints."""
    live_installation.need_webhooks()
    if not live_installation.services:
        raise NotApplicable("the webhooks are reached by URL")
    live_installation.need_available()
    for namespace, name in live_installation.services:
        service = live_installation.view.one(SERVICES, name, namespace)
        if service is None:
            webhook = next(one for one in live_installation.webhooks if one.service == (namespace, name))
            yield Finding(
                webhook.place("clientConfig", "service"), f"Service {namespace}/{name} is not there", "a Service"
            )
        elif not live_installation.endpoints((namespace, name)):
            yield Finding(service.place(), "no ready endpoint", "at least one ready endpoint")


@requirement(
    "CTL-05",
    why="Only a webhook that answers completes sets and their pods; an older definition drops what it completes.",
    fix="See the controller's log; install definition, webhooks and controller of one release.",
    source="lws#529",
)
def test_minimal_set_is_completed(live_installation: Installation) -> Outcomes:
    """A minimal LeaderWorkerSet MUST be accepted and defaulted."""
    live_installation.need_calls()
    said = complaint(live_installation)
    if said is not None:
        if is_certificate_trouble(said):
            raise Blocked("CTL-08", "the API server does not trust the webhooks' certificate")
        yield Finding(said.place("message"), in_short(str(said.at("message"))), "an answer of the webhook")
        return
    offered = live_installation.need_answers().minimal
    if offered.error is not None:
        if is_certificate_trouble(offered.error):
            raise Blocked("CTL-08", "the API server does not trust the webhooks' certificate")
        need_one_release(live_installation)
        yield Finding(live_installation.place, f"refused: {in_short(offered.error.message)}", "a set that is accepted")
        return
    lacking = list(completed(offered, live_installation.release))
    if lacking:
        need_one_release(live_installation)
    for path, found, expected in lacking:
        yield Finding(live_installation.place, f"{path} is {found} in the answer", f"{path}: {expected}")


@requirement(
    "CTL-06",
    why="A definition's schema refuses little; what only the webhook refuses would run and hang.",
    fix="See the controller's log; install definition, webhooks and controller of one release.",
    source="lws#529",
    needs=(Capability.DRY_RUN,),
)
def test_wrong_sets_are_refused(live_installation: Installation) -> Outcomes:
    """An invalid LeaderWorkerSet MUST be refused by the webhook."""
    live_installation.need_calls()
    answers = live_installation.need_answers()
    if answers.minimal.error is not None:
        raise Blocked("CTL-05", "even a correct set is refused")
    need_one_release(live_installation)
    for what, offered in (("size 0", answers.size_zero), ("maxUnavailable and maxSurge 0", answers.no_budget)):
        if offered.error is None:
            yield Finding(live_installation.place, f"a set with {what} is accepted", "a refusal by the webhook")
        elif not refused_by_webhook(offered.error):
            yield Finding(
                live_installation.place,
                f"a set with {what}: {in_short(offered.error.message)}",
                "a refusal by the webhook that names the field",
            )


@requirement(
    "CTL-07",
    why="A definition older than the controller makes it panic or drops fields without a word.",
    fix="Install definitions, webhooks and controller of one release; Helm does not upgrade what lies in crds/.",
    source="lws#529",
)
def test_one_release(live_installation: Installation) -> Outcomes:
    """Controller, CRD and webhook MUST be of one released LWS version, v0.5.1 or later."""
    live_installation.need_definition()
    yield from disagreements(live_installation)
    running = live_installation.running
    if not running:
        tags = ", ".join(image.tag or "no tag" for image in live_installation.images) or "no image is found"
        raise CannotTell(f"of which release the controller is ({tags})", "an image whose tag names a release")
    for found in running:
        if found < OLDEST:
            yield Finding(controller_place(live_installation), f"LWS {found}", f"{OLDEST} or later")


@requirement(
    "CTL-08",
    why="The API server refuses every set and every pod of a group with an x509 error.",
    fix="Let LWS' rotator or cert-manager issue it anew: delete the Secret and restart the controller.",
    source=("lws#248", "lws#318", "lws#902"),
)
def test_serving_certificate(live_installation: Installation) -> Outcomes:
    """The webhook's serving certificate MUST be valid for its name and signed by the CA bundle."""
    webhooks = live_installation.need_webhooks()
    now = datetime.now(UTC)
    untrusted = [one for one in webhooks if not serving_certificate.trusted(one)]
    if untrusted:
        raise Blocked("CTL-03", f"{untrusted[0].name} has no usable caBundle")
    for webhook in webhooks:
        bundle = serving_certificate.trusted(webhook)
        if not any(one.valid_at(now) for one in bundle):
            yield Finding(
                webhook.place("clientConfig", "caBundle"),
                f"{webhook.name}: its authorities were valid to {max(one.ends for one in bundle):%Y-%m-%d}",
                "an authority that is valid now",
            )
            return
    said = complaint(live_installation)
    if said is not None and is_certificate_trouble(said):
        yield Finding(said.place("message"), in_short(str(said.at("message"))), "a certificate that is trusted")
        return
    offered = live_installation.probes.minimal if live_installation.probes else None
    if offered is not None and (offered.error is None or is_certificate_trouble(offered.error)):
        if offered.error is not None:
            yield Finding(live_installation.place, in_short(offered.error.message), "a certificate that is trusted")
        return  # the API server has just asked the webhook, and looked at the certificate before
    for webhook in webhooks:
        if webhook.service is None and offered is not None:
            raise Blocked("CTL-05", "the webhooks do not answer")
        if webhook.service is None:
            raise CannotTell("the webhooks are reached by URL, and were not asked", MEANING[Capability.DRY_RUN][1])
        secret = serving_certificate.secret(live_installation, webhook.service[0])
        for observed, expected in serving_certificate.faults(secret, webhook, now):
            yield Finding(secret.place("data"), observed, expected)


@requirement(
    "CTL-09",
    why="The default registry is not reachable from mainland China: the controller waits for its image for ever.",
    fix="Let the Deployment name a mirror that the nodes reach, and state it in seatrial.toml as [lws] image.",
)
def test_controller_image_is_pulled(live_installation: Installation) -> Outcomes:
    """The controller's image MUST have been pulled from the intended registry."""
    live_installation.need_definition()
    live_installation.need_controllers()
    for pod, waiting in live_installation.pulling:
        yield Finding(
            pod.place("status", "containerStatuses"),
            f"{waiting.get('reason')}: {in_short(str(waiting.get('message') or 'no message'))}",
            "an image that is pulled",
        )
    stated = live_installation.intended
    wanted = images.reference(stated).repository if stated else None
    for image in live_installation.images:
        if wanted is not None and image.repository != wanted:
            yield Finding(controller_place(live_installation), f"image of {image.repository}", wanted)


@requirement(
    "CTL-10",
    why="A crashing controller works just often enough to hide the cause.",
    fix="Read the log of the container that ended: kubectl logs --previous.",
)
def test_controller_keeps_running(live_installation: Installation) -> Outcomes:
    """The LWS controller SHOULD NOT restart while the suite looks at it."""
    live_installation.need_controllers()
    live_installation.need_image()
    for pod in live_installation.pods:
        for status in pod.each("status", "containerStatuses"):
            said = restarting(status)
            if said:
                yield Finding(pod.place("status", "containerStatuses"), f"{status.get('name')}: {said}", "no restart")


@requirement(
    "CTL-11",
    why="A dead controller otherwise blocks every pod of the cluster.",
    fix="Give the pod webhooks an objectSelector on leaderworkerset.sigs.k8s.io/name, as LWS' own manifests do.",
)
def test_pod_webhooks_are_limited(live_installation: Installation) -> Outcomes:
    """The pod webhooks SHOULD be limited to LWS pods."""
    on_pods = [one for one in live_installation.need_webhooks() if one.on_pods]
    for webhook in on_pods:
        if not webhook.limited:
            yield Finding(
                webhook.place("objectSelector"),
                f"{webhook.name} concerns pods without the label of LWS too",
                "objectSelector on leaderworkerset.sigs.k8s.io/name",
            )


@requirement(
    "CTL-12",
    why="A chart upgrade to 0.8 deletes the CRD and with it every LeaderWorkerSet.",
    fix="Annotate the CRD with helm.sh/resource-policy: keep before the chart is upgraded.",
    source="lws#880",
)
def test_definition_is_kept(live_installation: Installation) -> Outcomes:
    """The CRD SHOULD be protected from removal when helm owns it."""
    live_installation.need_definition()
    definition = live_installation.definition
    if definition is None:
        raise CannotTell(f"the CRD {DEFINITION} is not there to be read")
    if "meta.helm.sh/release-name" not in definition.annotations:
        raise NotApplicable("Helm does not own the CRD")
    if live_installation.release is not None and live_installation.release >= (0, 8, 0):
        raise NotApplicable("from 0.8.0 on the CRD lies in the chart's crds folder")
    if definition.annotations.get("helm.sh/resource-policy") != "keep":
        yield Finding(
            definition.place("metadata", "annotations"), "owned by Helm, not kept", "helm.sh/resource-policy: keep"
        )


@requirement(
    "CTL-13",
    why="Reconcile errors are visible there first.",
    fix="Give the controller's metrics Service the labels of its pods as selector; see why these are not ready.",
)
def test_controller_metrics(live_installation: Installation) -> Outcomes:
    """The LWS controller's metrics endpoint SHOULD answer."""
    controllers = live_installation.need_controllers()
    live_installation.need_available()
    services = [
        service
        for namespace in dict.fromkeys(one.namespace for one in controllers)
        for service in live_installation.view.all(SERVICES, namespace)
        if "metrics" in service.name and (namespace, service.name) not in live_installation.services
    ]
    if not services:
        raise NotApplicable("the controller has no Service for metrics")
    for service in services:
        if not live_installation.endpoints((service.namespace, service.name)):
            yield Finding(service.place(), "no ready endpoint", "a ready endpoint")
        else:
            yield CannotTell(f"{service.title} leads to a pod; only an authorised request tells whether it answers")
