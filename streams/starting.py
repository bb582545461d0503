"""Where on a provider topic an agreement begins, and a lane that is new."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import OFFSET_END, Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from ..schemas.errors import UnavailableError
from .clients import make
from .settings import Cluster

PATIENCE_S = 20.0
CALL_S = 5.0
PAUSE_S = 0.1

Answer = TypeVar("Answer")


def offsets_from(cluster: Cluster, topic: str, partitions: int, at_ms: int) -> dict[int, int]:
    """Return, by partition, the first offset whose record was appended at `at_ms` or later; the end where none was.

    Raises UnavailableError when Kafka does not say it.
    """
    consumer = make(Consumer, cluster.reader())
    try:
        return _patiently(topic, lambda: _found(consumer, topic, partitions, at_ms))
    finally:
        consumer.close()


def _found(consumer: Consumer, topic: str, partitions: int, at_ms: int) -> dict[int, int]:
    asked = [TopicPartition(topic, one, at_ms) for one in range(partitions)]
    found = {one.partition: one.offset for one in consumer.offsets_for_times(asked, timeout=CALL_S)}
    for partition, offset in found.items():
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=CALL_S)
        found[partition] = high if offset in {OFFSET_END, -1} else low if at_ms == 0 else offset
    return found


def begin_beside(cluster: Cluster, first: str, group: str, topic: str, partitions: int) -> dict[int, int]:
    """Let a group that has no position begin where the group `first` stands; return where that is.

    Partitions on which `first` has no position yet are left out: both begin at the beginning.
    """
    admin = make(AdminClient, cluster.client())
    stands = _patiently(group, lambda: _positions(admin, first, topic, partitions))
    if stands and not _patiently(group, lambda: _positions(admin, group, topic, partitions)):
        offsets = [TopicPartition(topic, partition, offset) for partition, offset in stands.items()]
        asked = ConsumerGroupTopicPartitions(group, offsets)
        _patiently(group, lambda: _result(admin.alter_consumer_group_offsets([asked])))
    return stands


def _positions(admin: AdminClient, group: str, topic: str, partitions: int) -> dict[int, int]:
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, one) for one in range(partitions)])
    found = _result(admin.list_consumer_group_offsets([asked], require_stable=True))
    return {one.partition: one.offset for one in found.topic_partitions if one.offset >= 0}


def _result(futures: Mapping[str, Any]) -> Any:
    (future,) = futures.values()
    return future.result(CALL_S)


def _patiently(place: str, ask: Callable[[], Answer]) -> Answer:
    """Ask until there is an answer: a topic that was just made may not be known everywhere."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except (KafkaException, TimeoutError) as failure:
            if time.monotonic() > deadline:
                said = failure.args[0].name() if isinstance(failure, KafkaException) else "no answer"
                raise UnavailableError(
                    f"Kafka does not say where it begins ({said})", place=place, remedy="is Kafka running?"
                ) from None
        time.sleep(PAUSE_S)
