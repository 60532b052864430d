"""The certificate with which LWS' webhooks answer, as far as it can be seen without asking them.

Source: pkg/cert of kubernetes-sigs/lws; Secret `lws-webhook-server-cert` unless the Deployment mounts another.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from seatrial.finding import CannotTell
from seatrial.live.certificates import BadCertificate, Certificate, in_bundle
from seatrial.live.installation import Installation
from seatrial.live.objects import LiveObject
from seatrial.live.resources import SECRETS
from seatrial.live.webhooks import Webhook

_ENTRY = "tls.crt"
_DEFAULT = "lws-webhook-server-cert"


def trusted(webhook: Webhook) -> list[Certificate]:
    """The authorities of a webhook's bundle; none where it cannot be read (CTL-03 judges that)."""
    try:
        return in_bundle(webhook.bundle)
    except BadCertificate:
        return []


def secret(installation: Installation, namespace: str) -> LiveObject:
    """The Secret that holds the certificate. Raises CannotTell when it may not be read or is not found."""
    names = [*_mounted(installation, namespace), _DEFAULT]
    there = {one.name: one for one in installation.view.all(SECRETS, namespace)}
    found = next((there[name] for name in names if name in there and there[name].at("data", _ENTRY)), None)
    if found is None:
        raise CannotTell(f"no Secret with the webhooks' certificate is found in namespace {namespace}")
    return found


def _mounted(installation: Installation, namespace: str) -> Iterator[str]:
    for one in installation.controllers:
        for volume in one.each("spec", "template", "spec", "volumes") if one.namespace == namespace else ():
            name = (volume.get("secret") or {}).get("secretName")
            if name:
                yield str(name)


def faults(found: LiveObject, webhook: Webhook, now: datetime | None = None) -> Iterator[tuple[str, str]]:
    """What is wrong with the certificate of a Secret for a webhook: observed and expected."""
    moment = now or datetime.now(UTC)
    assert webhook.service is not None
    namespace, name = webhook.service
    host = f"{name}.{namespace}.svc"
    try:
        leaf = in_bundle(str(found.at("data", _ENTRY)))[0]
    except BadCertificate as bad:
        yield f"{_ENTRY}: {bad}", "a certificate in PEM"
        return
    if not leaf.valid_at(moment):
        yield (
            f"valid from {leaf.begins:%Y-%m-%d} to {leaf.ends:%Y-%m-%d}",
            f"a certificate that is valid {moment:%Y-%m-%d}",
        )
    if not leaf.covers(host):
        yield f"made for {', '.join(leaf.names) or 'no name'}", host
    if leaf.issuer not in [authority.subject for authority in trusted(webhook)]:
        yield "issued by an authority that is not in the webhook's caBundle", "one of the bundle"
