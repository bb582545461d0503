"""Copies beside their input: what was lost, repeated, put out of order, or is held back by a transaction that hangs."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import copying
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from penstock.streams.runner import Inbound
from penstock.streams.settings import Cluster


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many records each anomaly touched. `strange`: copies of nothing that was given."""

    missing: int = 0
    repeated: int = 0
    reordered: int = 0
    strange: int = 0
    hanging: int = 0


def judge(cluster: Cluster, source: str, copies: str, partitions: int) -> Verdict:
    """Compare committed copies with the input, partition by partition."""
    given, made = _values(cluster, source, partitions), _values(cluster, copies, partitions)
    found = [_judged(_expected(one, given[one]), made[one]) for one in range(partitions)]
    hanging = sum(_hanging(cluster, copies, one) for one in range(partitions))
    return Verdict(*(sum(each) for each in zip(*found, strict=True)), hanging=hanging)


def _expected(partition: int, given: list[tuple[int, bytes]]) -> list[bytes]:
    return [copying.copied(Inbound(partition, offset, None, None, 0)) for offset, _ in given]


def _judged(expected: list[bytes], made: list[tuple[int, bytes]]) -> tuple[int, int, int, int]:
    times = Counter(value for _, value in made)
    place = {value: number for number, value in enumerate(expected)}
    order = [place[value] for _, value in made if value in place]
    return (
        sum(times[value] == 0 for value in expected),
        sum(times[value] - 1 for value in expected if times[value]),
        sum(later < earlier for earlier, later in itertools.pairwise(order)),
        sum(value not in place for _, value in made),
    )


def _values(cluster: Cluster, topic: str, partitions: int) -> dict[int, list[tuple[int, bytes]]]:
    found: dict[int, list[tuple[int, bytes]]] = {one: [] for one in range(partitions)}
    for partition, offset, value in _committed(cluster, topic, partitions):
        found[partition].append((offset, value))
    return found


def _committed(cluster: Cluster, topic: str, partitions: int) -> Iterator[tuple[int, int, bytes]]:
    consumer = Consumer({**cluster.reader(), "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, one, 0) for one in range(partitions)])
    ended: set[int] = set()
    while len(ended) < partitions:
        for message in consumer.consume(1000, 0.1):
            error = message.error()
            if error is None:
                yield message.partition(), message.offset(), message.value()
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
    consumer.close()


def committed_offsets(cluster: Cluster, group: str, topic: str, partitions: int) -> list[int]:
    """Return the group's offsets as an onlooker sees them, 0 where there are none."""
    settings = {"bootstrap.servers": cluster.bootstrap, "group.id": group, "isolation.level": "read_uncommitted"}
    consumer = Consumer({**settings, "log_level": 0})
    try:
        found = _answered(consumer, [TopicPartition(topic, one) for one in range(partitions)])
        return [max(one.offset, 0) for one in found]
    finally:
        consumer.close()


def _answered(consumer: Consumer, asked: list[TopicPartition]) -> list[TopicPartition]:
    """The coordinator may be on its way, for a group that is new as for one whose broker went."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return consumer.committed(asked, timeout=5)
        except KafkaException:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _hanging(cluster: Cluster, topic: str, partition: int) -> int:
    """How many records lie behind the last stable offset: somebody's transaction neither committed nor aborted."""
    ends = []
    for isolation in ("read_uncommitted", "read_committed"):
        consumer = Consumer({**cluster.reader(), "isolation.level": isolation})
        ends.append(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1])
        consumer.close()
    return ends[0] - ends[1]
