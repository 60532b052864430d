"""Commands that run a script out of a ConfigMap of the set."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.manifest_set import ManifestSet
from seatrial.manifests.document import Node
from seatrial.manifests.workloads import PodTemplate
from seatrial.storage import mounts

_SHELL = re.compile(r"(?:.*/)?(?:ba|da|a|z|k)?sh\Z")
_SHEBANG = re.compile(r"#!\s*(?:/usr/bin/env\s+)?(?P<program>\S+)")
_INLINE = ("command", "script")


@dataclass(frozen=True, slots=True)
class Command:
    """A container's command, with the text of the script that it runs in place of the script's file.

    `mapping` is the raw container to resolve; `at` finds the node behind a path of one of its words.
    """

    container: Node
    mapping: Mapping[str, Any]
    script: Node | None = None
    origins: tuple[tuple[str | int, ...], ...] = ()

    def at(self, path: tuple[str | int, ...]) -> Node:
        """The node of a word: below the container, or the script in its ConfigMap."""
        if self.script is None or len(path) != 2 or path[0] != "command" or not isinstance(path[1], int):
            return self.container.at(*path)
        origin = self.origins[path[1]] if path[1] < len(self.origins) else ()
        return self.script if origin == _INLINE else self.container.at(*origin)


def command(manifests: ManifestSet, template: PodTemplate, container: Node) -> Command:
    """The command of a container. A script of the set is read in place: `bash FILE` becomes `bash -c TEXT FILE`."""
    words: list[tuple[tuple[str | int, ...], str]] = [
        ((field, index), node.text or "")
        for field in ("command", "args")
        for index, node in enumerate(container[field])
    ]
    file = next((at for at, (_, text) in enumerate(words) if not _is_option(at, text)), None)
    script = _script(manifests, template, container, words[file][1]) if file is not None else None
    if file is None or script is None or container["command"].raw in (None, []):
        return Command(container, container.mapping)
    shell = words[:file] or [(words[file][0], _interpreter(script.text or ""))]
    if not _SHELL.match(shell[0][1]):
        return Command(container, container.mapping)
    text = (script.text or "").replace("$", "$$")  # the kubelet expands references in the command, not in files
    inline = [*shell, (words[file][0], "-c"), (_INLINE, text), *words[file:]]
    mapping = {**container.mapping, "command": [text for _, text in inline], "args": []}
    return Command(container, mapping, script, tuple(path for path, _ in inline))


def _is_option(at: int, text: str) -> bool:
    """Whether a word stands before the script: the shell itself, or one of its options."""
    return bool(_SHELL.match(text)) if at == 0 else text.startswith("-") and text != "-c"


def _interpreter(script: str) -> str:
    found = _SHEBANG.match(script)
    return found["program"] if found else ""


def _script(manifests: ManifestSet, template: PodTemplate, container: Node, path: str) -> Node | None:
    """The ConfigMap's entry that is mounted as the file `path`."""
    found = mounts.mount_of(container, path) if path.startswith("/") else None
    volume = template.volumes.get(found[0]["name"].text or "") if found else None
    if found is None or volume is None:
        return None
    mount, below = found
    file = posixpath.join(mount["subPath"].text or "", below).strip("/")
    source = volume["configMap"]
    items = {item["path"].text: item["key"].text for item in source["items"]}
    key = items.get(file) if items else file
    document = manifests.find("ConfigMap", source["name"].text or "", manifests.namespace(template.document))
    node = document.at("data", key) if document and key else None
    return node if node and node.text else None
