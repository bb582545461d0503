"""The transaction runner: consume a batch, make what follows from it, one Kafka transaction, commit.

Guarantee (law 2): for read_committed readers, each input record's effects and the group's offsets appear together,
once. What makes it so is in the order of the steps; see `Runner.step`.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ..schemas.errors import RoleExit, UnavailableError
from .settings import Cluster
from .transaction import Transaction, TransactionAborted, TransactionalProducer

BATCH_RECORDS = 5_000
BATCH_WAIT_S = 0.05
REWIND_S = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inbound:
    """A record read from the runner's topic. `value` may be None (a tombstone)."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    appended_ms: int


class Work(Protocol):
    """What is to be done about one batch."""

    def produce(self, transaction: Transaction) -> None:
        """Hand the prepared records to an open transaction."""
        ...

    def committed(self, seconds: float) -> None:
        """Be told that the transaction, which took `seconds`, is committed."""
        ...

    def aborted(self) -> None:
        """Be told that the transaction was aborted: the batch will be prepared again."""
        ...


Prepare = Callable[[list[Inbound]], Work]
"""Turns a batch into work. Everything durable outside Kafka happens here, before the transaction begins: if the
transaction is aborted, `Prepare` is asked again with the same records."""


class Runner:
    """One slot of a lane: a static group member and a transactional producer with a stable id."""

    def __init__(self, cluster: Cluster, topic: str, group: str, slot: str, prepare: Prepare) -> None:
        self.transactional_id = f"{group}.{slot}"
        self._prepare = prepare
        self._topic = topic
        self._owned: set[int] = set()
        self._producer = TransactionalProducer(cluster, self.transactional_id)
        self._consumer = Consumer(cluster.member(group, f"{group}.{slot}"), logger=log)

    def start(self) -> None:
        """Take the slot over: whoever held it is fenced, what it left open is aborted."""
        self._producer.init()
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def step(self, wait_s: float = BATCH_WAIT_S) -> int:
        """Do one batch and return the number of records in it. Raises RoleExit when this process must be replaced."""
        messages = self._consumer.consume(BATCH_RECORDS, wait_s)
        # Taken now: rebalances are served inside consume() only, so this names the ownership the batch was read under.
        metadata, member = self._consumer.consumer_group_metadata(), self._consumer.memberid()
        batch = [_inbound(message) for message in self._owned_only(messages)]
        if not batch:
            return 0
        if not member:
            self._rewind()
            return 0
        try:
            self._commit(batch, metadata)
        except TransactionAborted as aborted:
            log.warning("%s: %s; the batch is done again", self.transactional_id, aborted.message)
            self._rewind()
            return 0
        except UnavailableError:
            self._rewind()
            raise
        return len(batch)

    def _commit(self, batch: list[Inbound], metadata: Any) -> None:
        work = self._prepare(batch)
        started = time.monotonic()
        try:
            with self._producer.transaction() as transaction:
                work.produce(transaction)
                transaction.send_offsets(self._positions(batch), metadata)
        except TransactionAborted:
            work.aborted()
            raise
        work.committed(time.monotonic() - started)

    def _positions(self, batch: Iterable[Inbound]) -> list[TopicPartition]:
        """Return the offsets after the batch: counted from what was processed, never asked of the consumer."""
        after = {record.partition: record.offset + 1 for record in batch}
        return [TopicPartition(self._topic, partition, offset) for partition, offset in after.items()]

    def _owned_only(self, messages: list[Message]) -> list[Message]:
        good = []
        for message in messages:
            error = message.error()
            if error is None:
                if message.partition() in self._owned:
                    good.append(message)
            elif error.code() == KafkaError._FATAL or error.fatal():  # noqa: SLF001 - fatal errors arrive under this code
                raise RoleExit("the consumer cannot go on; it was replaced or fenced", place=self.transactional_id)
            else:
                log.warning("%s: %s", self.transactional_id, error.name())
        return good

    def _rewind(self) -> None:
        """Go back to the committed offsets, so that what was not committed is read again."""
        assigned = self._consumer.assignment()
        if not assigned:
            return
        deadline = time.monotonic() + REWIND_S
        while True:
            try:
                committed = self._consumer.committed(assigned, timeout=5.0)
                break
            except KafkaException as failure:
                # An unfinished transaction holds the answer back until it ends.
                if time.monotonic() > deadline:
                    raise RoleExit(
                        f"the committed offsets cannot be read ({failure.args[0].name()})", place=self.transactional_id
                    ) from None
        for partition in committed:
            self._seek(partition)

    def _seek(self, partition: TopicPartition) -> None:
        try:
            self._consumer.seek(
                TopicPartition(partition.topic, partition.partition, partition.offset if partition.offset >= 0 else -2)
            )
        except KafkaException as failure:
            # _STATE: the partition is on its way to another member, which starts from the committed offset by itself.
            log.info("%s: seek: %s", self.transactional_id, failure.args[0].name())

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.update(one.partition for one in partitions)

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.difference_update(one.partition for one in partitions)

    def close(self) -> None:
        """Leave. A static member keeps its partitions for the next incarnation of the slot."""
        self._consumer.close()
        self._producer.close()


def _inbound(message: Message) -> Inbound:
    return Inbound(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=message.key(),
        value=message.value(),
        appended_ms=message.timestamp()[1],
    )
