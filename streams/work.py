"""The work of one batch: which records, in which order, and who is told when it is committed."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..processors.outcome import Output
from ..schemas.observer import BatchCounts, ExchangeObserver
from .transaction import Transaction


@dataclass(frozen=True, slots=True)
class Record:
    """A record for one of our own topics, all of which have one partition."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The work of one batch: accounts first, then releases.

    Should a transaction ever be torn, it then tells of more than was released, not of less.
    """

    accounts: Sequence[Record]
    releases: Sequence[Output]
    observer: ExchangeObserver
    counts: BatchCounts

    def produce(self, transaction: Transaction) -> None:
        for one in self.accounts:
            transaction.produce(one.topic, one.value, key=one.key, headers=one.headers, partition=0)
        for output in self.releases:
            transaction.produce(output.topic, output.value, key=output.key, partition=output.partition)

    def committed(self, seconds: float) -> None:
        self.observer.batch(self.counts, seconds)

    def aborted(self) -> None:
        self.observer.aborted()
