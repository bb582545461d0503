"""Reading a provider topic's past for one partition at a time, beside the group that reads its present."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from .asking import Asking
from .clients import make
from .consuming import take
from .runner import Inbound
from .settings import Cluster

PATIENCE_S = 2.0
LITTLE = {"queued.min.messages": 5_000, "queued.max.messages.kbytes": 16_384}


@dataclass(frozen=True, slots=True)
class Past:
    """Committed records from `first` up to, not including, `upto`. Between two of them are none."""

    records: Sequence[Inbound]
    first: int
    upto: int


class PastReader:
    """Reads where it is told to, ahead while nobody waits. Not thread-safe."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._topic = topic
        settings = {**cluster.reader(), **LITTLE, "auto.offset.reset": "earliest"}
        self._consumer = make(Consumer, settings)
        self._asking = Asking(cluster)
        self._at: tuple[int, int] | None = None
        self._heard = 0.0

    def read(self, partition: int, start: int, end: int, limit: int, wait_s: float) -> Past | None:
        """Return the next records, at most `limit`, of those from `start` up to `end`; None when none are here yet.

        Where the log begins behind `start`, so does what is returned: what was deleted is no more to be had.
        """
        if start >= end:
            return Past((), end, end)
        self._stand(partition, start)
        messages = take(self._consumer, limit, wait_s)
        if not messages:
            return None
        self._heard = time.monotonic()
        records = [Inbound.of(one) for one in messages if one.error() is None and (one.offset() or 0) < end]
        upto = end if _reaches(messages, end) else records[-1].offset + 1 if records else start
        self._at = (partition, upto) if upto < end else None
        if upto == start:
            return None
        return Past(records, self._first(partition, start, records, end), upto)

    def rest(self) -> None:
        """Stop reading ahead."""
        if self._at is not None:
            self._consumer.unassign()
            self._at = None

    def close(self) -> None:
        self._consumer.close()
        self._asking.close()

    def _stand(self, partition: int, start: int) -> None:
        """Stand at `start`, and again where nothing was heard for long: the end is reported once."""
        if self._at != (partition, start) or time.monotonic() > self._heard + PATIENCE_S:
            self._consumer.assign([TopicPartition(self._topic, partition, start)])
            self._at, self._heard = (partition, start), time.monotonic()

    def _first(self, partition: int, start: int, records: Sequence[Inbound], end: int) -> int:
        """Return `start`, or where the log begins if that is behind it. Markers leave gaps, too: the log is asked."""
        if records and records[0].offset == start:
            return start
        span = self._asking.span(self._topic, partition, PATIENCE_S)
        if span is None:
            return start
        return min(max(start, span[0]), records[0].offset if records else end)


def _reaches(messages: Sequence[Message], end: int) -> bool:
    """Say whether everything before `end` was read: something behind it was seen, or the end of the partition."""
    told = (one for one in messages if one.error() is None or _is_eof(one))
    return any((one.offset() or 0) + (one.error() is None) >= end for one in told)


def _is_eof(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - the client's own constant
