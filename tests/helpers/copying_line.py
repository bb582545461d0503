"""A lane that copies records between two topics: what it was given, what it copied, where its group stands."""

import time
import uuid

import copying
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from penstock.streams.job import Inbound
from penstock.streams.runner import DEFAULTS, Runner

PARTITIONS = 3
CANARY = "a-value-that-no-log-may-hold"
"""The value of every record given."""


class Line:
    """A provider topic, a topic of copies, and a lane between them."""

    def __init__(self, cluster, hands, closing):
        self.cluster, self.hands, self._closing = cluster, hands, closing
        self.source, self.copies = hands.topic(partitions=PARTITIONS), hands.topic(partitions=PARTITIONS)
        self.group = f"lane-{uuid.uuid4().hex[:8]}"
        self.given = 0
        self.works = []

    def give(self, count):
        """Publish records, as a publisher does: committed, to every partition."""
        producer = Producer({"bootstrap.servers": self.cluster.bootstrap, "linger.ms": 5, "enable.idempotence": True})
        producer.list_topics(self.source, 10)  # else the client looks for the topic half a second later
        for number in range(count):
            producer.produce(self.source, CANARY.encode(), key=b"k", partition=number % PARTITIONS)
        assert producer.flush(20) == 0
        self.given += count

    def copy(self, batch):
        self.works.append(copying.Copy(batch, self.copies, lambda _: None))
        return self.works[-1]

    def runner(self, prepare=None, slot="0", cluster=None, manner=DEFAULTS):
        job = copying.Copying(prepare or self.copy)
        runner = self._closing(Runner(cluster or self.cluster, self.source, self.group, slot, job))
        runner.start(manner)
        return runner

    def run(self, runner, until=None, timeout_s=30.0):
        """Step until everything given is copied (or `until` holds); return how many records were done."""
        done, deadline = 0, time.monotonic() + timeout_s
        while not (until() if until else done >= self.given):
            assert time.monotonic() < deadline, f"{done} of {self.given} done"
            done += runner.step()
        return done

    def copied(self, *, committed=True):
        """Copies per partition, in order."""
        isolation = "read_committed" if committed else "read_uncommitted"
        consumer = Consumer({**self.cluster.reader(), "auto.offset.reset": "earliest", "isolation.level": isolation})
        consumer.assign([TopicPartition(self.copies, one, 0) for one in range(PARTITIONS)])
        found, ended = {one: [] for one in range(PARTITIONS)}, set()
        while len(ended) < PARTITIONS:
            for message in consumer.consume(1000, 0.1):
                if message.error() is None:
                    found[message.partition()].append(message.value())
                else:
                    assert message.error().code() == KafkaError._PARTITION_EOF
                    ended.add(message.partition())
        consumer.close()
        return found

    def expected(self):
        each = [self.given // PARTITIONS + (one < self.given % PARTITIONS) for one in range(PARTITIONS)]
        return {
            one: [copying.copied(Inbound(one, offset, None, None, 0)) for offset in range(each[one])]
            for one in range(PARTITIONS)
        }

    def offsets(self):
        """The group's offsets as an onlooker sees them."""
        consumer = Consumer(
            {"bootstrap.servers": self.cluster.bootstrap, "group.id": self.group, "isolation.level": "read_uncommitted"}
        )
        found = consumer.committed([TopicPartition(self.source, one) for one in range(PARTITIONS)], timeout=10)
        consumer.close()
        return [max(one.offset, 0) for one in found]
