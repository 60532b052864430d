"""Facts of the target that the manifests, or other facts, say as well: what each of them says."""

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.finding import Blocked
from seatrial.knowledge import gpus, images, instances, models, sglang, super_nodes
from seatrial.knowledge.images import reference
from seatrial.knowledge.versions import parse
from seatrial.manifest_set import ManifestSet
from seatrial.nodes.hardware import COUNT, PRODUCT
from seatrial.nodes.scheduling import INSTANCE_TYPE, INSTANCE_TYPE_KEYS, allowed_values
from seatrial.nodes.super_pods import annotation, asks_for_gpus, elsewhere, selects
from seatrial.storage.download import ModelDownload
from seatrial.storage.model import download_of
from seatrial.target import Target
from seatrial.workload.lws_installation import is_controller
from seatrial.workload.serving import Group, Role, groups


@dataclass(frozen=True, slots=True)
class Statement:
    """A fact, what something else says about it, and whether the two can be true together."""

    fact: str
    said: str
    by: str
    agrees: bool


def statements(manifests: ManifestSet) -> Iterator[Statement]:
    """Everything that can be compared with a fact of the target."""
    for group in groups(manifests):
        for role in group.roles:
            yield from _of_image(role)
        yield from _of_model(group)
    yield from _of_pool(manifests)
    yield from _of_placement(manifests)
    yield from _of_lws(manifests)


def _of_image(role: Role) -> Iterator[Statement]:
    target, tag = role.manifests.target, reference(role.image).tag or ""
    by = f"the image of {role.title}"
    version, cuda = sglang.version_of_tag(tag), images.cuda_of_tag(tag)
    stated = target.get("engine.version")
    if stated and version:
        yield Statement("engine.version", version, by, parse(stated) == parse(version))
    stated = target.get("engine.cuda")
    if stated and cuda:
        yield Statement("engine.cuda", cuda, by, _same_release(stated, cuda))


def _same_release(one: str, other: str) -> bool:
    """Whether two versions agree in as many numbers as the shorter one has: `12` and `12.9`."""
    pairs = zip(one.removeprefix("v").split("."), other.removeprefix("v").split("."), strict=False)
    return all(mine == its for mine, its in pairs)


def _of_model(group: Group) -> Iterator[Statement]:
    target = group.manifests.target
    download = _download(group)
    word = download.download.repository if download else None
    fetched = word.text if word is not None and word.known else None
    repository = target.get("model.repository")
    if repository and fetched and download:
        yield Statement("model.repository", fetched, download.title, repository.casefold() == fetched.casefold())
    form = target.get("model.checkpoint")
    for name, by in ((repository, "model.repository"), (fetched, download.title if download else "")):
        known = models.repository(name) if name else None
        if form and known:
            yield Statement("model.checkpoint", known.checkpoint, f"{known.name} ({by})", form == known.checkpoint)


def _download(group: Group) -> ModelDownload | None:
    try:
        return download_of(group.leader)
    except Blocked:
        return None


def _of_pool(manifests: ManifestSet) -> Iterator[Statement]:
    """What the facts about the pool say about each other."""
    target = manifests.target
    labels = target.get("pool.labels") or {}
    kind = target.get("pool.instance_type")
    for key in INSTANCE_TYPE_KEYS:
        if kind and key in labels:
            yield Statement("pool.instance_type", labels[key], f"label {key} of pool.labels", _same(kind, labels[key]))
    yield from _gpu(target, _known_gpu(labels.get(PRODUCT)), f"label {PRODUCT} of pool.labels")
    yield from _count(target, labels.get(COUNT), f"label {COUNT} of pool.labels")
    for name, by in ((kind, "pool.instance_type"), (labels.get(INSTANCE_TYPE), "pool.labels")):
        if name:
            yield from _of_instance_type(target, name, f"instance type {name} ({by})")


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _known_gpu(name: str | None) -> str | None:
    known = gpus.gpu(name) if name else None
    return known.name if known else None


def _of_instance_type(target: Target, name: str, by: str) -> Iterator[Statement]:
    yield from _gpu(target, _known_gpu(instances.gpu_name(name)), by)
    count = instances.gpus_per_node(name)
    yield from _count(target, None if count is None else str(count), by)


def _gpu(target: Target, said: str | None, by: str) -> Iterator[Statement]:
    stated = _known_gpu(target.get("pool.gpu_model"))
    if stated and said:
        yield Statement("pool.gpu_model", said, by, stated == said)


def _count(target: Target, said: str | None, by: str) -> Iterator[Statement]:
    stated = target.get("pool.gpus_per_node")
    if stated is not None and said is not None:
        yield Statement("pool.gpus_per_node", said, by, said == str(stated))


def _of_placement(manifests: ManifestSet) -> Iterator[Statement]:
    """What the pods that ask for GPUs say about the nodes they want."""
    target = manifests.target
    stated, kind = target.get("pool.instance_type"), target.get("pool.type")
    for template in manifests.pod_templates:
        if not any(map(asks_for_gpus, template.all_containers)):
            continue
        by = f"the selector of {template.title}"
        if kind and (selects(template) or elsewhere(template)):
            wanted = "super" if selects(template) else "native or regular"
            yield Statement("pool.type", wanted, by, kind in wanted)
        types = [value for value, _ in allowed_values(template, *INSTANCE_TYPE_KEYS)]
        if stated and types:
            agrees = any(_same(stated, name) for name in types)
            yield Statement("pool.instance_type", " or ".join(types), by, agrees)
        if len(types) == 1:
            yield from _of_instance_type(target, types[0], f"instance type {types[0]}, {by}")
        products = [value for value, _ in allowed_values(template, PRODUCT)]
        if len(products) == 1:
            yield from _gpu(target, _known_gpu(products[0]), f"label {PRODUCT}, {by}")
        offered = gpus.of_super_node(annotation(template, super_nodes.GPU_TYPE).text or "")
        if len(offered) == 1 and offered[0] is not None:
            yield from _gpu(target, offered[0].name, f"annotation gpu-type of {template.title}")


def _of_lws(manifests: ManifestSet) -> Iterator[Statement]:
    """What images of the controller say about its release: the one that is stated, and those of the set."""
    stated = manifests.target.get("lws.version")
    if not stated:
        return
    image = manifests.target.get("lws.image")
    named = [(reference(image), "lws.image")] if image else []
    for template in manifests.pod_templates:
        for container in template.containers:
            found = reference(container["image"].text or "")
            if is_controller(found):
                named.append((found, f"the image of {template.title}"))
    for found, by in named:
        release = parse(found.tag or "")
        if release:
            yield Statement("lws.version", found.tag or "", by, parse(stated) == release)
