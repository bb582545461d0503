"""Kafka transactions: the only file that calls a producer's transaction methods.

Errors fall into three classes (KIP-98, librdkafka's transactional producer): abort and do the work again
(`TransactionAborted`), the same call again (done here, within a budget), and end the process so that it starts
again in the same slot (`RoleExit`).
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from ..schemas.errors import PenstockError, RecordError, RoleExit, UnavailableError
from ..schemas.reasons import Refusal
from .settings import Cluster

BUDGET_S = 30.0
CALL_S = 5.0
"""One request's patience: shorter than socket.timeout.ms, so that a lost answer is noticed here first."""

Header = tuple[str, bytes]
log = logging.getLogger(__name__)


class TransactionAborted(PenstockError):  # noqa: N818 - a state that the caller acts on: rewind, do the work again
    """The transaction was aborted, nothing of it is visible to read_committed readers; do the work again."""


class Transaction:
    """An open transaction. Not for use after its `with` block."""

    def __init__(self, producer: Producer, patience: Callable[[Callable[[], None]], None]) -> None:
        self._producer = producer
        self._patience = patience
        self.produced = 0

    def produce(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int = -1,
        headers: Sequence[Header] | None = None,
    ) -> None:
        """Hand one record over. Raises RecordError (`too_large`) for a record that no topic of ours takes."""
        more: dict[str, Any] = {"headers": list(headers)} if headers else {}
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, partition=partition, **more)
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as failure:
                raise _produce_failure(failure, topic) from None
            else:
                self.produced += 1
                return

    def send_offsets(self, positions: Sequence[TopicPartition], group_metadata: Any) -> None:
        """Make the consumer group's `positions` part of this transaction."""
        if positions:
            self._patience(lambda: self._producer.send_offsets_to_transaction(list(positions), group_metadata, CALL_S))


class TransactionalProducer:
    """A producer whose every record is part of a transaction.

    Guarantees: a process that calls `init` fences every other holder of the same `transactional_id` and ends what
    it left open. Not thread-safe: one transaction at a time.
    """

    def __init__(self, cluster: Cluster, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self._producer = Producer(cluster.transactional(transactional_id), logger=log)

    def init(self) -> None:
        """Take the transactional id over. Raises UnavailableError when the cluster does not answer in time."""
        self._again(lambda: self._producer.init_transactions(CALL_S))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction; commit when the block ends, abort when it raises.

        Raises TransactionAborted when the broker or the client lets it go no further, RoleExit when this process
        was replaced; an exception of the block itself is raised again after the abort.
        """
        self._producer.begin_transaction()
        try:
            yield Transaction(self._producer, self._again)
        except BaseException:
            self._abort()
            raise
        self._commit()

    def _commit(self) -> None:
        try:
            self._again(lambda: self._producer.commit_transaction(CALL_S))
        except TransactionAborted:
            self._abort()
            raise
        except UnavailableError as failure:
            # The outcome is unknown: only a fresh incarnation, which reads the committed offsets, may go on.
            raise RoleExit(failure.message, place=failure.place, remedy=failure.remedy) from None

    def _abort(self) -> None:
        self._producer.purge()
        self._again(lambda: self._producer.abort_transaction(CALL_S))

    def _again(self, call: Callable[[], None]) -> None:
        """Make `call` until it succeeds. A time-out is an unknown outcome: only the same call may follow it."""
        deadline = time.monotonic() + BUDGET_S
        while True:
            try:
                call()
            except KafkaException as failure:
                self._weigh(failure.args[0], deadline)
            else:
                return

    def _weigh(self, error: KafkaError, deadline: float) -> None:
        if error.txn_requires_abort():
            raise TransactionAborted(f"the transaction was aborted ({error.name()})", place=self.transactional_id)
        if not (error.retriable() or error.code() == KafkaError._TIMED_OUT):  # noqa: SLF001 - the client's own constant
            raise RoleExit(f"the producer cannot go on ({error.name()})", place=self.transactional_id)
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"Kafka did not finish a transaction step ({error.name()})",
                place=self.transactional_id,
                remedy="check that the brokers are up and reachable",
            )

    def close(self) -> None:
        """Let the client's threads go. Open transactions time out at the broker."""
        self._producer.close()


def _produce_failure(failure: KafkaException, topic: str) -> PenstockError:
    error: KafkaError = failure.args[0]
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return RecordError(Refusal.TOO_LARGE, f"the record is larger than {topic} takes", place=topic)
    if error.fatal():
        return RoleExit(f"the producer cannot go on ({error.name()})", place=topic)
    return TransactionAborted(f"a record was not accepted ({error.name()})", place=topic)
