"""What a run has said so far: counts of everything, the rows of what is not simply right."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from seatrial.verdict import Verdict

Row = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """Counts per set and verdict; `open` are the rows that a reader has to see, in the order they fell.

    Of the requirements in `watched`, which waivers name, it also remembers in which sets they were `decided`.
    """

    watched: frozenset[str] = frozenset()
    counts: dict[str, Counter[Verdict]] = field(default_factory=dict)
    open: list[Row] = field(default_factory=list)
    waived: set[tuple[str, str, str]] = field(default_factory=set)
    decided: set[tuple[str, str]] = field(default_factory=set)

    def add(self, requirement: str, set: str, verdict: Verdict, row: Row | None) -> None:
        """Count a verdict; `row` is given where there is more to say."""
        self.counts.setdefault(set, Counter())[verdict] += 1
        if verdict.judged and requirement in self.watched:
            self.decided.add((set, requirement))
        if row is None:
            return
        if not verdict.fine:
            self.open.append(row)
        for finding in row["waived"]:
            self.waived.add((set, requirement, finding["object"]))

    @property
    def total(self) -> Counter[Verdict]:
        total: Counter[Verdict] = Counter()
        for counts in self.counts.values():
            total.update(counts)
        return total

    @property
    def judged(self) -> bool:
        return any(verdict.judged and count for verdict, count in self.total.items())

    def outcome(self, complete: bool) -> str:
        """One word for the run: `failure`, `inconclusive` or `success`, which only a complete run can be."""
        total = self.total
        if total[Verdict.FAILED]:
            return "failure"
        undecided = total[Verdict.ERROR] + total[Verdict.CANNOT_TELL] + total[Verdict.NOT_RUN]
        return "inconclusive" if undecided or not self.judged or not complete else "success"
