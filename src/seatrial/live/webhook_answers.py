"""What answers of the API server, and events, tell about the webhooks behind it."""

import re
from collections.abc import Iterator

from seatrial.live.api import ApiError
from seatrial.live.installation import Installation
from seatrial.live.objects import LiveObject
from seatrial.live.offer import Answer
from seatrial.live.resources import STATEFUL_SETS
from seatrial.lws.releases import Fact, Release

_DENIED = re.compile(r"admission webhook \S+ denied the request")
_CERTIFICATE = re.compile(r"x509:|tls: (?!internal)|certificate", re.IGNORECASE)

# What a minimal set looks like when it is complete: the path below spec, the value, and since when the field is there.
_DEFAULTS: tuple[tuple[str, object, Fact | None], ...] = (
    ("replicas", 1, None),
    ("leaderWorkerTemplate.size", 1, None),
    ("leaderWorkerTemplate.restartPolicy", "RecreateGroupOnPodRestart", None),
    ("rolloutStrategy.type", "RollingUpdate", None),
    ("rolloutStrategy.rollingUpdateConfiguration.maxUnavailable", 1, None),
    ("rolloutStrategy.rollingUpdateConfiguration.maxSurge", 0, None),
    ("rolloutStrategy.rollingUpdateConfiguration.partition", 0, Fact.PARTITION),
    ("startupPolicy", "LeaderCreated", None),
    ("networkConfig.subdomainPolicy", "Shared", None),
)


def completed(offered: Answer, release: Release | None) -> Iterator[tuple[str, object, object]]:
    """The defaults of the release that the answer to a minimal set lacks: path, what is there, what has to be."""
    answer = LiveObject(offered.object or {})
    for path, expected, since in _DEFAULTS:
        if since is not None and (release is None or not release.has(since)):
            continue
        found = answer.at("spec", *path.split("."))
        if found != expected:
            yield f"spec.{path}", "absent" if found is None else found, expected


def refused_by_webhook(error: ApiError) -> bool:
    """Whether a webhook looked at the object and said no, as opposed to one that died or could not be reached."""
    return _DENIED.search(error.message) is not None and "panic" not in error.message


def not_asked(error: ApiError) -> bool:
    """Whether the server refuses because it could not ask a webhook."""
    return "failed calling webhook" in error.message


def is_certificate_trouble(said: ApiError | LiveObject) -> bool:
    """Whether a webhook could not be asked because the API server does not trust its certificate."""
    text = said.message if isinstance(said, ApiError) else str(said.at("message"))
    return "failed calling webhook" in text and _CERTIFICATE.search(text) is not None


def complaint(installation: Installation) -> LiveObject | None:
    """The event of a StatefulSet that lacks pods because a webhook of LWS could not be asked when it tried last.

    Raises CannotTell where StatefulSets, events or webhooks may not be read.
    """
    view, names = installation.view, [f'"{one.name}"' for one in installation.webhooks]
    for namespace in view.namespaces:
        for one in view.all(STATEFUL_SETS, namespace):
            if int(one.at("status", "replicas") or 0) >= int(one.at("spec", "replicas") or 0):
                continue
            tried = [event for event in view.events(namespace, one.kind, one.name) if _failed(event)]
            words = str(tried[-1].at("message")) if tried else ""
            if "failed calling webhook" in words and any(name in words for name in names):
                return tried[-1]
    return None


def _failed(event: LiveObject) -> bool:
    return bool(event.at("reason") == "FailedCreate")
