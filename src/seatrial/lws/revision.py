"""The template-revision-hash that the controller computes, where it can be computed without the controller's own types.

Source: `getPatch` and `hashRevision` in pkg/utils/revision/revision_utils.go of kubernetes-sigs/lws. The hash covers
spec.leaderWorkerTemplate and spec.networkConfig after defaulting, written the way Go writes those types.
"""

import json
import re
from typing import Any, Final

from seatrial.lws.admission import default
from seatrial.lws.reading import at, mapping
from seatrial.lws.releases import Release

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"

_NULL_CREATION_BEFORE: Final = Release(0, 8, 0)
"""Up to here an empty metadata was written as `{"creationTimestamp": null}` (lws#797)."""

_CANONICAL: Final = re.compile(r"[1-9][0-9]{0,2}(?:Ki|Mi|Gi|Ti|Pi|m|k|M|G|T|P)?")
_QUANTITIES: Final = frozenset({"limits", "requests", "overhead"})
_MAPS: Final = frozenset({"labels", "annotations", "nodeSelector", "matchLabels"}) | _QUANTITIES
_STRUCTURES: Final = frozenset(
    {
        "metadata", "resources", "emptyDir", "securityContext",
        "affinity", "nodeAffinity", "podAffinity", "podAntiAffinity",
    }
)  # fmt: skip
"""Written even if empty; maps and lists are left out then."""
_LISTS: Final = frozenset(
    {"env", "envFrom", "args", "command", "ports", "volumes", "volumeMounts", "tolerations", "initContainers"}
)
_VALUES: Final = frozenset(
    {"value", "medium", "hostNetwork", "hostPID", "hostIPC", "readOnly", "stdin", "tty", "initialDelaySeconds"}
)
"""Zero is left out."""
_POINTERS: Final = frozenset(
    {
        "terminationGracePeriodSeconds", "runAsUser", "runAsGroup", "fsGroup", "runAsNonRoot", "privileged",
        "allowPrivilegeEscalation", "readOnlyRootFilesystem", "automountServiceAccountToken", "enableServiceLinks",
        "shareProcessNamespace", "optional", "defaultMode",
    }
)  # fmt: skip
"""Zero is written."""
_FORM_DEPENDS_ON_TYPE: Final = frozenset(
    {"ephemeral", "grpc", "resourceFieldRef", "volumeClaimTemplates", "persistentVolumeClaimRetentionPolicy"}
)


class _Unsure(Exception):
    """A value whose form in Go depends on the field's type, which is not known here."""


def revision_hash(lws: object, release: Release) -> str | None:
    """The hash in the label template-revision-hash of a set that is created by this release.

    None where it cannot be told: for rare zero or empty values, which Go writes or leaves out by the field's type, for
    quantities that are not in canonical form, and for claim templates. The set must be one that its schema accepts.
    A set that an older release made keeps its hash when the controller is upgraded to 0.9.0 or later.
    """
    spec = mapping(mapping(default(mapping(lws), release)).get("spec"))
    parts, network = mapping(spec.get("leaderWorkerTemplate")), mapping(spec.get("networkConfig"))
    if not isinstance(at(parts, "workerTemplate", "spec", "containers"), list):
        return None
    try:
        written = _written("leaderWorkerTemplate", parts)
        for side in ("leaderTemplate", "workerTemplate"):
            if side in written:
                written[side] = _pod_template(written[side], release)
    except (_Unsure, TypeError, ValueError, RecursionError):
        return None
    patch = {"leaderWorkerTemplate": written | {"$patch": "replace"}, "networkConfig": network | {"$patch": "replace"}}
    return _safe(str(_fnv1(_go_json({"spec": patch}))))


def _pod_template(written: Any, release: Release) -> dict[str, Any]:
    metadata = mapping(written.get("metadata"))
    if release < _NULL_CREATION_BEFORE:
        metadata = metadata | {"creationTimestamp": None}
    spec = {"containers": None} | written.get("spec", {})
    for field in ("containers", "initContainers"):
        if spec.get(field):
            spec[field] = [{"name": "", "resources": {}} | container for container in spec[field]]
    return {**written, "metadata": metadata, "spec": spec}


def _written(key: str, node: Any) -> Any:
    """The value of a field as Go writes it; raises _Unsure."""
    if key in _FORM_DEPENDS_ON_TYPE:
        raise _Unsure
    if key == "sizeLimit":
        return _quantity(node)
    if isinstance(node, dict):
        return {name: _entry(key, name, value) for name, value in node.items() if not _left_out(key, name, value)}
    if isinstance(node, list):
        return [_written("", item) for item in node]
    if node is None or isinstance(node, float) or (node in (0, "") and key not in _POINTERS):
        raise _Unsure
    return node


def _entry(parent: str, name: str, value: Any) -> Any:
    if parent in _QUANTITIES:
        return _quantity(value)
    if parent in _MAPS:
        if not isinstance(value, str):
            raise _Unsure
        return value
    return _written(name, value)


def _left_out(parent: str, name: str, value: Any) -> bool:
    if parent in _MAPS:
        return False
    if value == {}:
        if name not in _STRUCTURES | _MAPS:
            raise _Unsure
        return name in _MAPS
    if value == []:
        if name not in _LISTS:
            raise _Unsure
        return True
    return value is None or (not isinstance(value, dict | list) and value in (0, "") and name in _VALUES)


def _quantity(node: Any) -> str:
    if isinstance(node, bool) or not isinstance(node, int | str) or not _CANONICAL.fullmatch(str(node)):
        raise _Unsure
    return str(node)


def _go_json(node: Any) -> bytes:
    text = json.dumps(node, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def _fnv1(data: bytes) -> int:
    """32-bit FNV-1."""
    value = 0x811C9DC5
    for byte in data:
        value = (value * 0x01000193 & 0xFFFFFFFF) ^ byte
    return value


def _safe(text: str) -> str:
    """Kubernetes' encoding that cannot spell a word."""
    return "".join(_ALPHABET[ord(character) % len(_ALPHABET)] for character in text)
