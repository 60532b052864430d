"""Regions and zones as labels of nodes write them."""

from dataclasses import dataclass

from seatrial.knowledge import regions
from seatrial.target import Target


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone: `name` as the console writes it (`ap-guangzhou-6`), `number` and `region` as labels do (100006, gz)."""

    name: str
    number: str
    region: str

    @property
    def words(self) -> dict[str, str]:
        """What templates of nodes call its parts."""
        return {"zone_name": self.name, "zone": self.number, "region": self.region}


ANYWHERE = Zone("zone-1", "zone-1", "region-1")
"""The zone of a cluster of which nothing is known: made up, but the same for all of its nodes."""


def zone(name: str) -> Zone:
    """The zone of that readable name. Its number, where no node's label has been seen, follows the seen ones' pattern.

    A name that is of no known region stands for all three.
    """
    region = regions.region_of_zone(name)
    if region is None:
        return Zone(name, name, name.rpartition("-")[0] or name)
    number = int(name.rpartition("-")[2])
    # 100002 and 100006 are zones 2 and 6 of Guangzhou: the region's own digits, then two of the zone.
    numeric = str(region.zones[0] // 100 * 100 + number) if region.zones else name
    return Zone(name, numeric, region.code or region.name)


def of_target(target: Target) -> tuple[tuple[Zone, ...], str | None]:
    """The zones of the pool's subnets, each once, and what was assumed when the target does not state them."""
    stated = target.get("pool.subnets[].zone")
    if stated:
        return tuple(map(zone, dict.fromkeys(stated))), None
    name = target.get("cfs.zone") or target.get("cfs.subnet_zone") or _sells(target) or _first(target)
    if name is None:
        return (ANYWHERE,), f"pool.subnets is not stated: all nodes in one zone, {ANYWHERE.name}"
    return (zone(name),), f"pool.subnets is not stated: all nodes in {name}"


def _sells(target: Target) -> str | None:
    """A zone that the target says sells the pool's instance type, else any it knows of."""
    stock = {name.removeprefix("stock."): types for name, types in target.below("stock.").items()}
    wanted = target.get("pool.instance_type")
    return next((name for name, types in stock.items() if wanted in types), next(iter(stock), None))


def _first(target: Target) -> str | None:
    region = regions.region(target.get("cluster.region") or target.get("cfs.region") or "")
    if region is None:
        return None
    return f"{region.name}-{region.zones[0] % 100 if region.zones else 1}"
