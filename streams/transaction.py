"""Kafka transactions: the only file that calls a producer's transaction methods.

Errors fall into three classes (KIP-98, librdkafka's transactional producer): abort and do the work again
(`TransactionAborted`), the same call again (done here, within a budget), and end the process so that it starts
again in the same slot (`RoleExit`).
"""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from ..schemas.errors import PenstockError, RecordError, RoleExit, UnavailableError
from ..schemas.reasons import Refusal
from .clients import ClientLog, make
from .settings import Cluster
from .unreturning import returning

INIT_S = 30.0
BUDGET_S = 12.0
"""A step's patience. Shorter than socket.timeout.ms, which the client sets to transaction.timeout.ms less 0.1 s: what
got no answer is given up here, before the client sends it again and the first copy can arrive later still."""

CALL_S = 5.0
GRACE_S = 3.0
PAUSE_S = 0.05
QUIET_S = 31.0
"""The client keeps quiet for 30 s about a connection that breaks in the same way again."""

_NO_TOPIC = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - the client's own constant
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - the client's own constant
}

Header = tuple[str, bytes]
Step = Callable[[float], None]
"""A call that takes at most so many seconds, and may be made again after it timed out."""

log = logging.getLogger(__name__)


class TransactionAborted(PenstockError):  # noqa: N818 - a state that the caller acts on: rewind, do the work again
    """The transaction was aborted, nothing of it is visible to read_committed readers; do the work again."""


class Transaction:
    """An open transaction. Not for use after its `with` block."""

    def __init__(self, producer: Producer, again: Callable[[Step], None]) -> None:
        self._producer = producer
        self._again = again
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
        """Hand one record over.

        Raises RecordError (`too_large`) for a record that no topic of ours takes: the transaction may go on without it.
        """
        more: dict[str, Any] = {"headers": list(headers)} if headers else {}
        try:
            while not self._taken(topic, value=value, key=key, partition=partition, **more):
                self._producer.poll(0.05)
        except KafkaException as failure:
            raise _produce_failure(failure.args[0], topic) from None
        self.produced += 1

    def _taken(self, topic: str, **record: Any) -> bool:
        """Give the client a record; False while its queue is full."""
        try:
            self._producer.produce(topic, **record)
        except BufferError:
            return False
        return True

    def send_offsets(self, positions: Sequence[TopicPartition], group_metadata: Any) -> None:
        """Make the consumer group's `positions` part of this transaction."""
        if positions:
            self._again(lambda s: self._send_offsets(list(positions), group_metadata, s))

    def _send_offsets(self, positions: list[TopicPartition], group_metadata: Any, patience_s: float) -> None:
        # When the group's coordinator goes down at the wrong moment the client forgets its time-out and waits without
        # end (confluentinc/librdkafka#5456, open).
        def send() -> None:
            self._producer.send_offsets_to_transaction(positions, group_metadata, patience_s)

        returning(send, patience_s + GRACE_S, "send_offsets_to_transaction")


class TransactionalProducer:
    """A producer whose every record is part of a transaction.

    Guarantees: a process that calls `init` fences every other holder of the same `transactional_id` and ends what
    it left open. Not thread-safe: one transaction at a time.
    """

    def __init__(self, cluster: Cluster, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self._ear = _Ear()
        self._began = math.inf
        self._open = False
        self._producer = make(Producer, cluster.transactional(transactional_id), self._ear)

    def init(self) -> None:
        """Take the transactional id over. Raises UnavailableError when the cluster does not answer in time."""
        with contextlib.suppress(KafkaException):
            # A client that knows the brokers finds the coordinator at once; else it looks again after half a second.
            self._producer.list_topics(timeout=CALL_S)
        if not self._within(INIT_S, self._producer.init_transactions):
            raise UnavailableError(
                "Kafka does not let a transaction begin",
                place=self.transactional_id,
                remedy="check that the brokers are up and reachable",
            )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction; commit when the block ends, abort when it raises.

        Raises TransactionAborted when the broker or the client lets it go no further, RoleExit when this process
        was replaced or nobody knows what became of its transaction; an exception of the block itself is raised
        again after the abort, also when the abort fails: then the next transaction raises RoleExit.
        """
        self._begin()
        try:
            yield Transaction(self._producer, self._again)
        except RoleExit:
            raise  # the next incarnation of the slot ends what is open
        except TransactionAborted:
            self._abort()
            raise
        except BaseException:
            try:
                self._abort()
            except RoleExit as failure:
                log.warning("the abort failed: %s", failure)
            raise
        self._commit()

    def _begin(self) -> None:
        """Begin, unless the last transaction's connection broke.

        The client sends what got no answer again, over a new connection, and the broker may still receive the first
        copy: a late EndTxn or TxnOffsetCommit would then hit this transaction. A fresh epoch makes it void.
        """
        try:
            self._producer.poll(0)  # serves the client's log
            self._begin_unless_broken()
        except KafkaException as failure:
            raise RoleExit(f"no transaction can begin ({_name(failure)})", place=self.transactional_id) from None
        self._open = True

    def _begin_unless_broken(self) -> None:
        if self._ear.broke_at > self._began - QUIET_S:
            raise RoleExit("the connection broke in the last transaction", place=self.transactional_id)
        self._began = time.monotonic()
        self._producer.begin_transaction()

    def _commit(self) -> None:
        try:
            self._again(self._producer.commit_transaction)
        except TransactionAborted:
            self._abort()
            raise
        self._open = False

    def _abort(self) -> None:
        """Abort. The client itself drops what it has not sent and waits for what it has."""
        self._again(self._producer.abort_transaction)
        self._open = False

    def _again(self, step: Step) -> None:
        """Take a step of an open transaction; one without an outcome is for a fresh incarnation to clear up."""
        if not self._within(BUDGET_S, step):
            raise RoleExit("Kafka did not finish a transaction step in time", place=self.transactional_id)

    def _within(self, budget_s: float, step: Step) -> bool:
        """Take `step` until it succeeds; False after `budget_s`. Only the same call may follow one that timed out."""
        deadline = time.monotonic() + budget_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                step(min(CALL_S, left))
            except KafkaException as failure:
                self._weigh(failure.args[0])
                time.sleep(PAUSE_S)
            else:
                return True
        return False

    def _weigh(self, error: KafkaError) -> None:
        """Return when the same call is to be made again."""
        if error.txn_requires_abort():
            raise TransactionAborted(f"the transaction was aborted ({error.name()})", place=self.transactional_id)
        if not (error.retriable() or error.code() == KafkaError._TIMED_OUT):  # noqa: SLF001 - the client's own constant
            raise RoleExit(f"the producer cannot go on ({error.name()})", place=self.transactional_id)

    def close(self) -> None:
        """Let the client's threads go. Not for use after it.

        An open transaction is left to the next holder of the id, or to the broker's time-out: the client's own close
        would abort it, and wait without end for a cluster that is gone.
        """
        if not self._open:
            self._producer.close()
        del self._producer


class _Ear(ClientLog):
    """Hears of broken connections that the client mended by itself: its log alone tells of them."""

    def __init__(self) -> None:
        self.broke_at = -math.inf

    def log(self, level: int, form: str, *words: str) -> None:
        super().log(level, form, *words)
        # A connection that broke before it was UP carried nothing of a transaction.
        if words[0] == "FAIL" and ("in state" not in words[-1] or "in state UP" in words[-1]):
            self.broke_at = time.monotonic()


def _produce_failure(error: KafkaError, topic: str) -> PenstockError:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return RecordError(Refusal.TOO_LARGE, f"the record is larger than {topic} takes", place=topic)
    if error.code() in _NO_TOPIC:
        return UnavailableError("the topic or its partition does not exist", place=topic, remedy="penstock apply DIR")
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - the client's own constant
        return RoleExit(f"the producer cannot go on ({error.name()})", place=topic)
    return TransactionAborted(f"a record was not accepted ({error.name()})", place=topic)


def _name(failure: KafkaException) -> str:
    error: KafkaError = failure.args[0]
    return error.name()
