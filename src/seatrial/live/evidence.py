"""What is gathered when something failed, before anything is taken away: bounded, and without secrets."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from seatrial.clusters.capability import MEANING, Capability
from seatrial.clusters.provider import ClusterError
from seatrial.finding import CannotTell
from seatrial.live import redaction
from seatrial.live.events import happened, order
from seatrial.live.objects import LiveObject, container_statuses
from seatrial.live.redaction import Redactor
from seatrial.live.resources import (
    BUDGETS,
    CLAIMS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    EVENTS,
    JOBS,
    LEADER_WORKER_SETS,
    MUTATING,
    NODES,
    PODS,
    QUOTAS,
    REVISIONS,
    SERVICES,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    VALIDATING,
    VOLUMES,
    Resource,
)

if TYPE_CHECKING:
    from seatrial.live.deployed import Deployed

TITLE = "Evidence gathered by seatrial"
"""How each README.txt begins; a folder without it is somebody else's."""
README = "README.txt"
MOST_BYTES = 20 << 20
"""Of one folder."""
FILE_BYTES = 4 << 20
LOG_BYTES = 256 << 10
LOG_LINES = 4000
MOST_OBJECTS = 500
"""Of one kind; those that are not ready come first."""
MOST_EVENTS = 5000
MOST_LOGGED = 40
"""Pods whose logs are read, those that are not ready first."""
LONGEST_S = 30.0
"""No new part is begun after that."""

_IN_NAMESPACES = (
    LEADER_WORKER_SETS, STATEFUL_SETS, REVISIONS, PODS, SERVICES, ENDPOINT_SLICES, CLAIMS, QUOTAS, BUDGETS,
    DEPLOYMENTS, JOBS,
)  # fmt: skip
_OF_THE_CLUSTER = (NODES, VOLUMES, STORAGE_CLASSES, MUTATING, VALIDATING)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def gather(deployed: "Deployed", folder: Path, requirement: str) -> str:
    """Write what there is into `folder`, in the place of what a former run left there.

    Returns the folder, or `not gathered: …` in one line where it cannot be written. Never raises for what a disk or a
    cluster does: the run has a failure to report.
    """
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        _check_ours(folder)
        _remove(draft)
        draft.mkdir(parents=True)
        _Gathering(deployed, draft, requirement).all()
        _remove(folder)
        draft.rename(folder)
    except OSError as error:
        with suppress(OSError):  # the first error is the one to tell
            _remove(draft)
        return f"not gathered: {folder}: {error.strerror or error}"
    return str(folder)


def discard(root: Path) -> None:
    """Remove what former runs gathered below `root`, and nothing else. Raises OSError."""
    for readme in sorted(root.glob(f"*/*/{README}")):
        if _is_ours(readme.parent):
            shutil.rmtree(readme.parent)
            for parent in (readme.parent.parent, root):
                with suppress(OSError):  # not empty: something is there that is not ours
                    parent.rmdir()


def _check_ours(folder: Path) -> None:
    if folder.exists() and not _is_ours(folder):
        raise FileExistsError(17, "something is there that seatrial has not written")


def _is_ours(folder: Path) -> bool:
    try:
        return (folder / README).read_text(encoding="utf-8", errors="replace").startswith(TITLE)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def redactor(deployed: "Deployed") -> Redactor:
    """Knows the secrets that the set's manifests hold. Secrets on the cluster are never asked for."""
    return redaction.of(document.value for document in deployed.manifests.documents)


class _Gathering:
    """Writes one folder. A part that cannot be had is named in the README, and the others are written all the same."""

    def __init__(self, deployed: "Deployed", folder: Path, requirement: str) -> None:
        self._deployed = deployed
        self._view = deployed.view
        self._folder = folder
        self._requirement = requirement
        self._redactor = deployed.once(redactor)
        self._ends = time.monotonic() + LONGEST_S
        self._left = MOST_BYTES
        self._contents: list[tuple[str, str]] = []
        self._missing: list[str] = []

    def all(self) -> None:
        """Raises OSError."""
        self._write_readme()  # first, so that an unfinished folder is known as ours
        for what, part in self._parts():
            if time.monotonic() > self._ends:
                self._missing.append(f"{what}: left out, gathering took longer than {LONGEST_S:.0f} s")
                continue
            try:
                part()
            except CannotTell as unknown:
                self._missing.append(f"{what}: {unknown.reason}")
            except ClusterError as error:
                self._missing.append(f"{what}: {error}")
                self._ends = 0.0  # nobody answers any more
        self._write_readme()

    def _parts(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Objects come first: what they hold is looked for in the logs."""
        yield "objects of the set", self._declared
        for resource in _IN_NAMESPACES:
            yield resource.plural, partial(self._kind, resource, self._deployed.namespaces)
        for resource in _OF_THE_CLUSTER:
            yield resource.plural, partial(self._kind, resource, (None,))
        yield "events", self._events
        for name, log in self._view.cluster.logs.items():
            yield f"the log of {name}", partial(self._program_log, name, log)
        yield "the log of the LWS controller", self._controller_logs
        yield "logs of pods", self._pod_logs

    # Objects.

    def _declared(self) -> None:
        """Objects of other kinds that the set declares, as they are on the cluster; of Secrets the keys alone."""
        known = {resource.kind for resource in (*_IN_NAMESPACES, *_OF_THE_CLUSTER)}
        by_kind: dict[str, list[dict[str, Any]]] = {}
        for document in self._deployed.manifests.documents:
            if document.kind == "Secret" and not document.group:
                by_kind.setdefault("secret", []).append(document.value)
            elif document.kind not in known:
                try:
                    live = self._deployed.live(document)
                except CannotTell as unknown:
                    self._missing.append(f"{document.title}: {unknown.reason}")
                    continue
                if live is not None:
                    by_kind.setdefault(document.kind.lower(), []).append(live.raw)
        for kind, found in by_kind.items():
            what = "as they are in the manifests" if kind == "secret" else "as they are on the cluster"
            self._write_objects(f"declared-{kind}.yaml", f"what else the set declares, {what}", found)

    def _kind(self, resource: Resource, namespaces: tuple[str | None, ...]) -> None:
        found = [one for namespace in namespaces for one in self._view.all(resource, namespace)]
        found.sort(key=lambda one: (one.holds("Ready"), one.namespace, one.name))
        if len(found) > MOST_OBJECTS:
            self._missing.append(f"{resource.plural}: {MOST_OBJECTS} of {len(found)} are here, ready ones left out")
        what = resource.kind + (" objects of the set's namespaces" if resource.namespaced else " objects")
        self._write_objects(f"{resource.plural}.yaml", what, [one.raw for one in found[:MOST_OBJECTS]])

    def _write_objects(self, file: str, what: str, objects: list[dict[str, Any]]) -> None:
        if not objects:
            return
        pieces: list[str] = []
        room = min(FILE_BYTES, self._left)
        for raw in objects:
            text = yaml.dump(self._redactor.object(raw), Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
            room -= len(text) + 4
            if room < 0 or time.monotonic() > self._ends:
                self._missing.append(
                    f"{file}: {len(pieces)} of {len(objects)} objects are here, there is no room for more"
                )
                break
            pieces.append(text)
        self._write(file, what, "---\n".join(pieces))

    def _events(self) -> None:
        found = [event for namespace in self._deployed.namespaces for event in self._view.events(namespace)]
        if "default" not in self._deployed.namespaces:
            try:
                found += self._view.events("default", "Node")
            except CannotTell as unknown:
                self._missing.append(f"events of nodes: {unknown.reason}")
        found.sort(key=order)
        if len(found) > MOST_EVENTS:
            self._missing.append(f"{EVENTS.plural}: the last {MOST_EVENTS} of {len(found)} are here")
        text = "".join(f"{self._redactor.text(_line(event))}\n" for event in found[-MOST_EVENTS:])
        self._write("events.txt", "events in order: time, type, object, reason, how often, message", text)

    # Logs.

    def _program_log(self, name: str, log: Path) -> None:
        """Read with some more in front of it: a secret that is cut in two is no longer known as one."""
        try:
            with log.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - 2 * LOG_BYTES))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            self._missing.append(f"the log of {name}: it has written none")
            return
        self._write_log(f"logs/{name}.log", f"the log of {name}", text, size)

    def _controller_logs(self) -> None:
        if not self._deployed.has(Capability.LOGS):
            if not self._view.cluster.logs:
                raise CannotTell(MEANING[Capability.LOGS][0])
            return
        for pod in self._deployed.installation.pods:
            self._logs_of(pod, "logs/lws-controller")

    def _pod_logs(self) -> None:
        if not self._deployed.has(Capability.LOGS):
            raise CannotTell(MEANING[Capability.LOGS][0])
        pods = sorted(self._deployed.pods(), key=lambda pod: (pod.holds("Ready"), pod.namespace, pod.name))
        for number, pod in enumerate(pods):
            if number == MOST_LOGGED or time.monotonic() > self._ends:
                self._missing.append(f"logs of pods: those of {number} of {len(pods)} pods are here")
                break
            self._logs_of(pod, "logs/pods")

    def _logs_of(self, pod: LiveObject, folder: str) -> None:
        """The present and the former log of each container, where there are any."""
        restarted = {status.get("name") for status in container_statuses(pod) if status.get("restartCount")}
        for container in [*pod.each("spec", "initContainers"), *pod.each("spec", "containers")]:
            name = str(container.get("name", ""))
            for previous in (False, True) if name in restarted else (False,):
                try:
                    text = self._view.log(pod, name, previous=previous, last=LOG_LINES)
                except CannotTell as unknown:
                    self._missing.append(f"the log of {pod.title}, {name}: {unknown.reason}")
                    continue
                suffix = ".previous" if previous else ""
                file = f"{folder}/{pod.namespace}_{pod.name}_{name}{suffix}.log"
                self._write_log(file, f"{'former log' if previous else 'log'} of {pod.title}, {name}", text, len(text))

    def _write_log(self, file: str, what: str, text: str, size: int) -> None:
        redacted = self._redactor.text(text)
        kept = "".join(redaction.lines(redacted, LOG_BYTES))
        if size > LOG_BYTES:
            self._missing.append(f"{file}: its last {LOG_BYTES >> 10} KiB or less are here")
        self._write(file, what, kept)

    # Files.

    def _write(self, file: str, what: str, text: str) -> None:
        if not text:
            return
        data = text.encode("utf-8", "backslashreplace")
        if len(data) > self._left:
            self._missing.append(f"{file}: left out, the folder would become larger than {MOST_BYTES >> 20} MiB")
            return
        self._left -= len(data)
        path = self._folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._contents.append((file, what))

    def _write_readme(self) -> None:
        cluster = self._view.cluster
        rows = [
            ("Set", self._deployed.name),
            ("Namespaces", ", ".join(self._deployed.namespaces)),
            ("Failed first", self._requirement),
            ("Cluster", f"{cluster.name} (provider {cluster.provider})"),
            ("Gathered", datetime.now(UTC).isoformat(timespec="seconds")),
        ]
        wide = max((len(file) for file, _ in self._contents), default=0)
        text = [
            f"{TITLE}\n",
            *(f"{label + ':':<14}{value}" for label, value in rows),
            "\nWhat looks like a password, token, key or certificate is taken out; of Secrets the names of their keys "
            "are left.\nLook through it all the same before you hand it on.\n",
            *(f"{file:<{wide}}  {what}" for file, what in self._contents),
        ]
        if self._missing:
            text += ["\nNot here, or not all of it:", *(f"- {line}" for line in self._missing)]
        readable = self._redactor.text("\n".join(text) + "\n")
        (self._folder / README).write_text(readable, encoding="utf-8", errors="backslashreplace")


def _line(event: LiveObject) -> str:
    seen = happened(event)
    when = seen.isoformat().replace("+00:00", "Z") if seen is not None else "-"
    about = event.at("involvedObject") or {}
    count = event.at("series", "count") or event.at("count") or 1
    message = " ".join(str(event.at("message") or "").split())
    where = f"{about.get('namespace')}/" if about.get("namespace") else ""
    return (
        f"{when}  {event.at('type') or '-'}  {where}{about.get('kind')}/{about.get('name')}  "
        f"{event.at('reason') or '-'}  x{count}  {message}"
    )
