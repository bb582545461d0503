"""What a transaction runner is asked to do: a job, and the work that it makes of a batch."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, Self

from confluent_kafka import Message

from .open_transaction import Transaction


class Inbound(NamedTuple):
    """A record read from the runner's topic. `value` may be None (a tombstone)."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    appended_ms: int

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return the record that a message of the client carries."""
        partition, offset, appended_ms = message.partition() or 0, message.offset() or 0, message.timestamp()[1]
        return tuple.__new__(cls, (partition, offset, message.key(), message.value(), appended_ms))


class Work(Protocol):
    """What is to be done about one batch."""

    def produce(self, transaction: Transaction) -> None:
        """Hand the prepared records to an open transaction."""
        ...

    def check(self) -> None:
        """Be asked when Kafka has every record and the offsets are to follow.

        Raises TransactionAborted where what was decided is out of date (law 7): the batch will be prepared again.
        """
        ...

    def committed(self, seconds: float) -> None:
        """Be told that the transaction, which took `seconds`, is committed."""
        ...

    def aborted(self) -> None:
        """Be told that the transaction was aborted: the batch will be prepared again."""
        ...


class Job(Protocol):
    """What a runner does. All of it is asked in the runner's thread, between transactions."""

    def taken_over(self) -> None:
        """Be told that partitions are newly ours, or that a transaction of ours had no clear end.

        What was committed before is committed by now, and nothing else of it can still be. Raises UnavailableError
        when that cannot be taken in yet: it is told again.
        """
        ...

    def prepare(self, batch: list[Inbound]) -> Work:
        """Turn a batch into work.

        Everything durable outside Kafka happens here, before the transaction begins: if that is aborted, this is asked
        again with the same records, or with fewer or more.
        """
        ...

    def refused(self, topics: Mapping[str, str]) -> bool:
        """Be told that Kafka took no record for `topics`, by name, and which error it gave; the transaction is aborted.

        True: the next work on these records will do without; no attempt counts against any of them.
        """
        ...

    def isolate(self, record: Inbound, detail: str) -> Work:
        """Return the work that puts aside a record whose work failed alone, again and again."""
        ...
