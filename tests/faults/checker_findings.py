"""What a checker finds: how much of each kind, and where the first of each kind lie."""

from collections import Counter
from dataclasses import dataclass, field

KINDS = (
    "missing",  # an input record is in no view that owes it, is told of to nobody, or is gone from Kafka
    "duplicates",  # a record of a view or a disclosure that a reader sees again
    "reordered",  # a record of a view that comes after one of a later input of its partition
    "torn",  # of what one transaction holds, readers see a part
    "forbidden",  # anything that the oracle does not permit, in aborted attempts too
    "leaks",  # a canary in clear
    "redrawn",  # one input whose noise is not the same in all attempts
    "hung",  # a transaction that nobody ended
    "unquarantined",  # poison that is not in quarantine once, with a reason
)
EXAMPLES = 5


@dataclass
class Findings:
    """Counts by kind; examples name places, never values."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, place: str, number: int = 1) -> None:
        assert kind in KINDS, kind
        self.counts[kind] += number
        first = self.examples.setdefault(kind, [])
        if len(first) < EXAMPLES:
            first.append(place)

    def by_kind(self) -> dict[str, int]:
        return {kind: self.counts[kind] for kind in KINDS}
