"""When events happened: one that is repeated says it elsewhere than one of the older or the newer API."""

from datetime import UTC, datetime

from seatrial.live.objects import LiveObject, moment

_NEVER = datetime.fromtimestamp(0, UTC)


def happened(event: LiveObject) -> datetime | None:
    """When an event was seen last; None where it does not say so.

    Source: Kubernetes API, core/v1 Event: `series` for repetitions, `lastTimestamp` of the older API, `eventTime`.
    """
    return moment(
        event.at("series", "lastObservedTime")
        or event.at("lastTimestamp")
        or event.at("eventTime")
        or event.at("firstTimestamp")
        or event.metadata.get("creationTimestamp")
    )


def began(event: LiveObject) -> datetime | None:
    """When it was seen first."""
    return moment(event.at("firstTimestamp") or event.at("eventTime")) or happened(event)


def order(event: LiveObject) -> datetime:
    """A key to sort events by; those without any time come first."""
    return happened(event) or _NEVER
