"""Poison: a record that nobody foresaw stops its batch again and again. It is found, put aside, its neighbours go on.

Batches whose work failed three times at the same place are halved until one record fails alone.
"""

from collections.abc import Sequence

from .job import Inbound

TOGETHER = 3
"""So often the work on the same first record may fail before it is looked for who is to blame."""
ALONE = 3

Place = tuple[int, int]


class Suspects:
    """Counts failures by the first offset of each partition, and says how many records to take next."""

    def __init__(self) -> None:
        self._counts: dict[int, tuple[int, int]] = {}
        self._size = 0
        self._unsuspected_after = 0
        self._found = False
        self._alone: dict[Place, int] = {}
        self._details: dict[Place, str] = {}

    @property
    def looking(self) -> bool:
        """Whether batches are small on purpose."""
        return self._size > 0

    def limit(self, records: int) -> int:
        """Return how many records to take where `records` would do otherwise."""
        return min(records, self._size) if self.looking else records

    def failed(self, batch: Sequence[Inbound], detail: str) -> None:
        """Be told that the work on a batch failed, and nobody knows of whose fault."""
        if len(batch) == 1:
            self._failed_alone(batch[0], detail)
        if self.looking:
            self._size = max(1, len(batch) // 2)
        elif self._count(batch) >= TOGETHER:
            self._size = max(1, len(batch) // 2)
            self._unsuspected_after, self._found = len(batch), False

    def _failed_alone(self, record: Inbound, detail: str) -> None:
        place = (record.partition, record.offset)
        self._alone[place] = self._alone.get(place, 0) + 1
        self._details[place] = detail

    def _count(self, batch: Sequence[Inbound]) -> int:
        """Count this failure against the first offset of each partition; return the highest count."""
        firsts: dict[int, int] = {}
        for record in batch:
            firsts.setdefault(record.partition, record.offset)
        for partition, offset in firsts.items():
            before, count = self._counts.get(partition, (offset, 0))
            self._counts[partition] = (offset, count + 1 if before == offset else 1)
        return max(self._counts[partition][1] for partition in firsts)

    def guilt(self, batch: Sequence[Inbound]) -> str:
        """Return what stops a record that failed alone too often; empty for every other batch."""
        place = (batch[0].partition, batch[0].offset)
        return self._details[place] if len(batch) == 1 and self._alone.get(place, 0) >= ALONE else ""

    def passed(self, batch: Sequence[Inbound]) -> None:
        """Be told that a batch is committed."""
        if not (self.looking or self._counts):
            return
        for record in batch:
            self._counts.pop(record.partition, None)
            if self._alone.pop((record.partition, record.offset), None):
                self._found = True
        self._go_on(len(batch))

    def _go_on(self, records: int) -> None:
        """Look on, until as many records passed as failed together at first; larger once the culprit is found."""
        self._unsuspected_after -= records
        if self._unsuspected_after <= 0:
            self._size = 0
            self._alone.clear()
            self._details.clear()
        elif self._found:
            self._size *= 2
