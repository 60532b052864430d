"""Faults: small changes of a healthy cluster, written down as objects, that break one requirement each.

A fault changes what is there (`patch`), what was declared (`edit`), what the API server answered (`answer`), what was
seen on the way (`seen`), what containers wrote (`log`), or what may be looked at. See fixtures/faults/README.md.
"""

import copy
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from seatrial import defects, shipped
from seatrial.clusters.capability import Capability
from seatrial.defects import Edit
from seatrial.live.resources import KNOWN, Resource

Objects = dict[Resource, list[dict[str, Any]]]
Steps = tuple[str, ...]
Table = Mapping[str, Any]


_STEP = re.compile(r"""\.?(?:([^.\[\]'/]+)|'([^']+)'|\[([^\]]+)\])""")


class BadFault(Exception):
    """A fault that does not say what it means. The message names it and the rule it breaks."""


@dataclass(frozen=True, slots=True)
class Change:
    """Fields of one object that get another value, or go away.

    See `path` for how a place is written.
    """

    set: tuple[tuple[Steps, Any], ...] = ()
    remove: tuple[Steps, ...] = ()

    def of(self, object: Mapping[str, Any]) -> dict[str, Any]:
        """A changed copy. Raises BadFault where there is nothing to remove or no place for a value."""
        changed: dict[str, Any] = copy.deepcopy(dict(object))
        for steps, value in self.set:
            holder = _parent(changed, steps, make=True)
            key = _key(holder, steps[-1], make=True)
            if key is None:
                raise BadFault(f"no place for a value at {'.'.join(steps)}")
            holder[key] = copy.deepcopy(value)
        for steps in self.remove:
            holder = _parent(changed, steps, make=False)
            key = _key(holder, steps[-1], make=False)
            if key is None:
                raise BadFault(f"nothing to remove at {'.'.join(steps)}")
            del holder[key]
        return changed


def _parent(object: Any, steps: Steps, *, make: bool) -> Any:
    """What holds the last step; with `make` what is missing on the way is made."""
    for step in steps[:-1]:
        key = _key(object, step, make=make)
        if key is None:
            raise BadFault(f"nothing at {'.'.join(steps)}")
        if object[key] is None:
            object[key] = {}
        object = object[key]
    return object


def _key(holder: Any, step: str, *, make: bool) -> Any:
    """The key or index of a step, None where it leads nowhere. With `make` an absent one gets the value None."""
    if isinstance(holder, dict):
        if make:
            holder.setdefault(step, None)
        return step if step in holder else None
    if not isinstance(holder, list):
        return None
    field, picks, value = step.partition("=")
    if picks:
        found = next((index for index, item in enumerate(holder) if _at(item, field) == value), None)
        made: Any = {field: value}
    else:
        found = int(step) if step.isdigit() and int(step) < len(holder) else None
        made = None
    if found is None and make and (picks or step == str(len(holder))):
        holder.append(made)
        return len(holder) - 1
    return found


def _at(item: Any, field: str) -> Any:
    for step in field.split("."):
        item = item.get(step) if isinstance(item, dict) else None
    return item


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of every object of a kind whose name matches a pattern, or its removal; or new objects, in YAML.

    With `add` kind, name and namespace are those of the new objects, where they are given.
    """

    kind: str = ""
    name: str = ""
    namespace: str = ""
    change: Change = Change()
    delete: bool = False
    add: str = ""

    def apply(self, objects: Objects) -> Objects:
        """The objects with the change. Raises BadFault when it meets none."""
        if self.add:
            return self._added(objects)
        patched = dict(objects)
        resource = resource_of(self.kind)
        found = patched.get(resource, [])
        if not any(map(self.meets, found)):
            raise BadFault(f"no {self.kind} `{self.name}` is there")
        patched[resource] = [
            self.change.of(one) if self.meets(one) else one for one in found if not (self.delete and self.meets(one))
        ]
        return patched

    def _added(self, objects: Objects) -> Objects:
        patched = dict(objects)
        for object in yaml.safe_load_all(self.add):
            if self.kind not in ("", object["kind"]) or (self.name and not self.meets(object)):
                raise BadFault(f"the object to add is {object['kind']} `{object['metadata']['name']}`")
            resource = resource_of(object["kind"], object["apiVersion"])
            patched[resource] = [*patched.get(resource, ()), object]
        return patched

    def meets(self, object: Mapping[str, Any]) -> bool:
        metadata = object["metadata"]
        return fnmatchcase(metadata["name"], self.name) and self.namespace in ("", metadata.get("namespace"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said to an object of the set (`Kind/name`), or to one of the run's own probes.

    It refuses with a message, or accepts, and stores the object with a change.
    """

    object: str = ""
    probe: str = ""
    refused: str = ""
    status: int = 422
    reason: str = "Invalid"
    change: Change = Change()


@dataclass(frozen=True, slots=True)
class Seen:
    """A change that the run saw, at a time in seconds after it began to look. The objects stay what they are."""

    at: float
    patch: Patch


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a requirement on a cluster. `also` names others that the same fault breaks by necessity."""

    requirement: str
    name: str
    set: str = "two-groups"
    verdict: str = "broken"
    also: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()
    edits: tuple[Edit, ...] = ()
    answers: tuple[Answer, ...] = ()
    seen: tuple[Seen, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    """By namespace/pod/container, with /previous for the container before."""
    capabilities: frozenset[Capability] = frozenset()
    """What the cluster can show besides what kwok shows."""
    unserved: tuple[str, ...] = ()
    """Kinds that the API server does not know."""
    hidden: tuple[str, ...] = ()
    """Kinds that may not be read."""
    git_version: str = ""
    lws: str = ""
    """The release of the controller, where it is not the one that runs."""

    @property
    def title(self) -> str:
        return f"{self.requirement}/{self.name}"

    def objects(self, healthy: Objects) -> Objects:
        """The objects of the broken cluster. Raises BadFault where it does not fit."""
        try:
            for patch in self.patches:
                healthy = patch.apply(healthy)
        except BadFault as problem:
            raise BadFault(f"{self.title}: {problem}") from None
        gone = {resource_of(kind) for kind in self.unserved}
        return {resource: found for resource, found in healthy.items() if resource not in gone}

    def files(self, healthy: Mapping[str, str]) -> dict[str, str]:
        """The texts of what was declared. Raises BadFault where an edit does not fit."""
        return _edited(self.title, self.edits, healthy)


def _edited(title: str, edits: Iterable[Edit], files: Mapping[str, str]) -> dict[str, str]:
    edited = dict(files)
    for edit in edits:
        try:
            edited[edit.file] = edit.apply(edited.get(edit.file, ""))
        except ValueError as problem:
            raise BadFault(f"{title}: {problem}") from None
    return edited


def files(set: str) -> dict[str, str]:
    """The texts of a set of manifests/, or of one that fixtures/sets/ makes of it. Raises BadFault."""
    recipe = shipped.fixtures() / "sets" / f"{set}.toml"
    if not recipe.exists():
        return defects.files(set)
    table = tomllib.loads(recipe.read_text(encoding="utf-8"))
    return _edited(set, _edits(table.get("edit", ())), defects.files(table["base"]))


# Reading them.


def load(folder: Path | None = None) -> list[Fault]:
    """Every fault of fixtures/faults, in the order of files. Raises BadFault."""
    folder = folder or shipped.fixtures() / "faults"
    return [
        _fault(path, number, table)
        for path in sorted(folder.glob("*.toml"))
        for number, table in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get("fault", []), 1)
    ]


def _fault(path: Path, number: int, table: dict[str, Any]) -> Fault:
    label = f"{path.name}, fault {number}"
    try:
        fault = Fault(
            also=tuple(table.pop("also", ())),
            unserved=tuple(table.pop("unserved", ())),
            hidden=tuple(table.pop("hidden", ())),
            patches=tuple(map(_patch, table.pop("patch", ()))),
            edits=_edits(table.pop("edit", ())),
            answers=tuple(map(_answer, table.pop("answer", ()))),
            seen=tuple(_seen(one) for one in table.pop("seen", ())),
            logs=table.pop("log", {}),
            capabilities=frozenset(map(Capability, table.pop("capabilities", ()))),
            **table,
        )
    except (TypeError, ValueError, KeyError, BadFault) as problem:
        raise BadFault(f"{label}: {problem}") from None
    if fault.requirement.partition("-")[0] != path.stem:
        raise BadFault(f"{label}: {fault.requirement} belongs in {fault.requirement.partition('-')[0]}.toml")
    if fault == replace(Fault(fault.requirement, fault.name), set=fault.set, verdict=fault.verdict, also=fault.also):
        raise BadFault(f"{label}: changes nothing")
    return fault


def _edits(tables: Iterable[Table]) -> tuple[Edit, ...]:
    return tuple(Edit(**({"old": ""} | dict(table))) for table in tables)


def _change(table: Table) -> Change:
    set, remove = table.get("set", {}), table.get("remove", ())
    return Change(tuple((path(key), value) for key, value in set.items()), tuple(map(path, remove)))


def _patch(table: Table) -> Patch:
    patch = Patch(change=_change(table), **_without(table, "set", "remove"))
    kinds = (bool(patch.add), patch.delete, patch.change != Change())
    if sum(kinds) != 1 or not (patch.add or (patch.kind and patch.name)):
        raise BadFault("a patch is an `add`, or it names kind and name, and `set` and `remove`, or `delete`")
    return patch


def _answer(table: Table) -> Answer:
    answer = Answer(change=_change(table), **_without(table, "set", "remove"))
    if bool(answer.object) == bool(answer.probe):
        raise BadFault("an answer is one to an `object` or one to a `probe`")
    return answer


def _seen(table: Table) -> Seen:
    return Seen(float(table["at"]), _patch(_without(table, "at")))


def _without(table: Table, *keys: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


def path(text: str) -> Steps:
    """The steps of a path: `metadata.labels.'a/b'`, `spec.containers[0].image`, `status.conditions[type=Ready]`.

    Raises BadFault.
    """
    steps = [bare or quoted or item for bare, quoted, item in _STEP.findall(text)]
    if not steps or _STEP.sub("", text):
        raise BadFault(f"`{text}` is no path; quote what has dots or slashes: metadata.labels.'a/b'")
    return tuple(steps)


def resource_of(kind: str, api_version: str = "") -> Resource:
    """The resource of a kind that checks know. Raises BadFault."""
    for resource in KNOWN:
        if resource.kind == kind and api_version in ("", resource.api_version):
            return resource
    raise BadFault(f"kind {kind} of {api_version or 'any version'} is read by no check")
