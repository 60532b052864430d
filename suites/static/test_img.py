"""IMG: images."""

from seatrial.finding import CannotTell, Finding
from seatrial.knowledge.images import reference
from seatrial.manifest_set import ManifestSet
from seatrial.manifests import names
from seatrial.requirement import Outcomes, requirement
from seatrial.workload.images import images, mirror, unreachable
from seatrial.workload.serving import Role


@requirement(
    "IMG-01",
    why="All rules about flags, probes and health depend on the version; `latest` moved across breaking changes.",
    fix="Write the tag of a release, or a digest.",
    source="sglang#23603",
)
def test_images_are_pinned(deployment: ManifestSet) -> Outcomes:
    """Images MUST be pinned to a version."""
    for image in images(deployment):
        if wrong := names.image_reference(image.written):
            yield Finding(image.node, f"image {image.written} {wrong}", "an image that can be pulled")
        elif not image.reference.is_pinned:
            expected = f"a release of {image.reference.name}, as tag or digest"
            yield Finding(image.node, f"image {image.written}", expected)


@requirement(
    "IMG-02",
    why="The pull fails with ErrImagePull.",
    fix="Use a mirror or a registry of your own; if the nodes do reach it, state registry.allow.",
    source="imroc/tke-guide: image registries",
)
def test_images_can_be_pulled(deployment: ManifestSet) -> Outcomes:
    """Images SHOULD come from a registry that the target's nodes can reach."""
    for image in images(deployment):
        try:
            reason = unreachable(deployment, image.reference)
        except CannotTell as unknown:
            yield unknown
            continue
        if reason is not None:
            yield Finding(image.node, f"image {image.written}: {reason}", mirror(image.reference))


@requirement(
    "IMG-03",
    why="A tag that is pushed again gives the nodes of one group different builds.",
    fix="Append @sha256:... to the image; the registry or `docker buildx imagetools inspect` shows the digest.",
)
def test_serving_images_have_a_digest(role: Role) -> Outcomes:
    """Serving images SHOULD be pinned by digest."""
    if reference(role.image).digest is None:
        yield Finding(
            role.container["image"], f"image {role.image or '(none)'} in the {role.name}", "name:tag@sha256:..."
        )
