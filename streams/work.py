"""The work of one batch: which records, in which order, and who is told when it is committed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..processors.outcome import Output
from ..schemas.crash_points import passing
from ..schemas.observer import BatchCounts, ExchangeObserver
from .transaction import Transaction


class Record(NamedTuple):
    """A record for one of our own topics, all of which have one partition."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The work of one batch: accounts first, then releases.

    Should a transaction ever be torn, it then tells of more than was released, not of less. `current` raises
    TransactionAborted when what was decided is out of date. `done` is called once all of it is committed.
    """

    audit: Record
    disclosures: Sequence[Output]
    quarantine: Sequence[Record]
    states: Sequence[Record]
    releases: Sequence[Output]
    current: Callable[[], None]
    done: Callable[[], None]
    observer: ExchangeObserver
    counts: BatchCounts

    def produce(self, transaction: Transaction) -> None:
        _own(transaction, [self.audit])
        passing("audit_produced")
        transaction.produce_all(self.disclosures)
        passing("disclosures_produced")
        _own(transaction, self.quarantine)
        passing("quarantine_produced")
        _own(transaction, self.states)
        transaction.produce_all(self.releases)
        passing("releases_produced")

    def check(self) -> None:
        self.current()

    def committed(self, seconds: float) -> None:
        self.done()
        self.observer.batch(self.counts, seconds)

    def aborted(self) -> None:
        self.observer.aborted()


def _own(transaction: Transaction, records: Sequence[Record]) -> None:
    for one in records:
        if one.headers:
            transaction.produce(one.topic, one.value, key=one.key, headers=one.headers, partition=0)
    transaction.produce_all((one.topic, 0, one.key, one.value) for one in records if not one.headers)
