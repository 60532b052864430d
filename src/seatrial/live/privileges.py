"""What a pod may do beyond a plain container, as words that can be compared."""

from collections.abc import Iterator, Mapping
from typing import Any


def privileges(spec: Mapping[str, Any]) -> set[str]:
    """The privileges of a pod spec: namespaces of the host, paths of the node, and those of each container."""
    return set(_of_pod(spec)) | {
        f"container {container.get('name')}: {what}"
        for field in ("initContainers", "containers")
        for container in _mappings(spec.get(field))
        for what in _of_container(container)
    }


def _of_pod(spec: Mapping[str, Any]) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field) is True:
            yield field
    for volume in _mappings(spec.get("volumes")):
        host_path = volume.get("hostPath")
        if isinstance(host_path, dict):
            yield f"hostPath {host_path.get('path')}"


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    context = container.get("securityContext")
    if not isinstance(context, dict):
        return
    if context.get("privileged") is True:
        yield "privileged"
    capabilities = context.get("capabilities")
    added = capabilities.get("add") if isinstance(capabilities, dict) else None
    for name in added if isinstance(added, list) else ():
        yield f"capability {str(name).removeprefix('CAP_')}"


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
