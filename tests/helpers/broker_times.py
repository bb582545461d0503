"""When Kafka took the records of a topic, and from when on they could be read, as its log segments say.

Topics of data keep Kafka's own time of each batch; what ends a transaction is a record of its own, behind which readers
of committed records see what it ends.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf
from pathlib import Path
from typing import NamedTuple

from segments import COMMITTED, CONTROL, PLAIN, Attempt, Batch, Log, batches, folders, raw


class Taken(NamedTuple):
    """A batch of `count` records: when Kafka took it and when its transaction was committed; never is infinity."""

    at: float
    readable_at: float
    count: int


Partitions = dict[int, list[Taken]]
"""A topic's batches in their order, by partition."""


@dataclass
class _Batches(Log):
    """A partition's log whose records are counted, not read."""

    found: list[tuple[Batch, Attempt]] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        if batch.flags & CONTROL:
            self.end(batch)
        else:
            self.found.append((batch, self.attempt(batch)))


def taken(data: Path, topic: str) -> Partitions:
    """Return what a Kafka whose logs lie in `data` took of a topic so far."""
    places = {number: one for (name, number), one in folders([data]).items() if name == topic}
    return {number: list(_taken(topic, number, folder)) for number, (folder,) in sorted(places.items())}


def _taken(topic: str, partition: int, folder: Path) -> Iterator[Taken]:
    log = _Batches(topic, partition)
    for batch in batches(raw(folder)):
        log.add(batch)
    for batch, attempt in log.found:
        ended = attempt.ended_ms / 1000 if attempt.outcome in {COMMITTED, PLAIN} else inf
        yield Taken(batch.at_ms / 1000, ended, batch.count)


def committed(partitions: Partitions) -> list[Taken]:
    """Return what can be read, of all partitions."""
    return [one for found in partitions.values() for one in found if one.readable_at < inf]


def count(batches: list[Taken]) -> int:
    """Return how many records they hold."""
    return sum(one.count for one in batches)


def last(batches: list[Taken], since: float) -> tuple[float, float]:
    """Return how long after `since` the last was taken, and how long after it the last could be read."""
    return max(one.at for one in batches) - since, max(one.readable_at for one in batches) - since


def delays(source: list[Taken], view: list[Taken]) -> Iterator[tuple[float, float]]:
    """Yield for each batch of a view's partition when it could be read, and how long after its first record was taken.

    For a view that leaves nothing out: its n-th record comes of the n-th of its source.
    """
    ends = list(accumulate(one.count for one in source))
    first = 0
    for one in view:
        if one.readable_at < inf:
            yield one.readable_at, one.readable_at - source[bisect_right(ends, first)].at
            first += one.count
