"""CRDs and webhook configurations of LWS, out of the folder of its Go module.

They are what `kubectl kustomize config/default` makes of them, without the conversion webhook of the CRD, which is
never called, and without the labels. The webhooks' clientConfig still names the Service in the cluster.
Source: config/crd, config/webhook and config/default of kubernetes-sigs/lws, 0.6.2 to 0.9.0.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from seatrial.clusters.assets.errors import AssetError

_PREFIX = "lws-"
_NAMESPACE = "lws-system"


def copy(module: Path, into: Path) -> None:
    """Write `crds/*.yaml` and `webhooks.yaml`. Raises AssetError when the module is not built as expected."""
    crds = sorted((module / "config" / "crd" / "bases").glob("*.yaml"))
    if not crds:
        raise AssetError(f"{module}: no CRD in config/crd/bases; this release of LWS is not known")
    (into / "crds").mkdir()
    for crd in crds:
        # The content only: files of Go's module cache are read-only.
        shutil.copyfile(crd, into / "crds" / crd.name)
    configurations = list(_webhooks(module / "config" / "webhook"))
    (into / "webhooks.yaml").write_text(yaml.safe_dump_all(configurations, sort_keys=False))


def _webhooks(folder: Path) -> Iterator[dict[str, Any]]:
    patches = yaml.safe_load((folder / "kustomization.yaml").read_text())["patches"]
    for document in yaml.safe_load_all((folder / "manifests.yaml").read_text()):
        for patch in patches:
            if patch["target"]["kind"] == document["kind"]:
                for operation in yaml.safe_load((folder / patch["path"]).read_text()):
                    _replace(document, operation, folder / patch["path"])
        document["metadata"]["name"] = _PREFIX + document["metadata"]["name"]
        for webhook in document["webhooks"]:
            service = webhook["clientConfig"]["service"]
            service.update(name=_PREFIX + service["name"], namespace=_NAMESPACE)
        yield document


def _replace(document: dict[str, Any], operation: dict[str, Any], source: Path) -> None:
    """Apply one operation of a JSON patch, RFC 6902; LWS uses `replace` only."""
    if operation["op"] != "replace":
        raise AssetError(f"{source}: JSON patch {operation['op']!r} is not known; this release of LWS is not known")
    *parents, last = operation["path"].split("/")[1:]
    place: Any = document
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = operation["value"]
