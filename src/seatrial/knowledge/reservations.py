"""What TKE keeps of a node's CPU and memory for the system, so that pods cannot have it.

Sources: Tencent Cloud documents 457/48777 (before Kubernetes 1.30) and 457/65834 (1.30 and newer, CPU only), 457/76057
(allocatable = capacity - reserved - 100 MiB). The reservation of memory from 1.30 on is not documented; the older rule
is taken for it.
"""

from fractions import Fraction
from itertools import pairwise

CPU_RULE_SINCE = (1, 30)
EVICTION_MIB = 100
"""The kubelet's hard eviction threshold, which allocatable memory leaves out too."""
DISK_SHARE = Fraction(9, 10)
"""The part of a node's disk that is allocatable, in dumps of TKE nodes."""

Bands = tuple[tuple[int, Fraction], ...]
"""Share of each band that is reserved, by the band's lower end. The last one has no upper end."""

_CPU_BEFORE: Bands = ((0, Fraction(25, 1000)), (64, Fraction(125, 10000)), (128, Fraction(5, 1000)))
_CPU: Bands = ((0, Fraction(6, 100)), (1, Fraction(1, 100)), (2, Fraction(5, 1000)), (4, Fraction(25, 10000)))
_MEMORY: Bands = (
    (0, Fraction(25, 100)),
    (4, Fraction(20, 100)),
    (8, Fraction(10, 100)),
    (16, Fraction(6, 100)),
    (128, Fraction(2, 100)),
)


def cpu(vcpu: int, kubernetes: tuple[int, int]) -> Fraction:
    """Reserved cores of a node with `vcpu` cores at a Kubernetes (major, minor)."""
    return _reserved(vcpu, _CPU if kubernetes >= CPU_RULE_SINCE else _CPU_BEFORE)


def memory_gib(nominal_gib: int) -> Fraction:
    """Reserved memory in GiB of a node with so much nominal memory."""
    return _reserved(nominal_gib, _MEMORY)


def _reserved(amount: int, bands: Bands) -> Fraction:
    ends = [start for start, _ in bands] + [max(amount, bands[-1][0])]
    parts = zip(pairwise(ends), bands, strict=True)
    return sum((share * max(0, min(amount, end) - start) for (start, end), (_, share) in parts), Fraction())
