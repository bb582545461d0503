"""Lag as people mean it: how old the oldest record is that a lane has not yet dealt with."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from .clients import make
from .consuming import take
from .settings import Cluster


class LagProbe:
    """Asks Kafka, not the worker, so that a dead worker's lag is seen to grow."""

    def __init__(self, cluster: Cluster, topic: str, group: str, partitions: int) -> None:
        self._partitions = [TopicPartition(topic, one) for one in range(partitions)]
        # Offsets in an open transaction do not count, and the answer must not wait for its end: a worker may be dead.
        uncommitted = {"group.id": group, "isolation.level": "read_uncommitted"}
        self._group = make(Consumer, {**cluster.reader(), **uncommitted})
        little = {"auto.offset.reset": "earliest", "fetch.message.max.bytes": 65_536}  # the first record is enough
        self._reader = make(Consumer, {**cluster.reader(), **little})

    def seconds(self, now_ms: int, wait_s: float = 2.0) -> float | None:
        """Return now minus the append time of the oldest uncommitted record; 0 when there is none.

        None when Kafka gave no answer within `wait_s` for either of two questions: unknown is not zero.
        """
        try:
            committed = self._group.committed(self._partitions, timeout=wait_s)
        except KafkaException:
            return None
        if any(one.error for one in committed):
            return None
        self._reader.assign([_from(one) for one in committed])
        first = self._first({one.partition for one in committed}, wait_s)
        self._reader.unassign()
        if first is None:
            return None
        return max(0.0, (now_ms - min(first, default=now_ms)) / 1000)

    def _first(self, waiting: set[int], wait_s: float) -> list[int] | None:
        """Return the append time of each partition's next record, where there is one; None when one did not answer."""
        appended = []
        deadline = time.monotonic() + wait_s
        while waiting:
            messages = take(self._reader, len(waiting) * 2, max(0.0, deadline - time.monotonic()))
            if not messages:
                return None
            for message in messages:
                error = message.error()
                partition = message.partition()
                if error is None and partition in waiting:
                    appended.append(message.timestamp()[1])
                if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own constant
                    waiting.discard(partition or 0)
        return appended

    def close(self) -> None:
        self._group.close()
        self._reader.close()


def _from(committed: TopicPartition) -> TopicPartition:
    # 0 where nothing is committed: asked for the beginning by its name, the client takes half a second to find it.
    return TopicPartition(committed.topic, committed.partition, max(committed.offset, 0))
