"""Asking Kafka where a partition begins and ends, beside whoever reads it."""

import contextlib
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from .clients import make
from .settings import Cluster

ASK_S = 2.0
PAUSE_S = 0.05


class Asking:
    """A connection of its own for such questions: on a reader's the answer waits behind a fetch. Not thread-safe.

    `committed`: the end as far as readers of committed records come, before the first transaction that is open; else
    the offset after the last record of any kind.
    """

    def __init__(self, cluster: Cluster, *, committed: bool = False) -> None:
        isolation = "read_committed" if committed else "read_uncommitted"
        self._client = make(Consumer, {**cluster.reader(), "isolation.level": isolation})

    def span(self, topic: str, partition: int, patience_s: float) -> tuple[int, int] | None:
        """Return the offsets of the first record and after the last; None when Kafka does not say within `patience_s`.

        The client (librdkafka 2.16) asks the broker that led the partition when it first looked, and looks again only
        after a quarter of an hour: if that broker is gone, no second question reaches its successor. So after each
        failure it is told to look who leads now.
        """
        place, deadline = TopicPartition(topic, partition), time.monotonic() + patience_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                low, high = self._client.get_watermark_offsets(place, timeout=min(ASK_S, left))
            except KafkaException:
                self._look_again(topic, deadline)
            else:
                return low, high
        return None

    def _look_again(self, topic: str, deadline: float) -> None:
        time.sleep(PAUSE_S)
        left = deadline - time.monotonic()
        if left > 0:
            with contextlib.suppress(KafkaException):
                self._client.list_topics(topic, timeout=min(ASK_S, left))

    def close(self) -> None:
        self._client.close()
