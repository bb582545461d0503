"""Reading a one-partition topic of ours from its start, and going on from there."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ..schemas.errors import UnavailableError
from .asking import Asking
from .clients import NO_TOPIC, Complaint, make
from .consuming import take
from .settings import Cluster

PATIENCE_S = 20.0
NOT_KNOWN = -1
FIRST = 0
"""Where reading begins. Asked for the beginning by its name, the client first asks the broker which offset that is, and
waits half a second before it does. Where records were deleted, it goes to the first that is left."""
SETTLED_S = 60.0
"""A transaction of somebody who was killed ends within 15 s, and Kafka looks for such every 10 s."""
ASK_S = 1.0
STEP_S = 0.05
"""The client fills a batch or waits this long, even when the end is reached at once: it is the price of every look."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One committed record. `appended_ms` is its timestamp."""

    offset: int
    key: bytes | None
    value: bytes | None
    appended_ms: int


class Tail:
    """All committed records of partition 0 of a topic, in order, each once. Not thread-safe."""

    def __init__(self, cluster: Cluster, topic: str, *, start: int = FIRST) -> None:
        self.topic = topic
        self.offset = -1
        self._next = start
        self._end = NOT_KNOWN  # of the topic, markers included, when it was last reached
        self._cluster = cluster
        self._asking: Asking | None = None
        self._complaint = Complaint(cluster.bootstrap)
        settings = {**cluster.reader(), "auto.offset.reset": "earliest", "error_cb": self._complaint}
        self._consumer = make(Consumer, settings)
        self._assign()

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(self.topic, 0, self._next)])

    def poll(self, wait_s: float = 0.0, limit: int = 10_000) -> list[Entry]:
        """Return new records, at most `limit`, waiting up to `wait_s` for the first."""
        return [entry for entry in self._entries(wait_s, limit) if entry is not None]

    def to_end(self) -> Iterator[Entry]:
        """Yield every further record up to the topic's end as of now.

        Raises UnavailableError when the topic is not there or Kafka does not answer in time, RefusedError when it
        does not let us in.
        """
        if self._end != NOT_KNOWN and self._end_now() == self._end:
            return  # nothing came since, and no transaction is open
        self._assign()  # the end is reported once for each assignment
        deadline = time.monotonic() + PATIENCE_S
        ask_at = time.monotonic() + ASK_S
        ended = False
        while not ended and time.monotonic() < deadline:
            # A batch is taken whole: what arrived behind the end would not be given again by `poll`.
            for entry in self._entries(STEP_S, 10_000):
                if entry is None:
                    ended = True
                    continue
                deadline = time.monotonic() + PATIENCE_S
                yield entry
            self._complaint.check()
            if not ended and time.monotonic() > ask_at:
                self._require_topic()
                ask_at = deadline
        if not ended:
            raise UnavailableError("it could not be read to its end", place=self.topic, remedy="is Kafka running?")

    def to_settled_end(self) -> Iterator[Entry]:
        """Yield every further record up to the topic's end as of now, also what lies behind open transactions.

        A reader of committed records stops before the first transaction that is open, whoever's it is; what was
        committed behind it is waited for. Raises as `to_end` does.
        """
        yield from self.to_end()
        end, deadline = self._end_now(), time.monotonic() + SETTLED_S
        while self._end < end or end == NOT_KNOWN:
            if time.monotonic() > deadline or end == NOT_KNOWN:
                why = "Kafka does not tell its end" if end == NOT_KNOWN else "a transaction in it does not end"
                raise UnavailableError(why, place=self.topic, remedy="is Kafka running?")
            time.sleep(STEP_S)
            yield from self.to_end()

    @property
    def reached(self) -> int:
        """The end of the topic when it was last reached, markers included; NOT_KNOWN before that."""
        return self._end

    @property
    def position(self) -> int:
        """The offset up to which everything committed was given; 0 or less before anything was."""
        return max(self._end, self.offset + 1)

    def _end_now(self) -> int:
        """Return the offset after the last record of any kind; NOT_KNOWN when Kafka does not say it."""
        if self._asking is None:
            self._asking = Asking(self._cluster)
        span = self._asking.span(self.topic, 0, PATIENCE_S)
        return NOT_KNOWN if span is None else span[1]

    def _require_topic(self) -> None:
        """Raise UnavailableError when there is no such topic: the reader itself would wait for it to appear."""
        with contextlib.suppress(KafkaException):
            if self._consumer.list_topics(self.topic, timeout=PATIENCE_S).topics[self.topic].error is not None:
                raise self._absent()

    def _absent(self) -> UnavailableError:
        return UnavailableError("the topic does not exist", place=self.topic, remedy="run: penstock apply DIR")

    def _entries(self, wait_s: float, limit: int) -> Iterator[Entry | None]:
        """Yield records, and None where the end of the topic was reached."""
        for message in take(self._consumer, limit, wait_s):
            error = message.error()
            if error is None:
                entry = _entry(message)
                self.offset, self._next = entry.offset, entry.offset + 1
                yield entry
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own constant
                offset = message.offset()
                self._end = NOT_KNOWN if offset is None else offset
                yield None
            elif error.code() in NO_TOPIC:
                raise self._absent()

    def close(self) -> None:
        self._consumer.close()
        if self._asking is not None:
            self._asking.close()


def _entry(message: Message) -> Entry:
    return Entry(message.offset() or 0, message.key(), message.value(), message.timestamp()[1])
