"""Counters, gauges and histograms with labels, as the multi-process mode of prometheus_client writes them.

A series appears with its first observation, and none says when it was created (sglang-server facts 5).
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

Labels = Mapping[str, str]
_Key = tuple[tuple[str, str], ...]


def _written(name: str, key: _Key, value: float) -> str:
    labels = ",".join(f'{label}="{_escaped(text)}"' for label, text in key)
    return f"{name}{{{labels}}} {value!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Value:
    """A counter or a gauge."""

    def __init__(self, kind: str, name: str, help: str) -> None:
        self.name = name
        self._kind, self._help = kind, help
        self._series: dict[_Key, float] = {}

    def add(self, labels: Labels, amount: float = 1.0) -> None:
        key = tuple(labels.items())
        self._series[key] = self._series.get(key, 0.0) + amount

    def set(self, labels: Labels, value: float) -> None:
        self._series[tuple(labels.items())] = float(value)

    def lines(self) -> Iterator[str]:
        if self._series:
            yield f"# HELP {self.name} {self._help}\n# TYPE {self.name} {self._kind}\n"
        for key, value in self._series.items():
            yield _written(self.name, key, value)


class Histogram:
    """Observations in buckets; bounds are upper ones, of which the last, infinity, is added."""

    def __init__(self, name: str, help: str, bounds: Sequence[float]) -> None:
        self.name, self._help, self._bounds = name, help, tuple(map(float, bounds))
        self._series: dict[_Key, tuple[list[int], list[float]]] = {}

    def observe(self, labels: Labels, value: float, times: int = 1) -> None:
        """Count a value so many times."""
        key = tuple(labels.items())
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = [0] * (len(self._bounds) + 1), [0.0]
        found[0][bisect_left(self._bounds, value)] += times
        found[1][0] += value * times

    def lines(self) -> Iterator[str]:
        if self._series:
            yield f"# HELP {self.name} {self._help}\n# TYPE {self.name} histogram\n"
        for key, (counts, total) in self._series.items():
            yield _written(f"{self.name}_sum", key, total[0])
            seen = 0
            for bound, count in zip((*map(repr, self._bounds), "+Inf"), counts, strict=True):
                seen += count
                yield _written(f"{self.name}_bucket", (*key, ("le", bound)), float(seen))
            yield _written(f"{self.name}_count", key, float(seen))
