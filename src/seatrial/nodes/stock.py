"""Where the pool's instance type is on sale, as far as the target states it."""

from seatrial.knowledge import regions
from seatrial.manifest_set import ManifestSet

_PREFIX = "stock."


def sold_in(manifests: ManifestSet, region: str) -> bool:
    """Whether the target states that a zone of the region sells the pool's instance type."""
    name = manifests.target.get("pool.instance_type")
    known = regions.region(region)
    return name is not None and any(
        sells(types, name)
        for zone, types in zones(manifests).items()
        if _lies_in(zone, known.name if known else region)
    )


def _lies_in(zone: str, region: str) -> bool:
    return zone.rpartition("-")[0] == region


def zones(manifests: ManifestSet) -> dict[str, tuple[str, ...]]:
    """The instance types on sale, by zone."""
    return {name.removeprefix(_PREFIX): types for name, types in manifests.target.below(_PREFIX).items()}


def sells(types: tuple[str, ...], name: str) -> bool:
    """Whether a list of types holds this one, in whatever case."""
    return name.casefold() in (known.casefold() for known in types)
