"""What an API server says to a LeaderWorkerSet, compared with what the model says its schema and webhooks will."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.lws import schema
from seatrial.lws.admission import Refusal, default, refusals
from seatrial.lws.releases import Release

from .comparison import compare
from .generated_sets import Manifest


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said to a write: the stored object, or why it refused and which places it named."""

    stored: Manifest | None
    message: str = ""
    places: frozenset[str] = frozenset()
    conflict: bool = False


def answer(body: dict[str, Any]) -> Answer:
    """Read the body of a response to a write."""
    if body["kind"] != "Status":
        return Answer(body)
    return Answer(
        None, body["message"], frozenset(each.removeprefix(".") for each in _places(body)), conflict=body["code"] == 409
    )


_PLACE = re.compile(
    r"(?:^|[ \[{,])((?:metadata|spec)[\w./\[\]-]*): (?:Invalid|Required|Forbidden|Duplicate|Unsupported|Too)"
)


def _places(status: dict[str, Any]) -> Iterable[str]:
    causes = (status.get("details") or {}).get("causes") or ()
    yield from (cause["field"] for cause in causes if cause.get("field"))
    yield from _PLACE.findall(status["message"])


def answer_differences(
    manifest: Manifest, release: Release, given: Answer, before: Manifest | None = None
) -> Iterator[str]:
    """Where the answer is not the one that the model expects: refused or accepted, for what, with which defaults."""
    malformed = [each for each in schema.violations(manifest, release) if each.kind != "unknown field"]
    refused = refusals(manifest, release, before=before)
    if given.stored is None:
        if not malformed and not refused:
            yield f"refused: {given.message}"
        elif refused and not malformed and not _complains_about(given, refused):
            yield f"refused for {sorted(each.message for each in refused)}, but the webhook says: {given.message}"
    elif refused:
        yield f"accepted, although {refused[0].message}"
    elif malformed and not is_void(manifest, release):
        yield f"accepted, although {malformed[0]}"
    else:
        expected = default(without_unknown(manifest, release), release)
        yield from compare(expected["spec"], given.stored["spec"], "stored spec", defaults=_ZEROES if malformed else {})


_ZEROES = {"containerPort": (0,), "name": ("",)}


def _complains_about(given: Answer, refused: Sequence[Refusal]) -> bool:
    """Whether the refusal names the same places.

    What no object may be called or be scaled to, the server refuses before it asks the webhook. The webhook writes SubGroupPolicy with a capital, and for a policy that was added the path of its size.
    """
    if "panic" in given.message:
        return any("panics" in each.message for each in refused)
    expected = {".".join(map(str, each.path)).lower() for each in refused}
    named = {each.lower() for each in given.places}
    known = all(any(each.startswith(path) for path in expected) for each in named)
    if "admission webhook" not in given.message:
        return known and bool(named) and named <= {"metadata.name", "spec.replicas"}
    return known and all(any(each.startswith(path) for each in named) for path in expected)


def is_void(manifest: Manifest, release: Release) -> bool:
    """Whether all that the schema has against the set is that fields of its pod templates are missing.

    When the webhook completes a set, it writes these as zero or empty. Then the schema has nothing against them, and no
    StatefulSet takes them: the set is accepted, and nothing comes of it.
    """
    malformed = [each for each in schema.violations(manifest, release) if each.kind != "unknown field"]
    return bool(malformed) and all(schema.in_pod_template(each) and each.kind == "required" for each in malformed)


def without_unknown(manifest: Manifest, release: Release) -> Manifest:
    """The set without the fields that the server drops."""
    result: Manifest = json.loads(json.dumps(manifest))
    for each in schema.violations(manifest, release):
        if each.kind == "unknown field":
            node: Any = result
            for step in each.path[:-1]:
                node = node[step]
            del node[each.path[-1]]
    return result
