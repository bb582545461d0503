"""Lag as people mean it: how old the oldest record is that a lane has not yet dealt with."""

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from .consuming import take
from .settings import Cluster


class LagProbe:
    """Asks Kafka, not the worker, so that a dead worker's lag is seen to grow."""

    def __init__(self, cluster: Cluster, topic: str, group: str, partitions: int) -> None:
        self._partitions = [TopicPartition(topic, one) for one in range(partitions)]
        self._group = Consumer({**cluster.reader(), "group.id": group})
        self._reader = Consumer({**cluster.reader(), "auto.offset.reset": "earliest"})

    def seconds(self, now_ms: int, wait_s: float = 2.0) -> float | None:
        """Return now minus the append time of the oldest uncommitted record; 0 when there is none.

        None when Kafka gave no answer within `wait_s`: unknown is not zero.
        """
        try:
            committed = self._group.committed(self._partitions, timeout=wait_s)
        except KafkaException:
            return None
        self._reader.assign([_from(one) for one in committed])
        oldest: int | None = None
        waiting = {one.partition for one in committed}
        while waiting:
            messages = take(self._reader, len(waiting) * 2, wait_s)
            if not messages:
                return None
            for message in messages:
                error = message.error()
                partition = message.partition() or 0
                if error is None and partition in waiting:
                    appended = message.timestamp()[1]
                    oldest = appended if oldest is None else min(oldest, appended)
                if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own constant
                    waiting.discard(partition)
        return 0.0 if oldest is None else max(0.0, (now_ms - oldest) / 1000)

    def close(self) -> None:
        self._group.close()
        self._reader.close()


def _from(committed: TopicPartition) -> TopicPartition:
    start = committed.offset if committed.offset >= 0 else -2
    return TopicPartition(committed.topic, committed.partition, start)
