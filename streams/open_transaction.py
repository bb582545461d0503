"""An open Kafka transaction, as its work sees it: records in, everything there, the group's offsets with them."""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from ..schemas.errors import PenstockError, RecordError, RoleExit
from ..schemas.reasons import Refusal
from .clients import NO_TOPIC
from .outcomes import CLIENT_ERRORS, InDoubt, NotTaken, TopicMissing, error_in, weighed
from .refusals import Refusals
from .unreturning import returning

BUDGET_S = 12.0
"""A step's patience, a commit's too. Shorter than socket.timeout.ms, which the client sets to transaction.timeout.ms
less 0.1 s: what got no answer is given up here, before the client sends it again and the first copy can arrive later
still."""

FLUSH_S = 0.5
"""A flush that takes longer looks whether the topics are there: else the client waits for them, as long as it may."""
LOOK_S = 1.0
OFFSETS_S = 3.0
GRACE_S = 1.0

_GONE: Final = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART).name()

Header = tuple[str, bytes]
Step = Callable[[float], None]
"""A call that takes at most so many seconds, and may be made again after it timed out."""


class Transaction:
    """An open transaction. Not for use after its `with` block."""

    def __init__(self, producer: Producer, refusals: Refusals, again: Callable[[Step], None]) -> None:
        self._producer = producer
        self._refusals = refusals
        self._again = again
        self._topics: set[str] = set()
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

        Raises RecordError (`too_large`) for a record that no topic of ours takes, TopicMissing for a topic or partition
        that is not there: the transaction may go on without them. Raises NotTaken once a record before was not taken.
        """
        more: dict[str, Any] = {"headers": list(headers)} if headers else {}
        self._topics.add(topic)
        try:
            while not self._taken(topic, value=value, key=key, partition=partition, **more):
                self._producer.poll(0.05)
        except CLIENT_ERRORS as failure:
            raise self._produce_failure(error_in(failure), topic) from None
        self.produced += 1

    def produce_all(self, records: Iterable[tuple[str, int, bytes | None, bytes]]) -> None:
        """Hand records over: topic, partition, key, value. As `produce`, at half its cost for many."""
        give, topics = self._producer.produce, self._topics
        for topic, partition, key, value in records:
            topics.add(topic)
            try:
                give(topic, value, key, partition)
            except BufferError:
                self.produce(topic, value, key=key, partition=partition)
                continue
            except CLIENT_ERRORS as failure:
                raise self._produce_failure(error_in(failure), topic) from None
            self.produced += 1

    def _taken(self, topic: str, **record: Any) -> bool:
        """Give the client a record; False while its queue is full."""
        try:
            self._producer.produce(topic, **record)
        except BufferError:
            return False
        return True

    def _produce_failure(self, error: KafkaError, topic: str) -> PenstockError:
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            return RecordError(Refusal.TOO_LARGE, f"the record is larger than {topic} takes", place=topic)
        if error.code() in NO_TOPIC:
            return TopicMissing(topic, error.name())
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - the client's own constant
            return weighed(error, topic) or RoleExit(f"the producer cannot go on ({error.name()})", place=topic)
        # The transaction failed while it was being filled; the client's events say at which topic.
        with contextlib.suppress(*CLIENT_ERRORS):
            self._producer.poll(0)
        return NotTaken(self._refusals.topics, place=topic)

    def flush(self) -> None:
        """Return when Kafka has every record so far.

        Raises NotTaken as soon as it has refused one, and for a topic that is no longer there; InDoubt when nobody
        says in time what became of them.
        """
        deadline = time.monotonic() + BUDGET_S
        missing: set[str] = set()
        while self._unsent():
            self._require_taken()
            if time.monotonic() > deadline:
                raise InDoubt("Kafka did not say in time that it took every record")
            missing, before = self._missing(), missing
            if gone := missing & before:  # twice: a broker may hear of a new topic a moment later than others
                raise NotTaken(dict.fromkeys(gone, _GONE))
        self._require_taken()

    def _unsent(self) -> int:
        try:
            return self._producer.flush(FLUSH_S)
        except CLIENT_ERRORS as failure:
            error = error_in(failure)
            raise (weighed(error, "") or InDoubt(f"the records cannot be sent ({error.name()})")) from None

    def _require_taken(self) -> None:
        if self._refusals.any:
            raise NotTaken(self._refusals.topics or dict.fromkeys(self._missing(), _GONE))

    def _missing(self) -> set[str]:
        """Return those of the transaction's topics that the broker does not show us."""
        try:
            shown = self._producer.list_topics(timeout=LOOK_S).topics
        except KafkaException:
            return set()
        return {topic for topic in self._topics if topic not in shown or shown[topic].error is not None}

    def send_offsets(self, positions: Sequence[TopicPartition], group_metadata: Any) -> None:
        """Make the consumer group's `positions` part of this transaction."""
        if positions:
            self._again(lambda s: self._send_offsets(list(positions), group_metadata, s))

    def _send_offsets(self, positions: list[TopicPartition], group_metadata: Any, patience_s: float) -> None:
        # When the group's coordinator goes down at the wrong moment the client forgets its time-out and waits without
        # end (confluentinc/librdkafka#5456, open).
        within_s = min(patience_s, OFFSETS_S)

        def send() -> None:
            self._producer.send_offsets_to_transaction(positions, group_metadata, within_s)

        returning(send, within_s + GRACE_S, "send_offsets_to_transaction")
