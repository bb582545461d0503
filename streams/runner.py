"""The transaction runner: consume a batch, make what follows from it, one Kafka transaction, commit.

Guarantee (law 2): for read_committed readers, each input record's effects and the group's offsets appear together,
once. What makes it so is in the order of the steps; see `Runner.step`.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from ..schemas.errors import PenstockError, RoleExit, UnavailableError
from .clients import make
from .settings import Cluster
from .transaction import Transaction, TransactionAborted, TransactionalProducer

BATCH_RECORDS = 5_000
BATCH_WAIT_S = 0.05
REWIND_S = 30.0
ABORT_PAUSE_S = 0.2
"""Before a batch is done again: whatever was in the way may need a moment to go."""
ASK_AGAIN_S = 0.1

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
        self._consumer = make(Consumer, cluster.member(group, f"{group}.{slot}"))

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
            time.sleep(ABORT_PAUSE_S)
            return 0
        except UnavailableError:
            self._rewind()
            raise
        except PenstockError:
            raise
        except Exception as failure:  # noqa: BLE001 - its message may quote a record (law 5): say its kind and place
            raise RoleExit(f"a batch cannot be done: {_kind_and_place(failure)}", place=self.transactional_id) from None
        return len(batch)

    def _commit(self, batch: list[Inbound], metadata: Any) -> None:
        work = self._prepare(batch)
        started = time.monotonic()
        try:
            with self._producer.transaction() as transaction:
                work.produce(transaction)
                transaction.send_offsets(self._positions(batch), metadata)
        except (TransactionAborted, UnavailableError):
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
        for partition in self._committed(assigned):
            self._seek(partition)

    def _committed(self, assigned: list[TopicPartition]) -> list[TopicPartition]:
        """Return the committed offsets. An unfinished transaction holds the answer back until it ends."""
        deadline = time.monotonic() + REWIND_S
        while time.monotonic() < deadline:
            try:
                committed = self._consumer.committed(assigned, timeout=5.0)
            except KafkaException as failure:
                log.info("%s: committed offsets: %s", self.transactional_id, failure.args[0].name())
            else:
                if not any(partition.error for partition in committed):
                    return committed
            time.sleep(ASK_AGAIN_S)
        raise RoleExit("the committed offsets cannot be read", place=self.transactional_id)

    def _seek(self, committed: TopicPartition) -> None:
        start = committed.offset if committed.offset >= 0 else OFFSET_BEGINNING
        try:
            self._consumer.seek(TopicPartition(committed.topic, committed.partition, start))
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            # _STATE: the partition does not run here yet, or no more: it starts from the committed offset by itself.
            if error.code() != KafkaError._STATE:  # noqa: SLF001 - the client's own constant
                raise RoleExit(f"no going back ({error.name()})", place=self.transactional_id) from None

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


def _kind_and_place(failure: Exception) -> str:
    frame = traceback.extract_tb(failure.__traceback__)[-1]
    return f"{type(failure).__name__} at {Path(frame.filename).name}:{frame.lineno}"
